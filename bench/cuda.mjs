// For the day that a GPU is at hand: `npm run check:cuda -- [options]`. What it shows there: counts of the kernels against the
// processor's, from the same activations; whole dissections on both, and why they differ; images a second against the bare
// forward; memory.
// Without a GPU it says why there is none and what is not shown, and rehearses the rest on the processor, in a GPU's way.
//   --images 300     images of each data set
//   --models NAMES   of alexnet, resnet18, resnet152, squeezenet (with NETDISSECT_REAL_DATA), separated by commas; or none
//   --rounds 5       how often speed is measured; 1 without a GPU
//   --device cuda    which GPU
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as wait } from 'node:timers/promises';
import { isDeepStrictEqual, parseArgs } from 'node:util';
import v8 from 'node:v8';
import { checkKernels } from '../scripts/cuda-kernels.mjs';
import { setup } from '../scripts/setup.mjs';
import { discard, root, run, start, temporaryFolder } from '../scripts/tools.mjs';
import { AWKWARD, awkwardData } from './awkward.mjs';
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
    rounds: { type: 'string' },
    device: { type: 'string', default: 'cuda' },
    job: { type: 'string' }, // one of JOBS, in this process
  },
});
const index = Number(options.device.split(':')[1] ?? 0);

/**
 * MiB that a dissection may take of a GPU over the bare forward: 256 to choose cells, 1 GiB to count, LibTorch's slack, the
 * activations that wait, of all images at most, and a half more than the values over the levels and those of a forward, which
 * decide levels.
 */
function mebibytesOver({ images, piece, quantile }, layers) {
  const values = layers.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b), 0);
  return 256 + 1024 + 512 + Math.ceil((values * 4 * (images * (1 + 1.5 * quantile) + 2 * piece)) / 2 ** 20);
}
/** How far activations and levels may be from the processor's, as a share of the layer's largest: last bits, and no more. */
const LEVEL_SHARE = 1e-4;
/** How many more or fewer pixels a unit's masks may have, as a share of all images' pixels: a twentieth of what they have. */
const pixelShare = quantile => quantile / 20;

// What follows runs in processes of their own, so that CUDA starts anew in each, and this one holds nothing of a GPU.

async function open({ model: file, layers, size, images, data, retain, ...rest }, device) {
  const { BrodenDataset, loadModel, retainLayers } = await import('../lib/index.js');
  const model = await loadModel(file, { device });
  retainLayers(model, layers, retain);
  const dataset = data
    ? new BrodenDataset(data, { imageSize: size, size: images })
    : awkwardData({ size, images, ...rest });
  return { model, dataset };
}

async function dissect(one, device, output, more) {
  const api = await import('../lib/index.js');
  const { model, dataset } = await open(one, device);
  const notices = [];
  const outcome = await api.dissect(output, model, dataset, {
    ...{ images: false, bootstrap: 0, quantileThreshold: one.quantile, forwardSize: one.piece },
    ...{ onNotice: notice => notices.push(notice), ...more },
  });
  await model.close();
  return { layers: outcome.layers, profile: outcome.profile, notices };
}

/** A forward as a dissection runs it, and nothing else: a function that gives the seconds of an image. */
async function bareForward(one, device) {
  const { batches } = await import('../lib/run/batches.js');
  const { IMAGENET_NORMALIZATION } = await import('../lib/dataset/images/normalization.js');
  const { model, dataset } = await open(one, device);
  const [height, width] = dataset.imageSize;
  const forward = await model.native.bareForward({
    ...{ layers: one.layers, channels: 3, height, width, piece: one.piece, ...IMAGENET_NORMALIZATION },
  });
  const batchSize = Math.ceil(96 / one.piece) * one.piece; // of whole forwards
  const { value } = await batches(dataset, { batchSize, workers: 2 }).next();
  return async () => {
    const begin = performance.now();
    let done = 0;
    // long enough for a GPU to raise its clock; `run` waits for the device
    for (; performance.now() - begin < 500; done += value.count) await forward.run(value);
    return (performance.now() - begin) / 1000 / done;
  };
}

