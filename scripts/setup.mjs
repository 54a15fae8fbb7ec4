/**
 * Prepares a clone for work: npm's packages, LibTorch, the addon, the compiled TypeScript. Each step is skipped
 * where nothing that it depends on has changed. Node built-ins alone, since a fresh clone has no node_modules.
 *
 *   node scripts/setup.mjs [--rebuild] [--debug] [--addon-only]
 *
 * --rebuild builds addon and TypeScript anew; --debug builds the addon without optimisation, with assertions and
 * symbols; --addon-only is for users of the npm package, whose packages and JavaScript are there already.
 */
import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import {
  aptInstall,
  canUseApt,
  fetchedFolder,
  findLibtorch,
  libtorchFingerprint,
  linkFetchedFolder,
  list,
  surroundings,
  WHAT_TO_DO,
} from './libtorch.mjs';
import {
  capture,
  discard,
  discardLeftovers,
  doubtful,
  Failure,
  filesUnder,
  fingerprint,
  isScript,
  kept,
  main,
  readJson,
  root,
  run,
  say,
  temporaryFolder,
  which,
  writeJson,
} from './tools.mjs';

const ADDON = 'netdissect_native.node';
const BUILD = path.join(root, 'build');
const STATE = path.join(BUILD, 'setup.json');
const require = createRequire(path.join(root, 'package.json'));

function checkNode() {
  const wanted = /\d+\.\d+/.exec(readJson(path.join(root, 'package.json')).engines.node)[0];
  const [major, minor] = process.versions.node.split('.').map(Number);
  const [wantedMajor, wantedMinor] = wanted.split('.').map(Number);
  if (major < wantedMajor || (major === wantedMajor && minor < wantedMinor)) {
    throw new Failure(`Node.js ${wanted} or newer is needed; this is ${process.versions.node}.`);
  }
}

/** What is needed to compile, each with the Debian package that brings it. */
const COMPILING = [
  ['CMake 3.18 or newer', 'cmake', () => which('cmake')],
  [
    'a C++ compiler (g++ or clang++)',
    'g++',
    () => process.env.CXX || which('g++') || which('clang++') || which('c++'),
  ],
  ['make or ninja', 'make', () => which('make') || which('ninja')],
];

async function checkCompiling() {
  const missing = COMPILING.filter(([, , present]) => !present());
  if (missing.length > 0 && canUseApt()) {
    const packages = missing.map(([, name]) => name);
    say(`installing ${packages.join(', ')} with apt-get`);
    await aptInstall(packages);
  }
  const wanting = missing.filter(([, , present]) => !present());
  if (wanting.length > 0) {
    throw new Failure(
      wanting
        .map(
          ([name, packageName]) =>
            `${name} is needed and not there (Debian: apt-get install ${packageName}).`,
        )
        .join('\n'),
    );
  }
  const { stdout } = await capture('cmake', ['--version']);
  const version = /(\d+)\.(\d+)/.exec(stdout);
  if (version && Number(version[1]) * 1000 + Number(version[2]) < 3018) {
    throw new Failure(`CMake 3.18 or newer is needed; this is ${version[0]}.`);
  }
}

/** Why node_modules is not what package-lock.json says, or null where it is. */
function dependenciesProblem() {
  const locked = readJson(path.join(root, 'package-lock.json'))?.packages;
  const installed = readJson(path.join(root, 'node_modules/.package-lock.json'))?.packages;
  if (!installed) return 'not installed';
  const manifest = readJson(path.join(root, 'package.json'));
  for (const kind of ['dependencies', 'devDependencies']) {
    if (JSON.stringify(manifest[kind]) !== JSON.stringify(locked[''][kind]))
      return 'package.json has changed';
  }
  for (const [place, entry] of Object.entries(locked)) {
    if (place === '') continue;
    const present = installed[place];
    if (!present && !entry.optional && !entry.devOptional) return `${place} is not there`;
    if (!present) continue;
    if (present.version !== entry.version || present.integrity !== entry.integrity)
      return `${place} is another version`;
    if (!fs.existsSync(path.join(root, place))) return `${place} is not there`;
  }
  const extra = Object.keys(installed).find(place => !locked[place]);
  return extra ? `${extra} is not locked` : null;
}

