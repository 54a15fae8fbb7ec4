/**
 * What each package manager makes of the package: `node scripts/package-managers.mjs [NAMES]`, of npm, lockfile, omit,
 * pnpm, yarn, bun and deno. The tarballs of `npm run release` are published to a registry on this machine (verdaccio, in
 * front of the one that npm is set up for), and each installs them as a new user would, dissects four images, and then
 * installs once more without a network.
 *
 * The managers themselves come from the npm registry into `build/managers/`; one that it has not is skipped, and said so.
 */
import fs from 'node:fs';
import path from 'node:path';
import { REGISTRY, startRegistry, TOOLS, tool } from './registry.mjs';
import { capture, Failure, main, readJson, root, say, writeJson } from './tools.mjs';

const WORK = path.join(root, 'build/managers');

/** A new user's folder and surroundings. */
function project(name) {
  const folder = path.join(WORK, 'projects', name);
  fs.rmSync(folder, { recursive: true, force: true });
  writeJson(path.join(folder, 'app/package.json'), {
    name: 'app',
    version: '1.0.0',
    private: true,
    type: 'module',
  });
  const env = Object.fromEntries(
    Object.entries(process.env).filter(
      ([key]) => !/^(npm_|LIBTORCH$|PNPM_|YARN_|BUN_|DENO_|NODE_)/i.test(key),
    ),
  );
  return {
    app: path.join(folder, 'app'),
    env: {
      ...env,
      HOME: folder,
      XDG_DATA_HOME: path.join(folder, 'data'),
      npm_config_registry: REGISTRY,
      npm_config_userconfig: path.join(folder, 'npmrc'),
      npm_config_cache: path.join(folder, 'npm'),
      npm_config_store_dir: path.join(folder, 'store'),
      YARN_NPM_REGISTRY_SERVER: REGISTRY,
      YARN_UNSAFE_HTTP_WHITELIST: 'localhost',
      YARN_ENABLE_TELEMETRY: '0',
      YARN_GLOBAL_FOLDER: path.join(folder, 'yarn'),
      YARN_ENABLE_IMMUTABLE_INSTALLS: 'false',
      NPM_CONFIG_REGISTRY: REGISTRY,
      DENO_DIR: path.join(folder, 'deno'),
      BUN_INSTALL_CACHE_DIR: path.join(folder, 'bun'),
    },
  };
}

/** Uses the package from the application's own code: CommonJS and ES modules, on the sample. */
const PROGRAM = `
import { createRequire } from 'node:module';
import path from 'node:path';
import { BrodenDataset, dissect, loadModel, retainLayers } from 'netdissect-native';
const require = createRequire(import.meta.url);
if (require('netdissect-native').dissect !== dissect) throw new Error('two copies');
const sample = path.join(path.dirname(require.resolve('netdissect-native/package.json')), 'sample');
const model = await loadModel(path.join(sample, 'model.pt'));
retainLayers(model, ['conv2']);
const dataset = new BrodenDataset(path.join(sample, 'broden'), { imageSize: 64, size: 4 });
const { report } = await dissect('out', model, dataset, {});
await model.close();
console.log(\`units: \${report.layers[0].units.length}\`);
`;

/** What is tried (with young packages allowed, which some refuse for a day or so): `install`, then `again` without a network, and how the command and a program are started. */
const MANAGERS = {
  npm: {
    install: [['npm', 'install', 'netdissect-native']],
    again: [['npm', 'ci', '--offline']],
    command: ['npx', '--no', 'netdissect-native'],
    program: ['node'],
  },
  lockfile: {
    about: 'npm ci with a lock file that another system made',
    install: [
      ['npm', 'install', 'netdissect-native', '--package-lock-only', '--os=darwin', '--cpu=arm64'],
      ['npm', 'ci'],
    ],
    again: [['npm', 'ci', '--offline']],
    command: ['npx', '--no', 'netdissect-native'],
    program: ['node'],
  },
  omit: {
    about: 'npm without optional dependencies, with LIBTORCH',
    install: [
      ['npm', 'install', 'netdissect-native', '--omit=optional'],
      ['npm', 'install', '@img/sharp-linux-x64', '@img/sharp-libvips-linux-x64', '--omit=optional'],
    ],
    again: [['npm', 'ci', '--offline', '--omit=optional']],
    command: ['npx', '--no', 'netdissect-native'],
    program: ['node'],
    source: 'LIBTORCH',
  },
  pnpm: {
    install: [['pnpm', 'add', 'netdissect-native']],
    files: { '.npmrc': `registry=${REGISTRY}\n`, 'pnpm-workspace.yaml': 'minimumReleaseAge: 0\n' },
    again: [['pnpm', 'install', '--offline', '--frozen-lockfile']],
    command: ['pnpm', 'exec', 'netdissect-native'],
    program: ['node'],
  },
  yarn: {
    install: [['yarn', 'add', 'netdissect-native']],
    again: [['yarn', 'install', '--immutable']],
    againEnv: { YARN_ENABLE_NETWORK: 'false' },
    command: ['yarn', 'netdissect-native'],
    program: ['node'],
    files: { 'yarn.lock': '', '.yarnrc.yml': 'nodeLinker: node-modules\nnpmMinimalAgeGate: 0\n' },
  },
  bun: {
    install: [['bun', 'add', 'netdissect-native']],
    again: [['bun', 'install', '--frozen-lockfile']],
    againEnv: { npm_config_registry: 'http://localhost:9/', NPM_CONFIG_REGISTRY: 'http://localhost:9/' },
    command: ['bun', '--bun', 'x', '--no-install', 'netdissect-native'],
    program: ['bun'],
  },
  deno: {
    install: [['deno', 'add', 'npm:netdissect-native']],
    again: [['deno', 'install', '--frozen']],
    againEnv: { npm_config_registry: 'http://localhost:9/', NPM_CONFIG_REGISTRY: 'http://localhost:9/' },
    command: ['deno', 'run', '-A', 'npm:netdissect-native'],
    program: ['deno', 'run', '-A'],
    files: { 'deno.json': '{ "nodeModulesDir": "auto", "minimumDependencyAge": "0" }\n' },
  },
};