/** What comes of each, one after the other; where one fails its words. */
async function each(cases, work) {
  const found = [];
  for (const [i, one] of cases.entries())
    found.push(await work(one, i).catch(({ message }) => ({ failed: message })));
  return found;
}

const JOBS = {
  async describe() {
    const { native, cudaProblem } = await import('../lib/native/native.js');
    return {
      libtorch: native().torchVersion(),
      whyNoCuda: native().whyNoCuda(index) && cudaProblem(index),
    };
  },

  /** Dissections; with a store each is kept there. */
  dissect: ({ cases, device, store, file }) =>
    each(cases, (one, i) =>
      dissect(one, device, `${file}-out`, { decoys: 2, ...(store && { store: path.join(store, `${i}`) }) }),
    ),

  /** What they kept, counted again by the processor. */
  analyse: ({ cases, store, file }) =>
    each(cases, async (_, i) => {
      const { analyse, openStore } = await import('../lib/index.js');
      const kept = await openStore(path.join(store, `${i}`));
      const { layers } = await analyse(`${file}-out`, kept, { bootstrap: 0, decoys: 2 });
      return { layers };
    }),

  /**
   * The same images through the model on both devices: for each layer by how much values differ at most, and which units have
   * any other value on a map of which either makes a mask.
   */
  async activations({ cases: [one], device, results }) {
    const { batches } = await import('../lib/run/batches.js');
    const { normalize } = await import('../lib/dataset/images/transforms.js');
    const { IMAGENET_NORMALIZATION } = await import('../lib/dataset/images/normalization.js');
    const sides = [await open(one, device), await open(one, 'cpu')];
    const levels = results.map(file =>
      v8.deserialize(fs.readFileSync(file))[one.at].layers.map(layer => layer.levels),
    );
    const found = levels[0].map(units => ({ most: 0, other: new Uint8Array(units.length) }));
    const [{ dataset }] = sides;
    const channels = one.channels ?? 3;
    const shape = [one.piece, channels, ...dataset.imageSize];
    const size = channels * shape[2] * shape[3];
    for await (const { pixels, count } of batches(dataset, {
      ...{ batchSize: one.piece, workers: 2, channels },
    })) {
      const floats = new Float32Array(one.piece * size);
      for (let i = 0; i < one.piece; i++) {
        // the last forward is filled up with the last image, as in a dissection
        const image = pixels.subarray(Math.min(i, count - 1) * size, (Math.min(i, count - 1) + 1) * size);
        floats.set(
          image instanceof Float32Array ? image : normalize(image, IMAGENET_NORMALIZATION),
          i * size,
        );
      }
      const outputs = await Promise.all(sides.map(({ model }) => model.forward(floats, shape)));
      for (const [l, { most, other }] of found.entries()) {
        const [{ values: a, shape: of }, { values: b }] = outputs.map(layers => layers[l]);
        const cells = of[2] * of[3];
        let largest = most;
        for (let map = 0; map < count * of[1]; map++) {
          const unit = map % of[1];
          let [over, differs] = [false, false];
          for (let c = map * cells; c < (map + 1) * cells; c++) {
            over ||= a[c] > levels[0][l][unit] || b[c] > levels[1][l][unit];
            if (a[c] === b[c]) continue;
            differs = true;
            largest = Math.max(largest, Math.abs(a[c] - b[c]));
          }
          if (over && differs) other[unit] = 1;
        }
        found[l].most = largest;
      }
    }
    await Promise.all(sides.map(({ model }) => model.close()));
    return found;
  },

  /** The bare forward's seconds of an image, and those of parts of a dissection, in turn; with no rounds the first alone. */
  async speed({ cases: [one], device, rounds, file }) {
    const forward = await bareForward(one, device);
    await forward(); // warm
    const times = [];
    for (let round = 0; round < rounds; round++) {
      const bare = await forward();
      const { profile } = await dissect(one, device, `${file}-out`, { decoys: 0 });
      const choosing = (profile.forward + profile.select) / one.images;
      const counting = profile.count / one.images;
      times.push({
        bare,
        choosing,
        counting,
        share: bare / (choosing + counting),
        whole: profile.total / one.images,
      });
    }
    return times;
  },
};

// And this in the process that was started.

