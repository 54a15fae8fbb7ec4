// For the day that a GPU is at hand: `npm run check:cuda -- [options]`. What it shows there: counts of the kernels against the
// processor's, from the same activations; whole dissections on both; images a second against the bare forward; memory.
// Without a GPU it says why there is none and what is not shown, and rehearses the rest on the processor, in a GPU's way.
//   --images 300     images of each data set
//   --models NAMES   of alexnet, resnet18, resnet152, squeezenet (with NETDISSECT_REAL_DATA), separated by commas
//   --device cuda    which GPU
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import v8 from 'node:v8';
import { checkKernels } from '../scripts/cuda-kernels.mjs';
import { setup } from '../scripts/setup.mjs';
import { discard, root, temporaryFolder } from '../scripts/tools.mjs';
import { benchmarkData } from './data.mjs';

const MODELS = {
  alexnet: { layers: ['conv3', 'conv4', 'conv5'], size: 227 },
  resnet18: { layers: ['layer1', 'layer2', 'layer3', 'layer4'], size: 224 },
  resnet152: { layers: ['layer2', 'layer3', 'layer4'], size: 224 },
  squeezenet: { layers: ['fire5', 'fire9'], size: 224, real: 'models/squeezenet1_0_imagenet.pt' },
};

const { values: options } = parseArgs({
  options: {
    images: { type: 'string', default: '300' },
    models: { type: 'string', default: 'alexnet,resnet18,resnet152,squeezenet' },
    device: { type: 'string', default: 'cuda' },
    job: { type: 'string' }, // one measurement, in this process
  },
});

/** What a dissection may take of a GPU over the bare forward: 256 MiB to choose cells, 1 GiB to count, and LibTorch's slack. */
const MEBIBYTES_OVER = 256 + 1024 + 512;

/** One dissection, or what was kept of one analysed again, or the bare forward; writes what came of it to a file. */
async function measure(job) {
  const api = await import('../lib/index.js');
  (await import('../lib/native/native.js')).native().keepFreedMemory();
  const notices = [];
  const onNotice = notice => notices.push(notice);
  const output = `${job.file}-out`;
  const common = { images: false, decoys: 0, bootstrap: 0, onNotice };
  let outcome;
  let bare;
  const start = performance.now();
  if (job.analyse) outcome = await api.analyse(output, await api.openStore(job.analyse), common);
  else {
    const model = await api.loadModel(job.model, { device: job.device });
    api.retainLayers(model, job.layers);
    const dataset = new api.BrodenDataset(job.data, { imageSize: job.size, size: job.images });
    if (job.bare) bare = await bareForward(model, dataset, job);
    if (job.bare === 'alone') {
      await model.close();
      return fs.writeFileSync(job.file, v8.serialize({ bare }));
    }
    outcome = await api.dissect(output, model, dataset, {
      ...common,
      forwardSize: job.piece,
      store: job.store,
    });
    await model.close();
  }
  const layers = outcome.layers.map(({ layer, levels, topImages, tally }) => ({
    layer,
    levels,
    topImages,
    categoryPixels: tally.categoryPixels,
    intersections: tally.intersections,
  }));
  fs.rmSync(output, { recursive: true, force: true });
  const { profile } = outcome;
  fs.writeFileSync(
    job.file,
    v8.serialize({ layers, notices, profile, bare, seconds: (performance.now() - start) / 1000 }),
  );
}

/** Seconds of the forward alone, over as many images. */
async function bareForward(model, dataset, { layers, size, images, piece }) {
  const { batches } = await import('../lib/run/batches.js');
  const forward = await model.native.bareForward({
    ...{ layers, channels: 3, height: size, width: size, piece },
    ...{ mean: [0.485, 0.456, 0.406], deviation: [0.229, 0.224, 0.225] },
  });
  const { value } = await batches(dataset, { batchSize: 96, workers: 2 }).next();
  await forward.run(value); // warm
  const start = performance.now();
  for (let done = 0; done < images; done += value.count) await forward.run(value);
  const times = Math.ceil(images / value.count) * value.count;
  return ((performance.now() - start) / 1000 / times) * images;
}

let number = 0;

/** Runs a measurement in a process of its own, and watches the GPU's memory meanwhile. */
async function run(folder, job, rehearsed) {
  const file = path.join(folder, `job-${number++}`);
  const env = { ...process.env, ...(rehearsed && { NETDISSECT_GPU_PATH: '100000' }) };
  const child = spawn(process.execPath, [import.meta.filename, '--job', JSON.stringify({ ...job, file })], {
    stdio: ['ignore', 'inherit', 'inherit'],
    env,
  });
  let peak = 0;
  const watch = setInterval(() => {
    peak = Math.max(peak, usedMemory());
  }, 500);
  const status = await new Promise(resolve => child.once('close', resolve));
  clearInterval(watch);
  if (status !== 0) return { failed: true, peak };
  return { ...v8.deserialize(fs.readFileSync(file)), peak };
}

/** MiB of the GPU that are in use; 0 where nobody tells. */
function usedMemory() {
  const { status, stdout } = spawnSync('nvidia-smi', [
    ...['--query-gpu=memory.used', '--format=csv,noheader,nounits'],
    ...['-i', options.device.split(':')[1] ?? '0'],
  ]);
  return status === 0 ? Number.parseInt(stdout, 10) : 0;
}

/** How many numbers of two lists differ, and by how much at most, relative to the second. */
function difference(a, b) {
  let count = 0;
  let most = 0;
  for (let i = 0; i < b.length; i++)
    if (a[i] !== b[i]) {
      count++;
      most = Math.max(most, Math.abs(a[i] - b[i]) / Math.max(Math.abs(b[i]), 1e-30));
    }
  return { count, most, of: b.length };
}

