// The way that a GPU takes (images made numbers, cells chosen and masks counted by operations on tensors), taken on the
// processor: its files are those of the processor's own way, byte for byte.
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import { modelFile, modelFixture } from '../fixtures/models.mjs';
import { temporaryFolder } from '../helpers/broden.mjs';
import { differingFiles, runCommand, SAMPLE } from '../helpers/run-command.mjs';

/** How often the sample's images pass, and what is spilled. */
async function sampleRun(t, variable, quantile, mebibytes) {
  const folder = path.join(await temporaryFolder(t), 'out');
  const env = { ...process.env, NETDISSECT_GPU_PATH: variable };
  const args = [
    path.join(import.meta.dirname, '../helpers/passes.mjs'),
    folder,
    `${quantile}`,
    `${mebibytes}`,
  ];
  return JSON.parse((await promisify(execFile)(process.execPath, args, { env })).stdout);
}

const layers = ['--layers', 'conv1', 'conv4', 'conv5'];

async function both(t, args, variable) {
  const folder = await temporaryFolder(t);
  const [own, gpu] = ['own', 'gpu'].map(name => path.join(folder, name));
  const plain = await runCommand([...args, '--outdir', own]);
  const other = await runCommand([...args, '--outdir', gpu], { NETDISSECT_GPU_PATH: variable });
  t.is(plain.code, 0, plain.stderr);
  t.is(other.code, 0, other.stderr);
  t.true(fs.existsSync(path.join(own, 'dissect.json')));
  t.deepEqual(differingFiles(own, gpu), []);
  return other;
}

test.serial('a dissection of several layers, pictures included', async t => {
  const { stderr } = await both(t, [...SAMPLE, ...layers], '1000');
  t.false(stderr.includes('GPU'), 'nothing went wrong on the way');
});

