// The command as a user runs it.
import { spawn } from 'node:child_process';
import fs from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { modelFixture } from './fixtures/models.mjs';
import { ROW_A, ROW_B, temporaryFolder, writeBroden, writeFiles } from './helpers/broden.mjs';

const program = path.join(import.meta.dirname, '../lib/cli.js');
const MODEL = modelFixture('in_place').files.scripted;

const run = (args, { cwd, onText, env } = {}) =>
  new Promise(resolve => {
    const child = spawn(process.execPath, [program, ...args], { cwd, env: { ...process.env, ...env } });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', data => {
      stdout += data;
    });
    child.stderr.on('data', data => {
      stderr += data;
      onText?.(child, stderr);
    });
    child.on('close', code => resolve({ code, stdout, stderr }));
  });

/** Arguments of a run over a small data set, and its folder. */
async function small(t) {
  const folder = await temporaryFolder(t);
  const broden = path.join(folder, 'broden');
  await writeBroden(broden, [ROW_A, ROW_B]);
  const outdir = path.join(folder, 'out');
  const args = [
    '--model',
    MODEL,
    '--layers',
    'plain',
    '--broden',
    broden,
    '--imgsize',
    '8',
    '--outdir',
    outdir,
  ];
  return { folder, broden, outdir, args };
}

const hook = `--require=${path.join(import.meta.dirname, 'helpers/watch.cjs')}`;

test('no arguments: the usage on standard error, exit code 1', async t => {
  const { code, stdout, stderr } = await run([]);
  t.is(code, 1);
  t.is(stdout, '');
  t.regex(stderr, /^netdissect-native --model FILE --layers LAYER/);
  t.regex(stderr, /--broden/);
});

for (const option of ['--help', '-h', '--version'])
  test(`${option} answers at once: neither yargs nor sharp nor the addon is loaded`, async t => {
    const { code, stdout, stderr } = await run([option], { env: { NODE_OPTIONS: hook } });
    t.is(code, 0);
    t.regex(stdout, option === '--version' ? /^\d+\.\d+\.\d+\n$/ : /^netdissect-native --model FILE/);
    t.notRegex(stderr, /loads/);
  });

test("a command's own help comes with its name", async t => {
  const { code, stdout } = await run(['layers', 'm.pt', '--help']);
  t.is(code, 0);
  t.regex(stdout, /^netdissect-native layers MODEL/);
});

test('an error is one sentence on standard error, exit code 1', async t => {
  t.deepEqual(await run(['--layer', 'x']), {
    code: 1,
    stdout: '',
    stderr: 'netdissect-native: unknown option --layer; did you mean --layers?\n',
  });
});

test('a run prints a summary and where the report is', async t => {
  const { args, outdir } = await small(t);
  const { code, stdout, stderr } = await run([...args, '--examples', '2', '--netname', 'tiny']);
  t.is(stderr, '');
  t.is(code, 0);
  t.regex(stdout, /^layer +units +interpretable +concepts +strongest detectors\nplain +4 /);
  t.true(stdout.trimEnd().endsWith(`report: ${outdir}/index.html`));
  const report = JSON.parse(await fs.readFile(path.join(outdir, 'dissect.json'), 'utf8'));
  t.is(report.netname, 'tiny');
  t.is(report.layers[0].units[0].top.length, 2);
});

test('--quiet prints nothing; --no-images, --no-labels and --no-report leave things out', async t => {
  const { args, outdir } = await small(t);
  const { code, stdout, stderr } = await run([
    ...args,
    '--quiet',
    '--no-images',
    '--no-labels',
    '--no-report',
  ]);
  t.deepEqual([code, stdout, stderr], [0, '', '']);
  t.deepEqual((await fs.readdir(outdir, { recursive: true })).sort(), [
    'dissect.json',
    'plain',
    'plain/dissect.json',
  ]);
});

test('--profile tells where the time went', async t => {
  const { args } = await small(t);
  const { stdout } = await run([...args, '--no-images', '--profile']);
  for (const part of ['decode', 'forward', 'select', 'count', 'pictures', 'report', 'total', 'peak memory'])
    t.true(stdout.includes(part), part);
});

test('layers: a table', async t => {
  const { code, stdout } = await run(['layers', modelFixture('alexnet').files.traced, '--imgsize', '63']);
  t.is(code, 0);
  const lines = stdout.split('\n');
  t.regex(lines[0], /^layer +type +output +calls +scale +offset +notes$/);
  t.true(
    lines.some(line => /^features\.0 +Conv2d +6×15×15 +1 +4 +3 +changed in place later$/.test(line)),
    stdout,
  );
});

(process.platform === 'linux' ? test : test.skip)(
  'more than 4 images decoded at once get as many threads, unless UV_THREADPOOL_SIZE says otherwise',
  async t => {
    const { args } = await small(t);
    const threads = async (workers, env) => {
      const options = ['--quiet', '--no-images', '--threads', '1', '--num_workers', workers];
      const { stderr } = await run([...args, ...options], { env: { NODE_OPTIONS: hook, ...env } });
      return Number(/threads (\d+)/.exec(stderr)[1]);
    };
    const usual = await threads('2');
    t.is(await threads('4'), usual);
    t.is(await threads('11'), usual + 7);
    t.is(await threads('11', { UV_THREADPOOL_SIZE: '3' }), usual - 1);
  },
);

test('Ctrl-C stops cleanly: exit code 130, an earlier report stays', async t => {
  const { args, broden, outdir } = await small(t);
  await writeFiles(outdir, { 'dissect.json': 'earlier' });
  await writeBroden(broden, Array(5000).fill(ROW_A));
  const child = spawn(process.execPath, [program, ...args]);
  let stderr = '';
  child.stderr.on('data', data => {
    stderr += data;
  });
  // the run is under way when its unfinished report is there
  while (!(await fs.readdir(outdir)).some(name => name.startsWith('.unfinished')))
    await new Promise(r => setTimeout(r, 20));
  await new Promise(r => setTimeout(r, 200));
  child.kill('SIGINT');
  const code = await new Promise(resolve => child.on('close', resolve));
  t.is(code, 130);
  t.is(stderr, 'netdissect-native: stopped; nothing was written\n');
  t.deepEqual(await fs.readdir(outdir), ['dissect.json']);
});