const said = ({ count, of, most }) =>
  count ? `${count} of ${of} differ, by ${(100 * most).toPrecision(2)} % at most` : `all ${of} equal`;

const results = { passed: 0, failed: 0, left: [] };

function check(what, holds, detail = '') {
  results[holds ? 'passed' : 'failed']++;
  console.log(`${holds ? '✔' : '✖'} ${what}${detail && `: ${detail}`}`);
}

async function checkModel(name, folder, device, rehearsed, images) {
  const { layers, size, real } = MODELS[name];
  const data = real
    ? path.join(process.env.NETDISSECT_REAL_DATA, 'broden')
    : await benchmarkData(path.join(root, 'build/bench', `data-${size}`), size, images);
  const model = real
    ? path.join(process.env.NETDISSECT_REAL_DATA, real)
    : path.join(root, 'build/bench', `${name}.pt`);
  const store = path.join(folder, `store-${name}`);
  const job = { model, data, layers, size, images, piece: rehearsed ? 8 : 32 };
  const gpu = await run(folder, { ...job, device, store, bare: true }, rehearsed);
  if (gpu.failed) return check(`${name}: a dissection`, false);
  if (!rehearsed) {
    const { failed, peak } = await run(folder, { ...job, device, bare: 'alone' });
    const over = gpu.peak - peak;
    check(
      `${name}: the GPU's memory`,
      !failed && peak > 0 && over <= MEBIBYTES_OVER,
      `${over} MiB over the bare forward`,
    );
  }
  const again = await run(folder, { analyse: store });
  const cpu = await run(folder, { ...job, device: 'cpu' });
  fs.rmSync(store, { recursive: true, force: true });
  if (again.failed || cpu.failed) return check(`${name}: the same on the processor`, false);
  const fallen = gpu.notices.filter(notice => /not counted by|memory is short/.test(notice));
  check(`${name}: counted by the first way that there is, in one go`, fallen.length === 0, fallen.join('; '));
  for (const [l, { layer, levels, intersections, categoryPixels }] of gpu.layers.entries()) {
    const same = difference(intersections, again.layers[l].intersections);
    const masks = difference(categoryPixels, again.layers[l].categoryPixels);
    check(`${name} ${layer}: counts from the same activations`, same.count + masks.count === 0, said(same));
    const other = cpu.layers[l];
    const level = difference(levels, other.levels);
    const pixels = difference(categoryPixels, other.categoryPixels);
    // activations differ in their last bits between devices, levels no more, and pixels at masks' borders
    check(`${name} ${layer}: levels against the processor's`, level.most < 1e-3, said(level));
    check(
      `${name} ${layer}: masks' pixels against the processor's`,
      rehearsed ? !pixels.count : pixels.most < 0.02,
      said(pixels),
    );
  }
  const { forward, select, count } = gpu.profile;
  return {
    model: name,
    images,
    'bare forward, images/s': Math.round(images / gpu.bare),
    'forward and selection': Math.round(images / (forward + select)),
    counting: Math.round(images / count),
    'share of the bare forward': (gpu.bare / (forward + select + count)).toFixed(2),
    'processor: forward, selection, counting': Math.round(
      images / (cpu.profile.forward + cpu.profile.select + cpu.profile.count),
    ),
    'peak MiB of the GPU': gpu.peak || '-',
  };
}

async function main() {
  await setup();
  const { native } = await import('../lib/native/native.js');
  const { libtorch, cuda, whyNoCuda } = native().describe();
  const rehearsed = !cuda;
  const device = cuda ? options.device : 'cpu';
  const images = Number(options.images);
  console.log(`LibTorch ${libtorch}; ${cuda ? `CUDA works, ${device} is checked` : `no GPU: ${whyNoCuda}`}`);
  if (rehearsed)
    console.log(
      'What follows is a rehearsal on the processor, in the way of a GPU; it shows nothing of a GPU.',
    );
  const kernels = await checkKernels();
  results.passed += kernels.passed;
  results.failed += kernels.failed;
  if (kernels.skipped) results.left.push('the kernels are not compiled beforehand: nvcc is not installed');
  const names = options.models.split(',');
  const made = names.filter(name => !MODELS[name].real);
  const folder = path.join(root, 'build/bench');
  if (made.some(name => !fs.existsSync(path.join(folder, `${name}.pt`)))) {
    console.log('building the models');
    const { status } = spawnSync(
      'cmake',
      ['--build', path.join(root, 'build'), '--target', 'bench_make_models'],
      { stdio: ['ignore', 'ignore', 'inherit'] },
    );
    if (status !== 0) process.exit(1);
    execFileSync(path.join(folder, 'bench_make_models'), [folder]);
  }
  const temporary = temporaryFolder('check-cuda');
  const rows = [];
  for (const name of names) {
    if (MODELS[name].real && !process.env.NETDISSECT_REAL_DATA) {
      results.left.push(`${name} on real photographs: NETDISSECT_REAL_DATA names no folder`);
      continue;
    }
    const row = await checkModel(name, temporary, device, rehearsed, images);
    if (row) rows.push(row);
  }
  discard(temporary);
  console.log(`\nImages a second${rehearsed ? ` of the processor (${os.cpus()[0].model}), no GPU` : ''}:`);
  console.table(rows);
  if (rehearsed)
    results.left.push(
      'the kernels on a device, and their speed',
      "activations of a device against the processor's",
      'images a second of a GPU, and the share of its bare forward',
      "a GPU's memory",
    );
  for (const what of results.left) console.log(`- not shown here: ${what}`);
  console.log(`${results.passed} passed, ${results.failed} failed, ${results.left.length} not shown`);
  process.exitCode = results.failed ? 1 : 0;
}

await (options.job ? measure(JSON.parse(options.job)) : main());
