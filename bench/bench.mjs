// Measures a dissection against its limit, side by side and interleaved in one run: `npm run bench -- [options]`.
//   --images 300     images of the data set
//   --models NAMES   of alexnet, resnet18, vgg16, squeezenet (with NETDISSECT_REAL_DATA), separated by commas
//   --rounds 3       how often each part is timed; medians are printed
//   --pictures       times the pictures, too
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import sharp from 'sharp';
import { setup } from '../scripts/setup.mjs';
import { root } from '../scripts/tools.mjs';
import { benchmarkData } from './data.mjs';

const build = path.join(root, 'build');
const folder = path.join(build, 'bench');

const MODELS = {
  alexnet: { layers: ['conv3', 'conv4', 'conv5'], size: 227 },
  resnet18: { layers: ['layer1', 'layer2', 'layer3', 'layer4'], size: 224 },
  vgg16: { layers: ['conv4_3', 'conv5_3'], size: 224 },
  squeezenet: { layers: ['fire5', 'fire9'], size: 224, real: 'models/squeezenet1_0_imagenet.pt' },
};

const { values: options } = parseArgs({
  options: {
    images: { type: 'string', default: '300' },
    models: { type: 'string', default: 'alexnet,resnet18,vgg16,squeezenet' },
    rounds: { type: 'string', default: '3' },
    pictures: { type: 'boolean', default: false },
    memory: { type: 'string', default: '512' },
    measure: { type: 'string' }, // a part to measure in this process
    model: { type: 'string' },
    data: { type: 'string' },
  },
});

const images = Number(options.images);

/** As the command sets its process up. */
function asTheCommand(addon) {
  addon.keepFreedMemory();
  sharp.concurrency(1);
}
const median = values => values.toSorted((a, b) => a - b)[values.length >> 1];

/** The parts of one model, in a process of their own: prints JSON. */
async function measure() {
  const { BrodenDataset, dissect, loadModel, retainLayers } = await import('../lib/index.js');
  const { batches } = await import('../lib/run/batches.js');
  const { datasetLabeller } = await import('../lib/run/labeller.js');
  const { layers, size } = MODELS[options.measure];
  asTheCommand((await import('../lib/native/native.js')).native());
  const model = await loadModel(options.model, { device: 'cpu' });
  retainLayers(model, layers);
  const dataset = new BrodenDataset(options.data, { imageSize: size, size: images });
  const batchOptions = { batchSize: 104, workers: 2, labeller: datasetLabeller(dataset) };
  const memory = Number(options.memory) * 2 ** 20;
  const output = path.join(os.tmpdir(), `netdissect-bench-${process.pid}`);
  const bare = await model.native.bareForward({
    layers,
    channels: 3,
    height: size,
    width: size,
    piece: 8,
    mean: [0.485, 0.456, 0.406],
    deviation: [0.229, 0.224, 0.225],
  });
  const { value: decoded } = await batches(dataset, batchOptions).next();
  let profile;
  const run = async withPictures => {
    const result = await dissect(output, model, dataset, { images: withPictures, memory, decoys: 0 });
    profile ??= result.profile;
  };
  const parts = {
    // (a) the model alone, over a batch that is decoded
    forward: async () => {
      for (let done = 0; done < images; done += decoded.count)
        await bare.run({ ...decoded, segmentations: undefined });
    },
    // (b) decoding alone
    decode: async () => {
      for await (const _ of batches(dataset, batchOptions));
    },
    // what (c) is measured against: both, as the dissection runs them
    limit: async () => {
      let previous = Promise.resolve();
      for await (const batch of batches(dataset, batchOptions)) {
        await previous;
        previous = bare.run({ ...batch, segmentations: undefined });
      }
      await previous;
    },
    // (c) the dissection
    dissect: () => run(false),
    // (d) with pictures
    ...(options.pictures && { pictures: () => run(true) }),
  };
  const times = Object.fromEntries(Object.keys(parts).map(part => [part, []]));
  const cpu = Object.fromEntries(Object.keys(parts).map(part => [part, []]));
  for (let round = 0; round < Number(options.rounds); round++)
    for (const [part, work] of Object.entries(parts)) {
      const start = performance.now();
      const before = process.cpuUsage();
      await work();
      const { user, system } = process.cpuUsage(before);
      times[part].push(performance.now() - start);
      cpu[part].push(user + system);
    }
  fs.rmSync(output, { recursive: true, force: true });
  await model.close();
  const ratios = of => of.dissect.map((time, i) => time / of.limit[i]);
  console.log(JSON.stringify({ times, ratios: ratios(times), cpuRatios: ratios(cpu), profile }));
}