/** Installs npm's packages where node_modules is not what package-lock.json says. */
export async function installDependencies() {
  checkNode();
  const problem = dependenciesProblem();
  if (!problem) return;
  say(`installing npm packages (${problem})`);
  const modules = path.join(root, 'node_modules');
  doubtful(modules);
  const status = await run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']);
  kept(modules);
  if (status !== 0) throw new Failure(`npm ci failed (status ${status}); its own message is above.`);
}

async function chooseLibtorch(state) {
  const around = JSON.stringify(surroundings());
  const known = state.libtorch;
  if (known && known.surroundings === around && known.fingerprint === libtorchFingerprint(known.folder)) {
    return known;
  }
  const { tried, ...found } = await findLibtorch();
  say(`LibTorch ${found.version} in ${found.folder}`);
  return {
    ...found,
    tried,
    surroundings: JSON.stringify(surroundings()),
    fingerprint: libtorchFingerprint(found.folder),
  };
}

const versionOfPackage = name => readJson(require.resolve(`${name}/package.json`)).version;

const prebuildInfo = () =>
  readJson(path.join(root, 'prebuilds', `${process.platform}-${process.arch}`, 'build-info.json'));

/** Where a prebuilt addon for this machine and LibTorch loads there is nothing to compile. */
async function usePrebuild(libtorch) {
  const info = readJson(
    path.join(root, 'prebuilds', `${process.platform}-${process.arch}`, 'build-info.json'),
  );
  if (info?.libtorchVersion !== libtorch.version) return false;
  if (libtorch.folder !== fetchedFolder) await linkFetchedFolder(libtorch.folder);
  const load = `require(${JSON.stringify(require.resolve('node-gyp-build'))})(${JSON.stringify(root)})`;
  const { status } = await capture(process.execPath, ['-e', load], {
    env: { ...process.env, PREBUILDS_ONLY: '1' },
  });
  if (status !== 0) return false;
  say(`the prebuilt addon loads with LibTorch ${libtorch.version}`);
  return true;
}

/** Compiling one source takes up to 2 GB. */
export const jobs = () =>
  Math.max(1, Math.min(os.availableParallelism(), Math.floor(os.totalmem() / 2 ** 31)));

/** Where continuous integration builds a clone. */
const warningsAreErrors = () => Boolean(process.env.CI) && !isInstalledPackage();

export async function cmakeJs(command, config, libtorch, more = []) {
  const program = require.resolve('cmake-js/bin/cmake-js');
  // biome-ignore format: one option a line says nothing more
  const args = [
    program, command, '--log-level', 'error', '--config', config, '--parallel', String(jobs()),
    `--CDLIBTORCH=${libtorch.folder}`, '--CDCMAKE_MESSAGE_LOG_LEVEL=WARNING',
    `--CDWARNINGS_ARE_ERRORS=${warningsAreErrors() ? 'ON' : 'OFF'}`, ...more,
  ];
  return (await run(process.execPath, args)) === 0;
}

async function buildAddon(state, libtorch, { rebuild, config }) {
  const setting = JSON.stringify([
    root,
    config,
    libtorch.folder,
    libtorch.version,
    libtorch.fingerprint,
    process.arch,
    versionOfPackage('cmake-js'),
    warningsAreErrors(),
  ]);
  const inputs = fingerprint(['binding', 'CMakeLists.txt'], setting, versionOfPackage('node-addon-api'));
  const output = path.join(BUILD, config);
  if (!rebuild && state.addon === inputs && fs.existsSync(path.join(output, ADDON))) return;

  await checkCompiling();
  // Other LibTorch, other configuration, moved folder: CMake's cache would keep what it knew before.
  if (rebuild || state.configured !== setting) {
    for (const name of fs.existsSync(BUILD) ? fs.readdirSync(BUILD) : []) {
      if (
        ![
          'setup.json',
          'prebuild',
          'bench',
          'asan',
          'cuda',
          'release',
          'managers',
          'machine',
          'matrix',
        ].includes(name) &&
        !name.startsWith('core') &&
        !name.startsWith('part-')
      ) {
        fs.rmSync(path.join(BUILD, name), { recursive: true });
      }
    }
    save(state, { configured: null, addon: null });
    if (!(await cmakeJs('configure', config, libtorch))) {
      throw buildFailed(libtorch, 'could not be configured');
    }
    save(state, { configured: setting });
  }
  save(state, { addon: null });
  say(`building the addon for LibTorch ${libtorch.version}${config === 'Release' ? '' : ` (${config})`}`);
  if (!(await cmakeJs('build', config, libtorch))) {
    throw buildFailed(libtorch, 'did not compile');
  }
  writeJson(path.join(output, 'build-info.json'), {
    addon: ADDON,
    config,
    platform: `${process.platform}-${process.arch}`,
    libtorchVersion: libtorch.version,
    libtorch: libtorch.folder,
    libtorchSource: libtorch.source,
  });
  save(state, { addon: inputs });
}

