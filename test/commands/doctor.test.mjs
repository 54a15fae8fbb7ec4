// doctor and setup: what is found, which is used, and why not the rest.
import { spawn } from 'node:child_process';
import fs from 'node:fs/promises';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import test from 'ava';
import { temporaryFolder, writeFiles } from '../helpers/broden.mjs';

const root = path.join(import.meta.dirname, '../..');
const { libtorch } = JSON.parse(await fs.readFile(path.join(root, 'build/Release/build-info.json'), 'utf8'));

async function run(args, env) {
  const child = spawn(process.execPath, [path.join(root, 'lib/cli.js'), ...args], {
    env: { ...process.env, ...env },
  });
  const [stdout, stderr, code] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    new Promise(resolve => child.on('close', resolve)),
  ]);
  return { code, stdout, stderr };
}

test('doctor says which LibTorch is used, and has run it', async t => {
  const { code, stdout } = await run(['doctor'], {
    LIBTORCH: libtorch,
    XDG_DATA_HOME: await temporaryFolder(t),
  });
  t.is(code, 0);
  t.regex(stdout, /^\* the variable LIBTORCH: \d+\.\d+\.\d+.*; it runs$/m);
  t.regex(stdout, /^models run with LibTorch \d+\.\d+\.\d+ on /m);
});

test('doctor --json: what was named on purpose and cannot be used is not passed over', async t => {
  const folder = await temporaryFolder(t);
  await writeFiles(folder, { 'lib/libtorch_cpu.so': 'no library' });
  const { code, stdout, stderr } = await run(['doctor', '--json'], {
    LIBTORCH: folder,
    XDG_DATA_HOME: folder,
  });
  t.is(code, 1);
  t.regex(stderr, /^netdissect-native: models cannot be run; [^\n]*\n$/);
  const { candidates } = JSON.parse(stdout);
  t.like(candidates[0], {
    source: 'LIBTORCH',
    used: false,
    problem: `${folder}/lib/libtorch_cpu.so is no library of this machine's kind`,
  });
  t.like(candidates[1], { source: 'build', problem: null, used: false });
  t.true(candidates.every(({ used }) => !used));
});

test('the one that setup wrote down is used, or refused with the way out', async t => {
  const data = await temporaryFolder(t);
  await writeFiles(data, { 'netdissect-native/settings.json': JSON.stringify({ libtorch }) });
  const { candidates } = JSON.parse(
    (await run(['doctor', '--json'], { LIBTORCH: '', XDG_DATA_HOME: data })).stdout,
  );
  t.like(candidates[0], { source: 'setup', used: true });
  await writeFiles(data, { 'netdissect-native/settings.json': '{ "libtorch": "/nowhere" }' });
  const model = path.join(root, 'sample/model.pt');
  const { code, stderr } = await run(['layers', model], { LIBTORCH: '', XDG_DATA_HOME: data });
  t.is(code, 1);
  t.is(
    stderr,
    `netdissect-native: /nowhere (\`netdissect-native setup\`) is not there; run \`netdissect-native setup\` again, or remove ${data}/netdissect-native/settings.json\n`,
  );
});

test('setup fetches nothing where a LibTorch can be used', async t => {
  const data = await temporaryFolder(t);
  const { code, stdout } = await run(['setup'], { LIBTORCH: libtorch, XDG_DATA_HOME: data });
  t.is(code, 0);
  t.regex(stdout, /^nothing to fetch: LibTorch \d+\.\d+\.\d+ in /);
  t.deepEqual(await fs.readdir(data), []);
});
