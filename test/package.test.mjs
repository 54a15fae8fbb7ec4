/** The packed package, as npm gives it to users: installed into an empty folder, built there, and used. */
import { execFile, spawnSync } from 'node:child_process';
import fs from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import { temporaryFolder } from './helpers/broden.mjs';

const run = promisify(execFile);
const root = path.join(import.meta.dirname, '..');

/** Installing takes the package's own dependencies from a registry. */
const online = spawnSync('npm', ['view', 'yauzl', 'version', '--fetch-retries=0']).status === 0;
const installing = online ? test : test.skip;

installing('the packed tarball installs into an empty folder, builds and dissects', async t => {
  t.timeout(20 * 60_000);
  const folder = await temporaryFolder(t);
  const app = path.join(folder, 'app');
  await fs.mkdir(app);
  await run('npm', ['pack', '--pack-destination', folder], { cwd: root });
  const tarball = (await fs.readdir(folder)).find(name => name.endsWith('.tgz'));
  await fs.writeFile(path.join(app, 'package.json'), '{ "name": "app", "private": true }\n');
  const { libtorch } = JSON.parse(
    await fs.readFile(path.join(root, 'build/Release/build-info.json'), 'utf8'),
  );
  const install = ['install', '--prefer-offline', '--no-audit', '--no-fund', path.join(folder, tarball)];
  await run('npm', install, { cwd: app, env: { ...process.env, LIBTORCH: libtorch }, maxBuffer: 2 ** 26 });

  const model = path.join(root, 'sample/model.pt');
  const data = path.join(root, 'sample/broden');
  const command = path.join(app, 'node_modules/.bin/netdissect-native');
  // biome-ignore format: one option a line says nothing more
  await run(command, [
    '--model', model, '--layers', 'conv1', '--broden', data, '--imgsize', '64', '--size', '4', '--outdir', 'out',
    '--no-images', '--quiet',
  ], { cwd: app });
  const report = JSON.parse(await fs.readFile(path.join(app, 'out/dissect.json'), 'utf8'));
  t.is(report.layers[0].units.length, 16);
  for (const [name, start] of [
    ['one.cjs', "const { loadModel } = require('netdissect-native'); (async () => {"],
    ['two.mjs', "import { loadModel } from 'netdissect-native'; (async () => {"],
  ]) {
    const program = `${start} const model = await loadModel(process.argv[2], { device: 'cpu' });
      console.log((await model.layers(64))[0].name); model.close(); })();`;
    await fs.writeFile(path.join(app, name), program);
    const { stdout } = await run(process.execPath, [name, model], { cwd: app });
    t.is(stdout, 'conv1\n');
  }
});

test('nothing in the package names a path of this machine', async t => {
  const { stdout } = await run('npm', ['pack', '--dry-run', '--json'], { cwd: root });
  const packed = JSON.parse(stdout);
  const files = (Array.isArray(packed) ? packed[0] : Object.values(packed)[0]).files;
  t.true(files.length > 50);
  for (const { path: file } of files)
    t.false((await fs.readFile(path.join(root, file))).includes(root), file);
});
