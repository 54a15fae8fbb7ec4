/**
 * Loads the addon: finds it and a LibTorch that it fits, opens this, then the addon. Where something is wrong one
 * sentence says what was found and what to do; the causes are the system's own words.
 */

import fs from 'node:fs';
import path from 'node:path';
import { NetdissectError } from '../base/errors';
import {
  type BuildInfo,
  fitOf,
  isChosen,
  LIBTORCH_PACKAGE,
  lookUp,
  type Place,
  plainVersion,
  root,
  type Source,
  settingFile,
  sourceInWords,
  sources,
} from './libtorch';

/** A CUDA driver, as it describes itself. */
export interface Driver {
  /** Such as `13.0`. */
  version: string;
  devices: { name: string; bytes: number; capability: string }[];
}

/** The addon that opens libraries: `binding/loader/loader.cc`. */
export interface Loader {
  /** Null, or why the library does not open. */
  open(path: string): string | null;
  /** The version of the GNU C library. */
  libc(): string | null;
  driver(): string | { version: number; devices: { name: string; memory: number; capability: number }[] };
}

/** What is loaded. */
export interface Loaded {
  addon: unknown;
  file: string;
  built: BuildInfo | undefined;
  place: Place;
}

const failure = (message: string, cause?: unknown) =>
  new NetdissectError('ERR_NETDISSECT_ADDON', message, { cause });

/** Whether this is a clone of the repository, which is set up in another way. */
export const isClone = (): boolean => fs.existsSync(path.join(root, 'src/native/load.ts'));
export const howToBuild = (): string =>
  isClone() ? `run \`npm run setup\` in ${root}` : 'run `netdissect-native setup --from-source`';
const HOW_TO_SEE = '`netdissect-native doctor` says what was looked at';

const platform = `${process.platform}-${process.arch}`;

/** Whether the C library is musl, for which LibTorch is not made. */
function isMusl(): boolean {
  return process.platform === 'linux' && fs.existsSync(`/lib/ld-musl-${muslArch()}.so.1`) && !hasGlibc();
}
const muslArch = () => (process.arch === 'arm64' ? 'aarch64' : 'x86_64');
const hasGlibc = () =>
  ['/lib64/ld-linux-x86-64.so.2', '/lib/ld-linux-aarch64.so.1'].some(file => fs.existsSync(file));

/** The addon's file. */
export function addonFile(): string {
  if (!['linux', 'darwin'].includes(process.platform))
    throw failure(
      `the addon runs on Linux, and this is ${platform}; use a Linux machine, WSL or a container`,
    );
  if (isMusl())
    throw failure(
      'the addon needs the GNU C library, and this system has musl (as Alpine does), for which there is no LibTorch; use an image such as node:22-slim',
    );
  try {
    return require('node-gyp-build').path(root);
  } catch (cause) {
    throw failure(`the addon is not built for ${platform}; ${howToBuild()}`, cause);
  }
}

/** What the addon was built for. */
export function builtFor(file: string): BuildInfo | undefined {
  try {
    return JSON.parse(fs.readFileSync(path.join(path.dirname(file), 'build-info.json'), 'utf8'));
  } catch {
    return undefined;
  }
}

let loader: Loader | undefined;

export function openLoader(): Loader {
  if (loader) return loader;
  const files = ['build', `prebuilds/${platform}`].map(folder =>
    path.join(root, folder, 'loader/netdissect_loader.node'),
  );
  const file = files.find(name => fs.existsSync(name));
  if (!file) throw failure(`the addon's loader is not there (${files[1]}); ${howToBuild()}`);
  try {
    loader = require(file) as Loader;
    return loader;
  } catch (cause) {
    throw failure(`the addon's loader does not load: ${firstLine(cause)}; ${howToBuild()}`, cause);
  }
}

const firstLine = (error: unknown) => (error as Error).message.split('\n')[0];

/** The driver, or why there is none. */
export function driver(): Driver | string {
  const told = openLoader().driver();
  if (typeof told === 'string') return told;
  return {
    version: `${Math.floor(told.version / 1000)}.${Math.floor((told.version % 1000) / 10)}`,
    devices: told.devices.map(({ name, memory, capability }) => ({
      name,
      bytes: memory,
      capability: `${Math.floor(capability / 10)}.${capability % 10}`,
    })),
  };
}

/** What a LibTorch is called in a sentence. */
export function inWords({ version, folder, source }: Place): string {
  return `LibTorch ${version ? `${version} ` : ''}in ${folder} (${sourceInWords(source)})`;
}

