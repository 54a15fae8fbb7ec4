/**
 * Where LibTorch may be, in the order in which it is looked for, and what is there. It is found when it is needed, since
 * nothing runs when the package is installed.
 */

import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type Elf, readElf } from './elf';

/** The package's own folder. */
export const root = path.join(__dirname, '../..');

/** The npm package that holds LibTorch for this platform. */
export const LIBTORCH_PACKAGE = `@netdissect/libtorch-${process.platform}-${process.arch}`;

const SOURCES = {
  LIBTORCH: 'the variable LIBTORCH',
  setup: '`netdissect-native setup`',
  build: 'what the addon was built for',
  package: `the package ${LIBTORCH_PACKAGE}`,
  python: "Python's torch",
  system: "the system's libraries",
};
export type Source = keyof typeof SOURCES;
export const sources = Object.keys(SOURCES) as Source[];
export const sourceInWords = (source: Source): string => SOURCES[source];

/** What was named on purpose is used or refused, and not passed over. */
export const isChosen = (source: Source): boolean => source === 'LIBTORCH' || source === 'setup';

/** What `build-info.json` beside the addon says of it. */
export interface BuildInfo {
  libtorchVersion: string;
  /** The folder, null for the addon that the package comes with. */
  libtorch: string | null;
}

/** A folder in which LibTorch was looked for. */
export interface Place {
  source: Source;
  folder: string;
  /** libtorch_cpu, whole path; null where it is not there. */
  library: string | null;
  version: string | null;
  flavour: 'cpu' | 'cuda' | 'rocm' | null;
}

/** The folder of what `setup` fetches and writes down: in `XDG_DATA_HOME`, or `~/.local/share`. */
export function dataFolder(): string {
  const base = process.env.XDG_DATA_HOME;
  return path.join(
    base && path.isAbsolute(base) ? base : path.join(os.homedir(), '.local/share'),
    'netdissect-native',
  );
}

export const settingFile = (): string => path.join(dataFolder(), 'settings.json');

/** The LibTorch folder that `setup` wrote down. */
function setting(): string | undefined {
  try {
    const { libtorch } = JSON.parse(fs.readFileSync(settingFile(), 'utf8'));
    return typeof libtorch === 'string' ? libtorch : undefined;
  } catch {
    return undefined;
  }
}

function ofPackage(): string | undefined {
  try {
    return path.dirname(require.resolve(`${LIBTORCH_PACKAGE}/package.json`));
  } catch {
    return undefined;
  }
}

/** Finding the package must not run it: that takes seconds. */
const FIND_TORCH =
  'import importlib.util as u; s = u.find_spec("torch"); print(s.submodule_search_locations[0] if s else "")';

function ofPython(): string | undefined {
  const { status, stdout } = spawnSync('python3', ['-c', FIND_TORCH], {
    cwd: os.tmpdir(),
    encoding: 'utf8',
    timeout: 20_000,
  });
  return (status === 0 && stdout.trim()) || undefined;
}

const libraryName = (name: string) => `lib${name}.${process.platform === 'darwin' ? 'dylib' : 'so'}`;

/** A folder of the system that has libtorch_cpu, also under the name of a version (`libtorch_cpu.so.1.13`). */
function ofSystem(): string | undefined {
  const folders = [
    ...(process.env.LD_LIBRARY_PATH ?? '').split(':'),
    ...['/usr/local/lib', '/usr/local/libtorch/lib', '/opt/libtorch/lib', '/usr/lib64', '/usr/lib'],
    ...(process.platform === 'linux'
      ? [`/usr/lib/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu`]
      : ['/opt/homebrew/lib']),
  ];
  return folders.filter(Boolean).find(folder => libraryIn(folder) !== null);
}

/** libtorch_cpu in a LibTorch folder or in its `lib`. */
function libraryIn(folder: string): string | null {
  const name = libraryName('torch_cpu');
  for (const inner of ['lib', ''])
    try {
      const within = path.join(folder, inner);
      const files = fs.readdirSync(within).filter(file => file === name || file.startsWith(`${name}.`));
      if (files.length > 0) return path.join(within, files.sort()[0]);
    } catch {}
  return null;
}

const read = (file: string) => {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return '';
  }
};

function versionOf(folder: string, library: string): string | null {
  const told = read(path.join(folder, 'build-version')).trim();
  if (told) return told;
  const python = /^__version__ = '([^']+)'/m.exec(read(path.join(folder, 'version.py')));
  if (python) return python[1];
  for (const include of [path.join(folder, 'include'), '/usr/include'])
    for (const header of ['torch/headeronly/version.h', 'torch/csrc/api/include/torch/version.h']) {
      if (include === '/usr/include' && !library.startsWith('/usr/lib')) continue;
      const text = read(path.join(include, header));
      const parts = ['MAJOR', 'MINOR', 'PATCH'].map(
        part => new RegExp(`define TORCH_VERSION_${part} (\\d+)`).exec(text)?.[1],
      );
      if (!parts.includes(undefined)) return parts.join('.');
    }
  return /\.so\.(\d+\.\d+(?:\.\d+)?)$/.exec(fs.realpathSync(library))?.[1] ?? null;
}

/** The version without what follows a plus, as `2.13.0` of `2.13.0+cpu`. */
export const plainVersion = (version: string): string => version.split('+')[0];

function placeIn(source: Source, folder: string): Place {
  const library = libraryIn(folder);
  if (library === null) return { source, folder, library, version: null, flavour: null };
  const beside = (name: string) => fs.existsSync(path.join(path.dirname(library), libraryName(name)));
  const flavour = beside('torch_cuda') ? 'cuda' : beside('torch_hip') ? 'rocm' : 'cpu';
  return { source, folder, library, version: versionOf(folder, library), flavour };
}

/** What a source leads to; undefined where it leads nowhere. */
export function lookUp(source: Source, built: BuildInfo | undefined): Place | undefined {
  const folder = {
    LIBTORCH: () => process.env.LIBTORCH && path.resolve(process.env.LIBTORCH),
    setup: setting,
    build: () => built?.libtorch ?? undefined,
    package: ofPackage,
    python: ofPython,
    system: ofSystem,
  }[source]();
  return folder ? placeIn(source, folder) : undefined;
}

export interface Fit {
  /** Names that the addon takes from LibTorch and that it has not, mangled. */
  missing: string[];
  /** Of the C++ library: whether strings are of the kind that came with GCC 5. */
  cxx11: boolean;
}

/** Whether an addon fits a LibTorch, by what it takes from it; undefined where that cannot be read. */
export function fitOf(addon: string, library: string): Fit | undefined {
  const wants = readElf(addon);
  const has = [library, path.join(path.dirname(library), libraryName('c10'))]
    .filter(file => fs.existsSync(file))
    .map(readElf);
  if (!wants || has.length === 0 || has.includes(undefined)) return undefined;
  const libraries = has as Elf[];
  return {
    missing: wants.undefined.filter(
      name => !/^napi_|^node_api_/.test(name) && !libraries.some(({ defined }) => defined.has(name)),
    ),
    cxx11: libraries.some(({ names }) => names.includes('__cxx11')),
  };
}