test.serial(
  'where memory is short for a forward, fewer images pass at once, and a notice says so',
  async t => {
    const { stderr } = await both(t, [...SAMPLE, ...layers, '--no-images'], '3');
    t.regex(stderr, /the GPU's memory is short: images pass 4 at once from image 0 on\n/);
    t.regex(stderr, /the GPU's memory is short: images pass 2 at once from image 0 on\n/);
  },
);

// TorchScript's interpreter throws std::runtime_error whatever its operations throw: their words alone tell.
const failing = (name, size = '24,24') => [
  ...['--model', modelFile(`${name}.pt`), '--layers', 'conv', '--broden', 'sample/broden'],
  ...['--size', '40', '--imgsize', size, '--no-images'],
];

test.serial('memory that runs out in an operation of the model halves its forwards, too', async t => {
  const folder = await temporaryFolder(t);
  const reports = [];
  for (const name of ['roomy', 'crowded']) {
    const outdir = path.join(folder, name);
    const { code, stderr } = await runCommand([...failing(name), '--outdir', outdir], {
      NETDISSECT_GPU_PATH: '1000',
    });
    t.is(code, 0, stderr);
    const notices = stderr.match(/images pass \d+ at once from image \d+ on/g);
    const halved = [4, 2].map(count => `images pass ${count} at once from image 0 on`);
    t.deepEqual(notices, name === 'crowded' ? halved : null);
    reports.push(JSON.parse(fs.readFileSync(path.join(outdir, 'dissect.json'), 'utf8')).layers);
  }
  t.deepEqual(reports[1], reports[0]);
});

test.serial(
  'where an operation finds no memory for one image, or the GPU breaks, one sentence says so',
  async t => {
    const outdir = path.join(await temporaryFolder(t), 'out');
    const said = async (args, env) => {
      const { code, stderr } = await runCommand([...args, '--outdir', outdir], env);
      t.is(code, 1);
      t.false(fs.existsSync(outdir));
      return stderr.split('\n').at(-2);
    };
    const gpu = { NETDISSECT_GPU_PATH: '1000' };
    t.regex(
      await said(failing('full'), gpu),
      /^netdissect-native: the GPU's memory is full when the model is tried: CUDA out of memory\. Tried to allocate 2\.00 GiB/,
    );
    t.regex(
      await said(failing('crowded', '24,28'), gpu),
      /^netdissect-native: the GPU failed when the model was tried: CUDA error: an illegal memory access/,
    );
    // on the processor these are a model's own words
    t.regex(
      await said(failing('full'), {}),
      /^netdissect-native: the model fails on images of 24×24: CUDA out of memory/,
    );
  },
);

test.serial('where it is too short for one image, one sentence says so and nothing is written', async t => {
  const folder = path.join(await temporaryFolder(t), 'out');
  const { code, stderr } = await runCommand([...SAMPLE, ...layers, '--outdir', folder], {
    NETDISSECT_GPU_PATH: '-1',
  });
  t.is(code, 1);
  t.regex(stderr, /netdissect-native: .*memory/);
  t.false(fs.existsSync(folder));
});

test.serial(
  'several passes, where memory is short for levels in one, and scores of ranked images',
  async t => {
    await both(t, [...SAMPLE, ...layers, '--no-images', '--memory', '1'], '1000');
    await both(t, [...SAMPLE, ...layers, '--no-images', '--memory', '1', '--approximate'], '1000');
    await both(t, [...SAMPLE, ...layers, '--no-images', '--scores', 'auprc'], '1000');
  },
);

test.serial('levels whose values stay on the device take one pass, and are the same', async t => {
  const some = [...SAMPLE, '--layers', 'conv4', 'conv5', '--no-images'];
  for (const quantile of ['0.005', '0.000001', '0.4'])
    await both(t, [...some, '--memory', '1', '--quantile', quantile], '1000,1000000000');
  await both(t, [...some, '--scores', 'auprc'], '5,1000000000');
  t.is((await sampleRun(t, '1000', 0.1, 1)).passes, 4, 'as on the processor');
  t.is((await sampleRun(t, '1000,1000000000', 0.1, 1)).passes, 1);
});

test.serial(
  'values that wait on the device, all or some, are selected the same, and fewer of them',
  async t => {
    const some = [...SAMPLE, '--layers', 'conv4', 'conv5'];
    await both(t, some, '1000,1000000000,268435456,1000000000');
    await both(t, [...some, '--no-images', '--scores', 'auprc'], '5,1000000000,300000,5000000');
    const early = await sampleRun(t, '1000,1000000000', 0.02, 6);
    const late = await sampleRun(t, '1000,1000000000,268435456,1000000000', 0.02, 6);
    t.log(`spilled: ${early.spilled} bytes, ${late.spilled} where all wait`);
    t.true(late.spilled < 0.4 * early.spilled);
  },
);

test.serial('what waits is given up first where memory is short for a forward', async t => {
  const args = [...SAMPLE, '--layers', 'conv4', 'conv5', '--no-images'];
  const { stderr } = await both(t, args, '1000,1000000000,268435456,1000000000,4');
  t.deepEqual(stderr.match(/the GPU's memory is short: .*/g), [
    "the GPU's memory is short: fewer activations wait there",
  ]);
});

test.serial('what a model holds and writes to in its next forward waits as it was', async t => {
  const args = ['--model', modelFile('remembering.pt'), '--layers', 'inner', '--broden', 'sample/broden'];
  await both(t, [...args, '--imgsize', '24'], '1000,1000000000,268435456,1000000000');
});

test.serial('in parts of a few units: cells are chosen, values kept and masks counted the same', async t => {
  await both(t, [...SAMPLE, ...layers, '--no-images'], '1000,1000000000,300000');
  await both(t, [...SAMPLE, ...layers, '--no-images'], '1000,0,1');
});

test.serial('maps placed by geometry, large quantiles, and label maps alone', async t => {
  await both(t, [...SAMPLE, ...layers, '--no-images', '--add_scale_offset', '--quantile', '0.3'], '1000');
});

test.serial('what is kept in a store is the same, too', async t => {
  const folder = await temporaryFolder(t);
  const run = async (store, outdir, env) => {
    const kept = ['--store', path.join(folder, store), '--checkpoint', '0'];
    const args = [...SAMPLE, ...layers, '--no-images', ...kept, '--outdir', path.join(folder, outdir)];
    const { code, stderr } = await runCommand(args, env);
    t.is(code, 0, stderr);
    t.deepEqual(differingFiles(path.join(folder, outdir), path.join(folder, 'own-out')), []);
  };
  await run('own', 'own-out', {});
  await run('gpu', 'gpu-out', { NETDISSECT_GPU_PATH: '1000' });
  await run('short', 'short-out', { NETDISSECT_GPU_PATH: '3' });
  await run('short', 'again-out', { NETDISSECT_GPU_PATH: '1000' });
});

test.serial('models of one and four channels, of float16, with tokens and with the units last', async t => {
  for (const name of ['grey', 'alpha', 'half', 'vit', 'units_last']) {
    const { files, input } = modelFixture(name);
    const model = files.traced ?? files.scripted;
    const size = `${input.shape[2]},${input.shape[3]}`;
    const args = ['--model', model, '--broden', 'sample/broden', '--imgsize', size, '--size', '20'];
    await both(t, [...args, '--layers', 'all', '--no-images'], '1000');
  }
});

test.serial('half and TF32 are for a GPU', async t => {
  const folder = path.join(await temporaryFolder(t), 'out');
  for (const option of ['--half', '--tf32']) {
    const args = [...SAMPLE, ...layers, '--outdir', folder, option, '--device', 'cpu'];
    const { code, stderr } = await runCommand(args);
    t.is(code, 1);
    t.is(
      stderr,
      `netdissect-native: ${option.slice(2)} is for a GPU, and none is used: the device is cpu; leave it out\n`,
    );
  }
});

test.serial('they are marked in the report', async t => {
  for (const precision of ['half', 'tf32']) {
    const folder = path.join(await temporaryFolder(t), 'out');
    const args = [...SAMPLE, '--layers', 'conv1', '--outdir', folder, '--no-images', `--${precision}`];
    const { code, stderr } = await runCommand(args, { NETDISSECT_GPU_PATH: '1000' });
    t.is(code, 0, stderr);
    const { settings } = JSON.parse(fs.readFileSync(path.join(folder, 'dissect.json'), 'utf8'));
    t.is(settings.precision, precision);
  }
});

test.serial('--no-cuda and another --device contradict each other', async t => {
  const { code, stderr } = await runCommand([
    ...[...SAMPLE, ...layers, '--outdir', path.join(await temporaryFolder(t), 'out')],
    ...['--no-cuda', '--device', 'cuda'],
  ]);
  t.is(code, 1);
  t.is(stderr, 'netdissect-native: expected either --no-cuda or --device cuda; give one of them\n');
});
