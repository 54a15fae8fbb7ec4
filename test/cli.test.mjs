// The command as a user runs it.
import { spawn } from 'node:child_process';
import fs from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { modelFile, modelFixture } from './fixtures/models.mjs';
import { ROW_A, ROW_B, temporaryFolder, writeBroden, writeFiles, writeLabelMap } from './helpers/broden.mjs';

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

test('no arguments: the usage on standard error, exit code 1', async t => {
  const { code, stdout, stderr } = await run([]);
  t.is(code, 1);
  t.is(stdout, '');
  t.regex(stderr, /netdissect-native --model M\.pt --layers LAYER/);
  t.regex(stderr, /--broden/);
});

test('--help names every option with its default, without loading the addon', async t => {
  const { code, stdout } = await run(['--help'], { env: { LD_LIBRARY_PATH: '/nowhere' } });
  t.is(code, 0);
  for (const option of 'model layers outdir broden imgsize netname examples size batch_size num_workers no-labels no-images single-images no-report no-cuda add_scale_offset quiet'.split(
    ' ',
  ))
    t.true(stdout.includes(`--${option}`), option);
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
  for (const part of ['forward', 'select', 'count', 'total', 'peak memory'])
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

/** Bad input: one sentence, exit code 1, no stack trace, and nothing written. */
const refuses = (title, change, pattern) =>
  test(`refused: ${title}`, async t => {
    const input = await small(t);
    const { code, stdout, stderr } = await run(await change(input));
    t.is(code, 1);
    t.is(stdout, '');
    t.regex(stderr, pattern);
    t.regex(stderr, /^netdissect-native: [^\n]+\n$/);
    await t.throwsAsync(fs.stat(input.outdir), { code: 'ENOENT' });
  });

/** The arguments with some options set otherwise. */
const set = (args, options) => {
  const result = [...args];
  for (const [name, value] of Object.entries(options)) {
    const at = result.indexOf(`--${name}`);
    if (at < 0) result.push(`--${name}`, value);
    else result[at + 1] = value;
  }
  return result;
};

refuses('an unknown option', ({ args }) => [...args, '--layer', 'x'], /Unknown argument: layer/);
refuses(
  'an option given twice',
  ({ args }) => [...args, '--outdir', 'x'],
  /--outdir is given 2 times; give it once/,
);
refuses('no threads', ({ args }) => [...args, '--threads', '0'], /from 1 to 1024 for threads but received 0/);
refuses('no model', () => ['--layers', 'x'], /expected a model; name it with --model/);
refuses('no layers', () => ['--model', MODEL], /expected layers to dissect; name them with --layers/);
refuses(
  'a bad image size',
  ({ args }) => set(args, { imgsize: '8x8' }),
  /expected --imgsize as one number or height,width but received 8x8/,
);
refuses(
  'a bad number',
  ({ args }) => set(args, { batch_size: '0' }),
  /expected a whole number from 1 on for batchSize but received 0/,
);
refuses(
  'a bad size',
  ({ args }) => set(args, { size: '-3' }),
  /expected a whole number from 1 on for --size/,
);
refuses(
  'a missing model',
  ({ args }) => set(args, { model: 'none.pt' }),
  /cannot load none\.pt: there is no such file/,
);
refuses(
  'a damaged model',
  ({ args }) => set(args, { model: modelFile('truncated.pt') }),
  /damaged or cut off/,
);
refuses('a state dict', ({ args }) => set(args, { model: modelFile('resnet_weights.pth') }), /a state dict/);
refuses('a frozen model', ({ args }) => set(args, { model: modelFile('frozen.pt') }), /was frozen/);
refuses(
  'an unknown layer',
  ({ args }) => set(args, { layers: 'plane' }),
  /no layer 'plane'; the nearest names are plain/,
);
refuses(
  'a layer never called',
  ({ args }) => set(args, { model: modelFixture('unused').files.scripted, layers: 'never' }),
  /never called/,
);
refuses(
  'a model that fails on the image size',
  ({ args }) => set(args, { model: modelFixture('fixed_size').files.scripted, layers: 'fc', imgsize: '9' }),
  /fails on images of 9×9/,
);
refuses(
  'a geometry that is not known',
  ({ args }) => [
    ...set(args, { model: modelFixture('branches').files.scripted, layers: 'mixed' }),
    '--add_scale_offset',
  ],
  /branches of different geometry meet before it/,
);
refuses(
  'folders that clash',
  ({ args }) => [...args.slice(0, 2), '--layers', 'plain:a', 'last:a', ...args.slice(4)],
  /"a"/,
);
refuses(
  'a missing data set',
  ({ args, folder }) => set(args, { broden: path.join(folder, 'none') }),
  /no data set for images of 8 pixels/,
);
refuses(
  'a missing label map',
  async ({ args, broden }) => {
    await fs.rm(path.join(broden, 'images/a_color.png'));
    return args;
  },
  /label map .*a_color\.png, named in line 2 of index\.csv, is missing/,
);
refuses(
  'a damaged image',
  async ({ args, broden }) => {
    await writeFiles(broden, { 'images/b.png': 'no image' });
    return args;
  },
  /image .*b\.png, named in line 3 of index\.csv, is damaged/,
);
refuses(
  'a label map of another size',
  async ({ args, broden }) => {
    await writeLabelMap(path.join(broden, 'images/a_color.png'), 5, 5, Array(25).fill(1));
    return args;
  },
  /label map a_color\.png is 5×5 but line 2 of index\.csv says 4×4/,
);
refuses(
  'no image left',
  async ({ args, broden }) => {
    await writeBroden(broden, [ROW_A.replace('train', 'val')]);
    return args;
  },
  /no image of split 'train'/,
);
refuses(
  'an output folder that cannot be made',
  async ({ args, folder }) => {
    await writeFiles(folder, { file: '' });
    return set(args, { outdir: path.join(folder, 'file/out') });
  },
  /cannot write to .*file\/out/,
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
