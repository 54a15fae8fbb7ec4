/** The packed package, as npm gives it to users: installed into an empty folder, and used. Nothing is built. */
import { execFile, spawnSync } from 'node:child_process';
import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import { pack, stage } from '../scripts/release.mjs';
import { repositoryOf } from '../scripts/tools.mjs';
import { writeFiles } from './helpers/broden.mjs';

const run = promisify(execFile);
const root = path.join(import.meta.dirname, '..');
const sample = name => path.join(root, 'sample', name);
const LIBTORCH = `@netdissect/libtorch-${process.platform}-${process.arch}`;

/** Installing takes the package's own dependencies from a registry. */
const online = spawnSync('npm', ['view', 'yauzl', 'version', '--fetch-retries=0']).status === 0;
const installing = online ? test.serial : test.serial.skip;

const folder = await fs.mkdtemp(path.join(os.tmpdir(), 'netdissect-test-'));
const app = path.join(folder, 'app');
/** Surroundings without any LibTorch, but for what a test names. */
const bare = { HOME: folder, PATH: path.dirname(process.execPath) };
const { libtorch } = JSON.parse(await fs.readFile(path.join(root, 'build/Release/build-info.json'), 'utf8'));

test.after.always(() => fs.rm(folder, { recursive: true, force: true }));

if (online)
  test.before('it is packed and installed into an empty folder', async t => {
    t.timeout(10 * 60_000);
    const staged = await stage(path.join(folder, 'staged'), { built: true, libtorch: false });
    const tarball = await pack(staged, folder);
    await writeFiles(app, { 'package.json': '{ "name": "app", "private": true }\n' });
    const args = ['install', '--prefer-offline', '--ignore-scripts', '--no-audit', '--no-fund', tarball];
    await run('npm', args, { cwd: app });
  });

const command = (args, env = {}) =>
  run(path.join(app, 'node_modules/.bin/netdissect-native'), args, { cwd: app, env: { ...bare, ...env } });

/** An npm package with the LibTorch that the tests have. */
async function addLibtorch() {
  const place = path.join(app, 'node_modules', LIBTORCH);
  await writeFiles(place, { 'package.json': `{ "name": "${LIBTORCH}", "version": "0.0.0" }\n` });
  await fs.symlink(path.join(libtorch, 'lib'), path.join(place, 'lib'));
}

installing('without a LibTorch one sentence says what to do', async t => {
  const { code, stdout, stderr } = await t.throwsAsync(command(['demo']));
  t.deepEqual([code, stdout], [1, '']);
  t.regex(
    stderr,
    /^netdissect-native: no LibTorch was found; install the package @netdissect\/libtorch-\S+ \(.*\), set LIBTORCH to a LibTorch folder, or run `netdissect-native setup`; [^\n]*\n$/,
  );
});

installing('LIBTORCH names one, or is refused', async t => {
  const { stdout } = await command(['layers', sample('model.pt'), '--imgsize', '64'], { LIBTORCH: libtorch });
  t.regex(stdout, /^conv1 +Sequential/m);
  const { stderr } = await t.throwsAsync(command(['layers', sample('model.pt')], { LIBTORCH: folder }));
  t.is(
    stderr,
    `netdissect-native: ${folder} (the variable LIBTORCH) has no lib/libtorch_cpu.so; set LIBTORCH to another one, or unset it\n`,
  );
});

installing('with the package of LibTorch beside it the demonstration runs, and doctor says so', async t => {
  await addLibtorch();
  const { stdout } = await command(['demo', '--no-cuda']);
  t.regex(stdout, /^conv4 +96 /m);
  t.true(stdout.endsWith('report: dissect/sample/index.html\n'), 'an address is for a terminal');
  const report = JSON.parse(await fs.readFile(path.join(app, 'dissect/sample/dissect.json'), 'utf8'));
  t.deepEqual(
    report.layers.map(({ units }) => units.length),
    [96, 96],
  );
  const told = JSON.parse((await command(['doctor', '--json'])).stdout);
  t.is(told.addon.source, 'prebuilt');
  t.like(told.candidates[0], { source: 'package', problem: null, used: true, flavour: 'cpu' });
});

const PROGRAM = `
const model = await loadModel(process.argv[2], { device: 'cpu' });
console.log((await model.layers(64))[0].name);
await model.close();`;
const PROGRAMS = {
  'one.cjs': `const { loadModel } = require('netdissect-native'); (async () => {${PROGRAM}})();`,
  'two.mjs': `import { loadModel } from 'netdissect-native'; ${PROGRAM}`,
  'three.mjs': `import { Worker } from 'node:worker_threads'; new Worker('./two.mjs', { argv: process.argv.slice(2) });`,
};

for (const name of Object.keys(PROGRAMS))
  installing(`a program uses it: ${name}`, async t => {
    await writeFiles(app, PROGRAMS);
    const { stdout } = await run(process.execPath, [name, sample('model.pt')], {
      cwd: app,
      env: { ...bare, LIBTORCH: libtorch },
    });
    t.is(stdout, 'conv1\n');
  });

