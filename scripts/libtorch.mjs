/**
 * Finds LibTorch, or fetches it into the project's `.libtorch` folder. A LibTorch folder holds `include/` and
 * `lib/`: PyTorch's own C++ archive and the `torch` folder of an installed Python package both do.
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { capture, discard, Failure, root, run, say, temporaryFolder, which } from './tools.mjs';
import { unzip } from './unzip.mjs';

/** The version that is fetched where none is found; the one that the project is tested with. */
export const RELEASE = '2.13.0';
const ARCHIVES = {
  'linux-x64': `https://download.pytorch.org/libtorch/cpu/libtorch-shared-with-deps-${RELEASE}%2Bcpu.zip`,
};
/** No address answers later than this, or the next way is tried. */
const CONNECT_MILLISECONDS = 10_000;

export const fetchedFolder = path.join(root, '.libtorch');
const libraryFile = name => `lib${name}${process.platform === 'darwin' ? '.dylib' : '.so'}`;

/** In which pip says at once that an index is out of reach. */
export const PIP_ENVIRONMENT = { ...process.env, PIP_RETRIES: '0', PIP_DISABLE_PIP_VERSION_CHECK: '1' };

/** Where a LibTorch's version stands: in newer ones the first file. */
const VERSION_HEADERS = ['torch/headeronly/version.h', 'torch/csrc/api/include/torch/version.h'];

/** What the headers in a LibTorch's folder say, or null. */
export function versionOf(folder) {
  const header = VERSION_HEADERS.map(name => path.join(folder, 'include', name)).find(fs.existsSync);
  const text = header ? fs.readFileSync(header, 'utf8') : '';
  const parts = ['MAJOR', 'MINOR', 'PATCH'].map(
    part => new RegExp(`define TORCH_VERSION_${part} (\\d+)`).exec(text)?.[1],
  );
  return parts.includes(undefined) ? null : parts.join('.');
}

/** Tells one build of LibTorch from another without reading its hundreds of megabytes. */
export function libtorchFingerprint(folder) {
  try {
    return ['torch_cpu', 'c10']
      .map(name => fs.statSync(path.join(folder, 'lib', libraryFile(name))))
      .map(({ size, mtimeMs }) => `${size} ${mtimeMs}`)
      .join(', ');
  } catch {
    return null;
  }
}

/** Looks a folder over: `{folder, version}`, or `{problem}` in words. */
async function inspect(folder) {
  if (!fs.existsSync(folder)) return { problem: 'there is no such folder' };
  const needed = ['include/torch/script.h', `lib/${libraryFile('torch_cpu')}`, `lib/${libraryFile('c10')}`];
  const absent = needed.find(name => !fs.existsSync(path.join(folder, name)));
  if (absent) return { problem: `it has no ${absent}` };
  const version = versionOf(folder);
  if (!version) return { problem: 'its version cannot be read' };
  const library = path.join(folder, 'lib', libraryFile('torch_cpu'));
  const { status, stdout, stderr } = await capture('ldd', [library], {
    env: { ...process.env, LC_ALL: 'C' },
  });
  const missing = [...stdout.matchAll(/^\s*(\S+) => not found/gm)].map(match => match[1]);
  if (missing.length > 0)
    return { problem: `${path.basename(library)} needs ${missing.join(', ')}, not found` };
  if (status !== 0 && status !== 127) return { problem: `it does not load: ${(stderr || stdout).trim()}` };
  return { folder: fs.realpathSync(folder), version };
}

async function pythonFolder() {
  if (!which('python3')) return { problem: 'no python3' };
  // Finding the package must not run it: importing torch takes seconds.
  const program =
    'import importlib.util as u; s = u.find_spec("torch"); print(s.submodule_search_locations[0] if s else "")';
  const { status, stdout } = await capture('python3', ['-c', program], { cwd: os.tmpdir() });
  const folder = status === 0 ? stdout.trim() : '';
  return folder ? { folder } : { problem: 'python3 has no package torch' };
}