/** How a GPU's jobs are run; without a GPU the processor's, in a GPU's way. */
let gpu = { device: options.device, env: { CUDA_DEVICE_ORDER: 'PCI_BUS_ID' } }; // which is nvidia-smi's order
let rehearsed = false;
let number = 0;

/** What a job gives, and the file that has it; undefined where it failed. */
async function measured(folder, name, { onGpu = false, ...job } = {}) {
  const file = path.join(folder, `job-${number++}`);
  const { device, env } = onGpu ? gpu : { device: 'cpu' };
  const args = [import.meta.filename, '--device', options.device, '--job'];
  const status = await run(process.execPath, [...args, JSON.stringify({ ...job, name, device, file })], {
    env: { ...process.env, ...env },
  });
  fs.rmSync(`${file}-out`, { recursive: true, force: true });
  return status === 0 ? { result: v8.deserialize(fs.readFileSync(file)), file } : undefined;
}

/**
 * What nvidia-smi says is in use of the GPU's memory, by whomever, while something is done: the most, and the milliseconds
 * between its readings; undefined where it says nothing. LibTorch keeps what it frees until counting begins, and counting
 * what it takes until it ends, so that peaks last.
 */
async function watched(work) {
  const visible = process.env.CUDA_VISIBLE_DEVICES?.split(',')[index]?.trim() ?? `${index}`;
  const query = ['--query-gpu=timestamp,memory.used', '--format=csv,noheader,nounits'];
  const program = start('nvidia-smi', ['-i', visible, ...query, '-lms', '20'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  program.once('error', () => {}); // it is not there
  const readings = [];
  createInterface({ input: program.stdout }).on('line', line => {
    const [time, used] = line.split(', ');
    if (/^\d+$/.test(used)) readings.push({ time: Date.parse(time), used: Number(used) });
  });
  await wait(1000); // it takes a while to begin, and more for its last lines to come
  const result = await work();
  await wait(1000);
  program.kill();
  if (readings.length < 2) return { result };
  const gaps = readings.slice(1).map(({ time }, i) => time - readings[i].time);
  return {
    result,
    peak: Math.max(...readings.map(({ used }) => used)),
    gap: median(gaps),
    longest: Math.max(...gaps),
  };
}

const median = values => values.toSorted((a, b) => a - b)[values.length >> 1];
const rounded = share => Number(share.toPrecision(2));

const results = { passed: 0, failed: 0, left: [] };

function check(what, holds, detail = '') {
  results[holds ? 'passed' : 'failed']++;
  console.log(`${holds ? '✔' : '✖'} ${what}${detail && `: ${detail}`}`);
}

/** Whether two runs gave the same, to the bit; where not, of which layers what differs. */
function checkSame(what, one, other) {
  const differing = one.layers.flatMap((layer, l) =>
    ['levels', 'topImages', 'topActivations', 'tally', 'decoys', 'narrowed']
      .filter(part => !isDeepStrictEqual(layer[part], other.layers[l][part]))
      .map(part => `${part} of ${layer.layer}`),
  );
  check(what, differing.length === 0, differing.join(', '));
}

/** Why the counts of units differ between devices; the last is a fault. */
const CAUSES = [
  'since their levels differ',
  'of equal level, since cells of their masks differ',
  'for no cause',
];

/** Compares what two devices made of the same images, and says why units differ. */
function checkClose(name, { quantile }, one, other, activations) {
  for (const [l, { layer, levels, topActivations, tally }] of one.layers.entries()) {
    const { levels: otherLevels, tally: otherTally } = other.layers[l];
    const units = levels.length;
    const largest = [...levels, ...topActivations].reduce(
      (most, value) => Math.max(most, Math.abs(value)),
      0,
    );
    const off = levels.reduce((most, level, unit) => Math.max(most, Math.abs(level - otherLevels[unit])), 0);
    const { most, other: cells } = activations[l];
    check(
      `${name} ${layer}: activations and levels against the processor's`,
      Math.max(most, off) <= LEVEL_SHARE * largest,
      `by ${rounded(most / (largest || 1))} and ${rounded(off / (largest || 1))} of the largest at most`,
    );
    const differing = CAUSES.map(() => []);
    const area = Math.max(...tally.categoryArea);
    let share = 0;
    for (let unit = 0; unit < units; unit++) {
      const largestOf = part => {
        let found = 0;
        for (let at = unit; at < tally[part].length; at += units)
          found = Math.max(found, Math.abs(tally[part][at] - otherTally[part][at]));
        return found;
      };
      const pixels = largestOf('categoryPixels');
      if (pixels + largestOf('intersections') === 0) continue;
      share = Math.max(share, pixels / area);
      differing[levels[unit] !== otherLevels[unit] ? 0 : cells[unit] ? 1 : 2].push(unit);
    }
    const causes = CAUSES.flatMap((cause, i) => {
      const [those, some] = [differing[i], differing[i].slice(0, 20)];
      return those.length
        ? `${those.length} ${cause} (${some}${those.length > some.length ? ', ...' : ''})`
        : [];
    });
    check(
      `${name} ${layer}: counts against the processor's`,
      differing[2].length === 0 && share <= pixelShare(quantile),
      causes.length
        ? `of ${units} units ${causes.join('; ')}; by ${rounded(share)} of the images' pixels at most`
        : `equal, of all ${units} units`,
    );
  }
}

/** Dissections by the GPU, what they kept counted again by the processor, and the same by the processor alone. */
async function checkCases(folder, cases, gpuRun) {
  const store = path.join(folder, `store-${number}`);
  const onGpu = await measured(folder, 'dissect', { onGpu: true, cases, store });
  // without a store, so that levels are found on the GPU and activations wait there
  const stayed = onGpu && (await gpuRun(() => measured(folder, 'dissect', { onGpu: true, cases })));
  const again = stayed && (await measured(folder, 'analyse', { cases, store }));
  const cpu = again && (await measured(folder, 'dissect', { cases }));
  fs.rmSync(store, { recursive: true, force: true });
  for (const [at, one] of cases.entries()) {
    const { name } = one;
    const runs = [onGpu, stayed, again, cpu].map(each => each?.result[at] ?? { failed: 'it ended' });
    const failed = runs.find(each => each.failed)?.failed;
    const [mine, staying, kept, its] = runs;
    if (failed) {
      check(`${name}: dissected by both`, false, failed);
      continue;
    }
    const fallen = [...mine.notices, ...staying.notices].filter(notice =>
      /not counted by|memory is short/.test(notice),
    );
    check(
      `${name}: counted by the first way that there is, in one go`,
      fallen.length === 0,
      fallen.join('; '),
    );
    checkSame(`${name}: counts of the same activations by the processor are the same`, mine, kept);
    checkSame(`${name}: values that stay on the GPU give the same, by the same algorithms`, mine, staying);
    if (one.same || rehearsed) {
      checkSame(`${name}: a dissection by the processor is the same`, mine, its);
      continue;
    }
    const files = [onGpu.file, cpu.file];
    const found = await measured(folder, 'activations', {
      onGpu: true,
      cases: [{ ...one, at }],
      results: files,
    });
    if (found) checkClose(name, one, mine, its, found.result);
    else check(`${name}: activations of both`, false);
  }
  return cpu;
}

async function checkModel(name, folder, images) {
  const { layers, size, real } = MODELS[name];
  const bench = path.join(root, 'build/bench');
  const given = process.env.NETDISSECT_REAL_DATA;
  const one = {
    ...{ name, layers, size, images, quantile: 0.005, piece: Math.min(rehearsed ? 8 : 32, images) },
    model: real ? path.join(given, real) : path.join(bench, `${name}.pt`),
    data: real
      ? path.join(given, 'broden')
      : await benchmarkData(path.join(bench, `data-${size}`), size, images),
  };
  let memory = {};
  const cpu = await checkCases(folder, [one], async work => {
    memory = rehearsed ? { result: await work() } : await watched(work);
    return memory.result;
  });
  const job = { onGpu: true, cases: [one] };
  if (!rehearsed) {
    const bare = await watched(() => measured(folder, 'speed', { ...job, rounds: 0 }));
    const over = memory.peak - bare.peak;
    const most = mebibytesOver(one, cpu?.result[0].layers ?? []);
    if (memory.result && bare.result && Number.isNaN(over))
      results.left.push(`${name}: the GPU's memory: nvidia-smi gives no readings of it`);
    else
      check(
        `${name}: the GPU's memory`,
        over <= most,
        `${memory.peak} MiB, ${over} over the bare forward (${most} at most), read every ${memory.gap} ms (${memory.longest} at most)`,
      );
  }
  const rounds = Number(options.rounds ?? (rehearsed ? 1 : 5));
  const speed = await measured(folder, 'speed', { ...job, rounds });
  if (!cpu?.result[0].profile || !speed) return check(`${name}: speed`, false);
  const middle = part => median(speed.result.map(round => round[part]));
  const rate = seconds => Math.round(1 / seconds);
  const { forward, select, count } = cpu.result[0].profile;
  return {
    model: name,
    'bare forward': rate(middle('bare')),
    'forward and selection': rate(middle('choosing')),
    counting: rate(middle('counting')),
    'share of the bare forward': middle('share').toFixed(2),
    'whole run': rate(middle('whole')),
    'on the processor': rate((forward + select + count) / images),
    'peak MiB of the GPU': memory.peak ?? '-',
  };
}

async function main() {
  await setup();
  const temporary = temporaryFolder('check-cuda');
  const described = await measured(temporary, 'describe', { onGpu: true });
  if (!described) process.exit(1); // it has said why
  const { libtorch, whyNoCuda } = described.result;
  rehearsed = whyNoCuda !== '';
  console.log(
    `LibTorch ${libtorch}; ${rehearsed ? `no GPU: ${whyNoCuda}` : `CUDA works, ${gpu.device} is checked`}`,
  );
  if (rehearsed) {
    gpu = { device: 'cpu', env: { NETDISSECT_GPU_PATH: `100000,${2 ** 30},${2 ** 28},${2 ** 30}` } };
    console.log(
      'What follows is a rehearsal on the processor, in the way of a GPU; it shows nothing of a GPU.',
    );
  }
  const kernels = await checkKernels();
  results.passed += kernels.passed;
  results.failed += kernels.failed;
  if (kernels.skipped) results.left.push('the kernels are not compiled beforehand: nvcc is not installed');
  await checkCases(temporary, AWKWARD, work => work());
  const names = options.models === 'none' ? [] : options.models.split(',');
  const folder = path.join(root, 'build/bench');
  if (names.some(name => !MODELS[name].real && !fs.existsSync(path.join(folder, `${name}.pt`)))) {
    console.log('building the models');
    const { status } = spawnSync(
      'cmake',
      ['--build', path.join(root, 'build'), '--target', 'bench_make_models'],
      { stdio: ['ignore', 'ignore', 'inherit'] },
    );
    if (status !== 0) process.exit(1);
    execFileSync(path.join(folder, 'bench_make_models'), [folder]);
  }
  const images = Number(options.images);
  const rows = [];
  for (const name of names) {
    if (MODELS[name].real && !process.env.NETDISSECT_REAL_DATA) {
      results.left.push(`${name} on real photographs: NETDISSECT_REAL_DATA names no folder`);
      continue;
    }
    const row = await checkModel(name, temporary, images);
    if (row) rows.push(row);
  }
  discard(temporary);
  if (rows.length > 0) {
    const of = rehearsed ? ` of the processor (${os.cpus()[0].model}), no GPU` : '';
    console.log(`\nImages a second${of}, medians of rounds:`);
    console.table(rows);
  }
  if (rehearsed)
    results.left.push(
      'the kernels on a device, and their speed',
      "activations of a device against the processor's, and why counts differ",
      'images a second of a GPU, and the share of its bare forward',
      "a GPU's memory",
    );
  for (const what of results.left) console.log(`- not shown here: ${what}`);
  console.log(`${results.passed} passed, ${results.failed} failed, ${results.left.length} not shown`);
  process.exitCode = results.failed ? 1 : 0;
}

if (options.job) {
  const job = JSON.parse(options.job);
  const { native } = await import('../lib/native/native.js');
  native().keepFreedMemory();
  fs.writeFileSync(job.file, v8.serialize(await JOBS[job.name](job)));
} else await main();
