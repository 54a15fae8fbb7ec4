// The command as a user runs it.
import { spawn } from 'node:child_process';
import fs from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { modelFile, modelFixture } from './fixtures/models.mjs';
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
  t.regex(stdout, /^layer +units +interpretable +by chance +concepts +strongest detectors\nplain +4 /);
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
    'dissect.csv',
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

(process.platform === 'linux' ? test : test.skip)(
  "LibTorch's threads spin a while only, unless the environment says otherwise",
  async t => {
    const { args } = await small(t);
    const spins = async env => {
      const usual = { OMP_WAIT_POLICY: undefined, GOMP_SPINCOUNT: undefined, OMP_DISPLAY_ENV: 'verbose' };
      const { stderr } = await run([...args, '--quiet', '--no-images'], { env: { ...usual, ...env } });
      return /GOMP_SPINCOUNT = '(\d+)'/.exec(stderr)[1];
    };
    t.is(await spins({}), '10000');
    t.is(await spins({ GOMP_SPINCOUNT: '77' }), '77');
    t.is(await spins({ OMP_WAIT_POLICY: 'passive' }), '0');
  },
);

const CODES = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 };
const wait = milliseconds => new Promise(resolve => setTimeout(resolve, milliseconds));

/** Sends a signal when `ready` says so; what the command said, its end, and how long that took. */
async function interrupted(args, signal, ready, again = false) {
  const child = spawn(process.execPath, [program, ...args]);
  const closed = new Promise(resolve => child.on('close', (...end) => resolve(end)));
  let stderr = '';
  child.stderr.on('data', data => {
    stderr += data;
  });
  await ready();
  const start = Date.now();
  child.kill(signal);
  if (again) {
    await wait(50);
    child.kill(signal);
  }
  const [code, killed] = await closed;
  return { code, killed, stderr, took: Date.now() - start };
}

/** The run is under way when its unfinished report is there. */
const underWay = outdir => async () => {
  const beside = path.dirname(outdir);
  while (!(await fs.readdir(beside)).some(name => name.includes('.unfinished'))) await wait(20);
  await wait(200);
};

for (const [signal, expected] of Object.entries(CODES))
  test(`${signal} stops cleanly: exit code ${expected}, an earlier report stays`, async t => {
    const { args, broden, outdir } = await small(t);
    await writeFiles(outdir, { 'dissect.json': 'earlier' });
    await writeBroden(broden, Array(5000).fill(ROW_A));
    const before = (await fs.readdir(path.dirname(outdir))).sort();
    const { code, stderr, took } = await interrupted(args, signal, underWay(outdir));
    t.is(code, expected);
    t.is(stderr, 'netdissect-native: stopped; no report was written\n');
    t.true(took < 6000, `${took} ms`);
    t.deepEqual(await fs.readdir(outdir), ['dissect.json']);
    t.deepEqual((await fs.readdir(path.dirname(outdir))).sort(), before);
  });

test('a forward that never returns is left behind: a signal ends the command within two seconds, a second one at once', async t => {
  const { args, outdir } = await small(t);
  const model = args.indexOf('--model') + 1;
  const endless = args.with(model, modelFile('endless_s.pt')).with(args.indexOf('--layers') + 1, 'units');
  await writeFiles(outdir, { 'dissect.json': 'earlier' });
  const before = (await fs.readdir(path.dirname(outdir))).sort();
  for (const again of [false, true]) {
    const { code, stderr, took } = await interrupted(endless, 'SIGINT', underWay(outdir), again);
    t.is(code, 130);
    t.is(stderr, 'netdissect-native: stopped; no report was written\n');
    t.true(took < 6000, `${took} ms`);
    t.log(`${again ? 'twice' : 'once'}: ${took} ms`);
    t.deepEqual(await fs.readdir(outdir), ['dissect.json']);
    t.deepEqual((await fs.readdir(path.dirname(outdir))).sort(), before);
  }
});

test('from the first moment on a signal ends the command, and nothing is left', async t => {
  const { args, broden, outdir } = await small(t);
  await writeFiles(outdir, { 'dissect.json': 'earlier' });
  await writeBroden(broden, Array(5000).fill(ROW_A));
  const before = (await fs.readdir(path.dirname(outdir))).sort();
  for (const delay of [0, 30, 100, 300, 600, 1000, 1500]) {
    const { code, killed, took } = await interrupted(args, 'SIGTERM', () => wait(delay));
    // until there is anything to clear away the signal itself ends the process
    t.true(code === 143 || killed === 'SIGTERM', `after ${delay} ms: ${code}`);
    t.true(took < 6000, `after ${delay} ms: ${took} ms`);
    t.deepEqual(await fs.readdir(outdir), ['dissect.json']);
    t.deepEqual((await fs.readdir(path.dirname(outdir))).sort(), before);
  }
});