const bytesOf = folder =>
  fs
    .readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .reduce((sum, entry) => sum + fs.lstatSync(path.join(entry.parentPath, entry.name)).size, 0);

async function tryManager(name) {
  const { install, again, againEnv, command, program, source = 'package', files = {} } = MANAGERS[name];
  const kind = install[0][0];
  const own = kind === 'npm' ? 'npm' : await tool(kind);
  if (!own) return `- ${name}: skipped, since the npm registry has no ${TOOLS[kind]} that runs here`;
  const { app, env } = project(name);
  env.PATH = `${kind === 'npm' ? '' : `${path.dirname(own)}:`}${process.env.PATH}`;
  if (source === 'LIBTORCH') env.LIBTORCH = path.join(root, '.libtorch');
  for (const [file, text] of Object.entries({ 'program.mjs': PROGRAM, ...files }))
    fs.writeFileSync(path.join(app, file), text);
  const step = async (words, more = {}) => {
    const { status, stdout, stderr } = await capture(words[0], words.slice(1), {
      cwd: app,
      env: { ...env, ...more },
    });
    if (status !== 0)
      throw new Failure(`${name}: ${words.join(' ')} ended with ${status}:\n${stdout}${stderr}`);
    return stdout;
  };
  const begin = Date.now();
  for (const words of install) await step(words);
  const seconds = ((Date.now() - begin) / 1000).toFixed(0);
  const use = async () => {
    const told = JSON.parse((await step([...command, 'doctor', '--json'])).replace(/^[^{]*/, ''));
    const used = told.candidates.find(candidate => candidate.used)?.source;
    if (used !== source) throw new Failure(`${name}: LibTorch is taken from ${used}, not ${source}`);
    if (!(await step([...program, 'program.mjs'])).includes('units: 32'))
      throw new Failure(`${name}: no report`);
    return told.runtime;
  };
  const runtime = await use();
  const size = fs.existsSync(path.join(app, 'node_modules'))
    ? `, ${(bytesOf(path.join(app, 'node_modules')) / 1e6).toFixed(0)} MB in node_modules`
    : '';
  fs.rmSync(path.join(app, 'node_modules'), { recursive: true, force: true });
  for (const words of again) await step(words, againEnv);
  await use();
  const { stdout: version } = await capture(own, ['--version'], { cwd: app });
  const about = MANAGERS[name].about ?? `${name} ${/[\d.]+/.exec(version)?.[0]}`;
  return `✔ ${about}: installed in ${seconds} s${size}; dissects (${runtime}); again without a network`;
}

await main(async () => {
  const names = process.argv.slice(2);
  const unknown = names.find(name => !MANAGERS[name]);
  if (unknown) throw new Failure(`Unknown name ${unknown}. Names: ${Object.keys(MANAGERS).join(', ')}.`);
  const { version } = readJson(path.join(root, 'package.json'));
  say(`of netdissect-native ${version}, as build/release has it`);
  const server = await startRegistry();
  let failed = 0;
  const ran = [];
  try {
    for (const name of names.length ? names : Object.keys(MANAGERS)) {
      const line = await tryManager(name).catch(error => {
        if (!(error instanceof Failure)) throw error;
        failed++;
        return `✖ ${error.message}`;
      });
      ran.push(line);
      console.log(line);
    }
  } finally {
    server.kill();
  }
  const skipped = ran.filter(line => line.startsWith('-')).length;
  console.log(
    `${ran.length - failed - skipped} passed, ${failed} failed${skipped ? `, ${skipped} skipped` : ''}`,
  );
  return failed === 0 ? 0 : 1;
});