/** The largest resident size of one dissection alone, in MiB. */
function peakMemory(name, model, data) {
  const { layers, size } = MODELS[name];
  const code = `
    const { BrodenDataset, dissect, loadModel, retainLayers } = require('./lib/index.js');
    (async () => {
      const model = await loadModel(${JSON.stringify(model)}, { device: 'cpu' });
      const loaded = process.resourceUsage().maxRSS;
      retainLayers(model, ${JSON.stringify(layers)});
      const dataset = new BrodenDataset(${JSON.stringify(data)}, { imageSize: ${size}, size: ${images} });
      const output = require('node:os').tmpdir() + '/netdissect-bench-' + process.pid;
      const { profile } = await dissect(output, model, dataset, { images: false, memory: ${options.memory} * 2 ** 20, decoys: 0 });
      require('node:fs').rmSync(output, { recursive: true });
      await model.close();
      const usage = process.resourceUsage();
      console.log(JSON.stringify({ loaded: loaded / 1024, peak: usage.maxRSS / 1024, spilled: profile.spilledBytes / 2 ** 20 }));
    })();`;
  return JSON.parse(execFileSync(process.execPath, ['-e', code], { cwd: root, encoding: 'utf8' }));
}

async function main() {
  await setup();
  const target = program =>
    spawnSync('cmake', ['--build', build, '--target', program], { stdio: ['ignore', 'ignore', 'inherit'] });
  console.log('building the benchmark programs');
  if (target('bench_tally').status || target('bench_make_models').status) process.exit(1);
  if (!fs.existsSync(path.join(folder, 'vgg16.pt')))
    execFileSync(path.join(folder, 'bench_make_models'), [folder]);

  console.log(
    '\nThe tally of one image alone, two threads, against the same composed of LibTorch operations:',
  );
  const lines = execFileSync(path.join(folder, 'bench_tally'), { encoding: 'utf8' }).trim().split('\n');
  console.table(
    lines.map(line => {
      const r = JSON.parse(line);
      return {
        shape: `${r.units}×${r.side}×${r.side} to ${r.target}²`,
        'labels present': r.labels.toFixed(1),
        'kernel, ms': r.kernel_ms.toFixed(3),
        'composition, ms': r.composition_ms.toFixed(3),
        'times faster': r.ratio.toFixed(1),
        'of the fastest runs': r.fastest_ratio.toFixed(1),
      };
    }),
  );

  const real = process.env.NETDISSECT_REAL_DATA;
  const rows = [];
  const profiles = {};
  for (const name of options.models.split(',')) {
    const { size, real: realModel } = MODELS[name];
    if (realModel && !real) {
      console.log(`${name} is left out: NETDISSECT_REAL_DATA names no folder`);
      continue;
    }
    const model = realModel ? path.join(real, realModel) : path.join(folder, `${name}.pt`);
    const data = await benchmarkData(path.join(folder, `data-${size}`), size, images);
    console.log(`measuring ${name}`);
    const args = ['--measure', name, '--model', model, '--data', data];
    for (const option of ['images', 'rounds', 'memory']) args.push(`--${option}`, options[option]);
    if (options.pictures) args.push('--pictures');
    const child = spawnSync(process.execPath, [import.meta.filename, ...args], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const { times, ratios, cpuRatios, profile } = JSON.parse(child.stdout);
    const memory = peakMemory(name, model, data);
    const each = part => (median(times[part]) / images).toFixed(2);
    rows.push({
      model: name,
      images,
      '(a) forward': each('forward'),
      '(b) decode': each('decode'),
      both: each('limit'),
      '(c) dissect': each('dissect'),
      '(c) / both': median(ratios).toFixed(3),
      'in CPU time': median(cpuRatios).toFixed(3),
      ...(times.pictures && { '(d) pictures': each('pictures') }),
      'peak MiB': Math.round(memory.peak),
      'over loaded': Math.round(memory.peak - memory.loaded),
      'spilled MiB': Math.round(memory.spilled),
    });
    profiles[name] = Object.fromEntries(
      Object.entries(profile)
        .filter(([part]) => part !== 'spilledBytes')
        .map(([part, seconds]) => [part, ((seconds / images) * 1000).toFixed(3)]),
    );
  }
  console.log(
    '\nMilliseconds an image, medians; (c) / both is the median of the ratios of neighbouring runs, of time by the clock and of processor time, which other programs disturb less:',
  );
  console.table(rows);
  console.log('Where a dissection spends its time, milliseconds an image (engine), of the first round:');
  console.table(profiles);
}

await (options.measure ? measure() : main());