function buildFailed(libtorch, how) {
  if (libtorch.source !== 'debian') {
    return new Failure(`The addon ${how} for LibTorch ${libtorch.version} in ${libtorch.folder}; see above.`);
  }
  // Debian's version is the last resort; the next run is to try the better ones again.
  fs.rmSync(fetchedFolder, { recursive: true, force: true });
  const tried = [
    ...libtorch.tried,
    `Debian's libtorch-dev: the addon ${how} for ${libtorch.version}; see above`,
  ];
  return new Failure(`No LibTorch was found that fits. Tried:\n${list(tried)}\n${WHAT_TO_DO}`);
}

async function compileTypeScript(state, { rebuild }) {
  const sources = filesUnder('src').filter(name => /\.ts$/.test(name) && !name.startsWith('src/page/'));
  const inputs = fingerprint(
    ['src', 'tsconfig.json', 'scripts/page.mjs'],
    versionOfPackage('typescript'),
    versionOfPackage('esbuild'),
  );
  const outputs = [
    ...sources.map(name => name.replace(/^src/, 'lib').replace(/ts$/, 'js')),
    ...['lib/page/page.js', 'lib/page/page.css'],
  ];
  const present = outputs.every(name => fs.existsSync(path.join(root, name)));
  if (!rebuild && state.typescript === inputs && present) return;
  say('compiling TypeScript');
  const folder = temporaryFolder('lib');
  const tsc = path.join(root, 'node_modules/.bin/tsc');
  if ((await run(tsc, ['--noEmitOnError', '--outDir', folder])) !== 0) {
    discard(folder);
    throw new Failure('TypeScript reports the errors above; lib/ is as it was.');
  }
  const { bundlePage } = await import('./page.mjs'); // not in the published package, which is compiled
  await bundlePage(path.join(folder, 'page'));
  fs.rmSync(path.join(root, 'lib'), { recursive: true, force: true });
  fs.renameSync(folder, path.join(root, 'lib'));
  discard(folder);
  save(state, { typescript: inputs });
}

function save(state, changes) {
  Object.assign(state, changes);
  writeJson(STATE, state);
}

/** The npm package comes without its lock file and its TypeScript. */
const isInstalledPackage = () => !fs.existsSync(path.join(root, 'package-lock.json'));

/** The first half of set-up: npm's packages and LibTorch, nothing built. */
export async function prepareLibtorch({ addonOnly = false } = {}) {
  checkNode();
  discardLeftovers();
  if (!addonOnly) await installDependencies();
  const state = readJson(STATE, {});
  const libtorch = await chooseLibtorch(state);
  save(state, { libtorch });
  return libtorch;
}

/**
 * Makes the clone ready to run.
 * @returns the LibTorch that the addon is built for
 * @throws {Failure} with what to do about it
 */
export async function setup({ rebuild = false, debug = false, addonOnly = isInstalledPackage() } = {}) {
  checkNode();
  // Better before the downloads than after them.
  if (!readJson(STATE, {}).addon && !(addonOnly && prebuildInfo())) await checkCompiling();
  const libtorch = await prepareLibtorch({ addonOnly });
  const state = readJson(STATE, {});
  if (addonOnly && !rebuild && (await usePrebuild(libtorch))) return libtorch;
  await buildAddon(state, libtorch, { rebuild, config: debug ? 'Debug' : 'Release' });
  if (!addonOnly) await compileTypeScript(state, { rebuild });
  return libtorch;
}

if (isScript(import.meta.filename)) {
  await main(async () => {
    const options = { '--rebuild': 'rebuild', '--debug': 'debug', '--addon-only': 'addonOnly' };
    const args = process.argv.slice(2);
    const unknown = args.find(arg => !options[arg]);
    if (unknown) {
      throw new Failure(`Unknown option ${unknown}. Options: ${Object.keys(options).join(', ')}.`);
    }
    const { version } = await setup(Object.fromEntries(args.map(arg => [options[arg], true])));
    say(`ready (LibTorch ${version})`);
  });
}