/** Files of an archive or a wheel that are of no use here: Python's side, tests, static libraries. */
const UNUSED = /^lib\/(libtorch_python|libshm|libaoti_|libbackend_|libjitbackend_|libtorchbind_|.*\.a$)/;

/** Unpacks an archive's LibTorch to `.libtorch`, which appears only once it is whole and found good. */
async function install(zip, prefix) {
  const folder = temporaryFolder('libtorch');
  try {
    say(`unpacking ${path.basename(zip)} (some 500 MB)`);
    await unzip(zip, folder, name => {
      const inner = name.startsWith(prefix) ? name.slice(prefix.length) : '';
      return /^(lib|include|share)\//.test(inner) && !UNUSED.test(inner) ? inner : null;
    });
    const result = await inspect(folder);
    if (result.problem) return result;
    fs.rmSync(fetchedFolder, { recursive: true, force: true });
    fs.renameSync(folder, fetchedFolder);
    return { folder: fetchedFolder, version: result.version };
  } finally {
    discard(folder);
  }
}

async function download(url, file) {
  const connecting = new AbortController();
  const timer = setTimeout(() => connecting.abort(), CONNECT_MILLISECONDS);
  try {
    const response = await fetch(url, { signal: connecting.signal });
    if (!response.ok) return `answered ${response.status}`;
    clearTimeout(timer);
    await pipeline(Readable.fromWeb(response.body), fs.createWriteStream(file));
    return null;
  } catch (error) {
    return connecting.signal.aborted
      ? `no answer within ${CONNECT_MILLISECONDS / 1000} s`
      : (error.cause?.code ?? error.message);
  } finally {
    clearTimeout(timer);
  }
}

async function fromArchive() {
  const url = ARCHIVES[`${process.platform}-${process.arch}`];
  if (!url) return { problem: `there is none known for ${process.platform}-${process.arch}` };
  say(`fetching LibTorch ${RELEASE} (CPU) from PyTorch`);
  const folder = temporaryFolder('archive');
  try {
    const zip = path.join(folder, 'libtorch.zip');
    const problem = await download(url, zip);
    return problem ? { problem } : await install(zip, 'libtorch/');
  } finally {
    discard(folder);
  }
}

async function fromWheel() {
  if (!which('python3')) return { problem: 'no python3' };
  say(`fetching torch ${RELEASE} with pip`);
  const folder = temporaryFolder('wheel');
  try {
    const { status, stderr } = await capture(
      'python3',
      // biome-ignore format: one option a line says nothing more
      ['-m', 'pip', 'download', `torch==${RELEASE}`, '--no-deps', '--only-binary=:all:', '--quiet', '--dest', folder],
      { env: PIP_ENVIRONMENT },
    );
    const wheel = fs.readdirSync(folder).find(name => name.endsWith('.whl'));
    if (status !== 0 || !wheel)
      return { problem: stderr.trim().split('\n').at(-1) || `pip ended with ${status}` };
    return await install(path.join(folder, wheel), 'torch/');
  } finally {
    discard(folder);
  }
}

export const canUseApt = () =>
  process.platform === 'linux' && process.getuid() === 0 && which('apt-get') !== null;

/** Installs Debian packages; the caller has made sure that `canUseApt`. */
export async function aptInstall(packages) {
  const options = { env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }, stdio: 'ignore' };
  await run('apt-get', ['update'], options);
  return (await run('apt-get', ['install', '-y', '--no-install-recommends', ...packages], options)) === 0;
}