for (const [module, moduleResolution] of [
  ['node16', 'node16'],
  ['esnext', 'bundler'],
])
  for (const types of [[], ['node']])
    installing(
      `TypeScript takes its types: ${moduleResolution}${types.length ? ' with @types/node' : ''}`,
      async t => {
        const program = path.join(folder, `${moduleResolution}-${types}`);
        await writeFiles(program, {
          'package.json': '{ "type": "module" }',
          'index.ts': `import { dissect, loadModel, type Model, NetdissectError, openDataset, type Report } from 'netdissect-native';
          const model: Model = await loadModel('m.pt', { device: 'cpu' });
          const { report } = await dissect('out', model, openDataset('data', { imageSize: 224 }));
          const told: Report = report;
          export const units: number = told.layers[0].units.length;
          // @ts-expect-error: a text is no device
          await loadModel('m.pt', { device: 3 });
          export const is = (error: unknown) => error instanceof NetdissectError && error.code;`,
          'tsconfig.json': JSON.stringify({
            compilerOptions: {
              module,
              moduleResolution,
              types,
              target: 'es2023',
              // a project without Node.js' types has those of browsers
              lib: ['es2023', ...(types.length ? [] : ['dom'])],
              strict: true,
              exactOptionalPropertyTypes: true,
              skipLibCheck: false,
              noEmit: true,
            },
          }),
        });
        await fs.mkdir(path.join(program, 'node_modules/@types'), { recursive: true });
        await fs.symlink(
          path.join(app, 'node_modules/netdissect-native'),
          path.join(program, 'node_modules/netdissect-native'),
        );
        if (types.length)
          for (const name of ['@types/node', 'undici-types'])
            await fs.symlink(path.join(root, 'node_modules', name), path.join(program, 'node_modules', name));
        const { stdout } = await run(path.join(root, 'node_modules/.bin/tsc'), ['-p', '.'], {
          cwd: program,
        }).catch(error => error);
        t.is(stdout, '');
      },
    );

installing('without the part of sharp for this machine one sentence says how to get it', async t => {
  const [img, away] = ['node_modules/@img', 'away'].map(name => path.join(app, name));
  await fs.rename(img, away);
  const { code, stdout, stderr } = await t
    .throwsAsync(command(['demo'], { LIBTORCH: libtorch }))
    .finally(() => fs.rename(away, img));
  t.deepEqual([code, stdout], [1, '']);
  t.regex(stderr, /^netdissect-native: the package sharp, [^\n]*; run `npm install @img\/sharp-[^\n]*`\n$/);
});

installing(
  'what builds the addon from source is there: it comes as far as asking for a compiler',
  async t => {
    const { code, stderr } = await t.throwsAsync(
      command(['setup', '--from-source'], { LIBTORCH: libtorch, CXX: '/none' }),
    );
    t.is(code, 1);
    t.regex(stderr, /compiler|CMake/);
    t.regex(stderr, /netdissect-native: the addon was not built; the reason stands above\n$/);
    t.notRegex(stderr, /ERR_MODULE_NOT_FOUND|^ {4}at /m);
    const at = name => path.join(app, 'node_modules/netdissect-native', name);
    const scripts = (await fs.readdir(at('scripts'))).map(name => `scripts/${name}`);
    for (const file of ['CMakeLists.txt', ...scripts]) {
      const text = await fs.readFile(at(file), 'utf8');
      const pattern =
        file === 'CMakeLists.txt' ? /scripts\/([\w-]+\.mjs)/g : /^\S.* from '\.\/([\w-]+\.mjs)'/gm;
      for (const [, name] of text.matchAll(pattern))
        t.true(scripts.includes(`scripts/${name}`), `${name} of ${file}`);
    }
  },
);

test('the published manifest names the repository that the clone is of', t => {
  const url = 'git+https://github.com/owner/netdissect-native.git';
  for (const origin of [
    'https://github.com/owner/netdissect-native',
    'https://github.com/owner/netdissect-native.git\n',
    'https://someone:token@github.com/owner/netdissect-native.git',
    'git@github.com:owner/netdissect-native.git',
    'ssh://git@github.com/owner/netdissect-native.git',
  ])
    t.deepEqual(repositoryOf(origin), { type: 'git', url });
  for (const origin of ['', '/home/me/clone', '../clone', 'file:///home/me/clone'])
    t.is(repositoryOf(origin), undefined);
});

test('nothing in the package names a path of this machine', async t => {
  const { stdout } = await run('npm', ['pack', '--dry-run', '--json'], { cwd: root });
  const packed = JSON.parse(stdout);
  const files = (Array.isArray(packed) ? packed[0] : Object.values(packed)[0]).files;
  t.true(files.length > 50);
  for (const { path: file } of files)
    t.false((await fs.readFile(path.join(root, file))).includes(root), file);
});