/** Why the addon cannot be used with a LibTorch, as far as that shows without opening it; null where it can. */
export function misfit(addon: string, built: BuildInfo | undefined, place: Place): string | null {
  if (!fs.existsSync(place.folder)) return `${place.folder} (${sourceInWords(place.source)}) is not there`;
  if (!place.library) return `${place.folder} (${sourceInWords(place.source)}) has no lib/libtorch_cpu.so`;
  if (place.version && plainVersion(place.version) === built?.libtorchVersion) return null;
  const fit = fitOf(addon, place.library);
  if (!fit)
    return process.platform === 'linux' ? `${place.library} is no library of this machine's kind` : null;
  if (fit.missing.length === 0) return null;
  const reason = fit.cxx11 ? '' : ', and is built with the C++ ABI of before GCC 5';
  return `${inWords(place)} does not fit the addon, which was built for ${built?.libtorchVersion ?? 'another one'}: it lacks ${fit.missing.length} of the functions that the addon calls${reason}`;
}

/** What brings a library that LibTorch misses. */
const BRINGS: [RegExp, string][] = [
  [/libgomp/, 'install it (Debian: apt-get install libgomp1)'],
  [/libstdc\+\+|GLIBCXX|CXXABI/, 'install a newer C++ library (Debian: apt-get install libstdc++6)'],
  [/GLIBC_/, 'use a system with glibc 2.28 or newer'],
  [/libcuda\.so/, "install NVIDIA's driver, which has it"],
  [
    /libcu|libnv|libnccl|libcufile/,
    "install CUDA's libraries beside it (pip install torch does), or use a LibTorch for CPUs",
  ],
];
const whatBrings = (words: string) => BRINGS.find(([pattern]) => pattern.test(words))?.[1];

/** Why a LibTorch does not open, with what to do about it. */
export function openingFailed(place: Place, words: string): string {
  const advice = whatBrings(words);
  return `${inWords(place)} does not open: ${words}${advice ? `; ${advice}` : ''}`;
}

/** What to do about a LibTorch that was named on purpose. */
function instead(source: Source): string {
  if (source === 'LIBTORCH') return 'set LIBTORCH to another one, or unset it';
  return `run \`netdissect-native setup\` again, or remove ${settingFile()}`;
}

/**
 * The LibTorch that is used: the first that fits and opens. What was named on purpose and does not is refused.
 * @throws {NetdissectError} ERR_NETDISSECT_ADDON where there is none
 */
function openLibtorch(addon: string, built: BuildInfo | undefined): Place {
  const refused: string[] = [];
  for (const source of sources) {
    const place = lookUp(source, built);
    if (!place) continue;
    let problem = misfit(addon, built, place);
    if (problem === null) {
      const words = openLoader().open(place.library as string);
      if (words === null) return place;
      problem = openingFailed(place, words);
    }
    if (isChosen(source)) throw failure(`${problem}; ${instead(source)}`);
    refused.push(problem);
  }
  if (refused.length > 0)
    throw failure(`no LibTorch can be used: ${refused.join('; ')}; ${howToBuild()}, or ${orElse()}`);
  throw failure(`no LibTorch was found; ${orElse()}; ${HOW_TO_SEE}`);
}

const orElse = () =>
  `install the package ${LIBTORCH_PACKAGE} (npm install without --omit=optional does), set LIBTORCH to a LibTorch folder, or run \`netdissect-native setup\``;

/** Why no CUDA device can be used with what is loaded: the addon's reason, and what to do about it. */
export function whyNoCuda({ place }: Loaded, reason: string): string {
  if (place.flavour !== 'cuda')
    return `${inWords(place)} is not for CUDA; run \`netdissect-native setup --cuda\`, or set LIBTORCH to one that is`;
  const advice = whatBrings(reason);
  return `${reason}${advice ? `; ${advice}` : ''}`;
}

/** @throws {NetdissectError} ERR_NETDISSECT_ADDON */
export function load(): Loaded {
  const file = addonFile();
  const built = builtFor(file);
  const place = openLibtorch(file, built);
  try {
    return { addon: require(file), file, built, place };
  } catch (cause) {
    const words = firstLine(cause);
    const advice = whatBrings(words) ?? howToBuild();
    throw failure(`the addon does not load with ${inWords(place)}: ${words}; ${advice}`, cause);
  }
}