/** Debian spreads LibTorch over /usr; links in `.libtorch` give it the layout of an archive. */
async function fromDebian() {
  const libraries = fs.existsSync('/usr/lib')
    ? ['/usr/lib', ...fs.readdirSync('/usr/lib').map(name => path.join('/usr/lib', name))]
    : [];
  const locate = () => libraries.find(folder => fs.existsSync(path.join(folder, 'libtorch_cpu.so')));
  if (!locate() || !fs.existsSync('/usr/include/torch')) {
    if (!canUseApt()) return { problem: 'not installed' };
    say("installing Debian's libtorch-dev");
    if (!(await aptInstall(['libtorch-dev'])) || !locate())
      return { problem: 'apt-get could not install it' };
  }
  const links = [
    ...['torch', 'ATen', 'c10', 'caffe2'].map(name => [`/usr/include/${name}`, `include/${name}`]),
    ...['torch_cpu', 'c10'].map(name => [path.join(locate(), libraryFile(name)), `lib/${libraryFile(name)}`]),
    [path.join(locate(), 'cmake/Torch'), 'share/cmake/Torch'],
  ];
  return linkFolder(links);
}

async function linkFolder(links) {
  const folder = temporaryFolder('links');
  try {
    for (const [target, name] of links) {
      if (!fs.existsSync(target)) continue;
      fs.mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
      fs.symlinkSync(target, path.join(folder, name));
    }
    const result = await inspect(folder);
    if (result.problem) return result;
    fs.rmSync(fetchedFolder, { recursive: true, force: true });
    fs.renameSync(folder, fetchedFolder);
    return { folder: fetchedFolder, version: result.version };
  } finally {
    discard(folder);
  }
}

/** Makes `.libtorch`, where prebuilt addons look, lead to a LibTorch elsewhere. */
export const linkFetchedFolder = folder =>
  linkFolder(['include', 'lib', 'share'].map(name => [path.join(folder, name), name]));

async function fromEarlier() {
  if (!fs.existsSync(fetchedFolder)) return { problem: 'nothing was fetched before' };
  const result = await inspect(fetchedFolder);
  if (result.problem) {
    say(`.libtorch is of no use (${result.problem}); removing it`);
    fs.rmSync(fetchedFolder, { recursive: true, force: true });
    return result;
  }
  return { folder: fetchedFolder, version: result.version };
}

async function fromPython() {
  const { folder, problem } = await pythonFolder();
  return problem ? { problem } : inspect(folder);
}

const SOURCES = [
  ['fetched', 'an earlier set-up (.libtorch)', fromEarlier],
  ['python', "Python's torch", fromPython],
  ['archive', "PyTorch's archive", fromArchive],
  ['wheel', 'pip download', fromWheel],
  ['debian', "Debian's libtorch-dev", fromDebian],
];

/** What a found LibTorch depends on besides its own files: the same surroundings give the same answer. */
export const surroundings = () => [
  process.env.LIBTORCH ?? null,
  which('python3'),
  fs.existsSync(fetchedFolder),
];

/**
 * The LibTorch to build for: `{folder, version, source, tried}`.
 * @throws {Failure} where LIBTORCH is wrong, or no way leads to one; the message says what was tried
 */
export async function findLibtorch() {
  const asked = process.env.LIBTORCH;
  if (asked) {
    const result = await inspect(path.resolve(asked));
    if (!result.problem) return { ...result, source: 'LIBTORCH', tried: [] };
    throw new Failure(
      `LIBTORCH is set to ${asked}, but that is no LibTorch that can be used: ${result.problem}.\n` +
        'Set it to a folder with include/ and lib/ (an unpacked LibTorch archive, or the torch folder of a Python package), or unset it.',
    );
  }
  const tried = [];
  for (const [source, name, find] of SOURCES) {
    const result = await find();
    if (!result.problem) return { ...result, source, tried };
    tried.push(`${name}: ${result.problem}`);
  }
  throw new Failure(`No LibTorch was found. Tried:\n${list(tried)}\n${WHAT_TO_DO}`);
}

export const list = lines => lines.map(line => `  - ${line}`).join('\n');

export const WHAT_TO_DO =
  `Install PyTorch ${RELEASE} for Python (pip install torch==${RELEASE}), or unpack a LibTorch archive from pytorch.org ` +
  'and set LIBTORCH to its folder; then run this again.';
