// What keeping an observation costs, its size, and the time to merge shards and analyse:
//   npm run bench:store -- [--images 180] [--shards 10] [--rounds 3] [--model FILE --layers NAMES --broden DIR --imgsize N]
// Over the sample, or other data in Broden's layout; more images than there are are the same ones again.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { setup } from '../scripts/setup.mjs';
import { root } from '../scripts/tools.mjs';

const { values: options } = parseArgs({
  options: {
    images: { type: 'string', default: '180' },
    shards: { type: 'string', default: '10' },
    rounds: { type: 'string', default: '3' },
    model: { type: 'string', default: path.join(root, 'sample/model.pt') },
    layers: { type: 'string', default: 'conv4' },
    broden: { type: 'string', default: path.join(root, 'sample/broden') },
    imgsize: { type: 'string', default: '224' },
  },
});

await setup();
const { BrodenDataset, analyse, dissect, loadModel, observe, openStore, retainLayers } = await import(
  '../lib/index.js'
);
(await import('../lib/native/native.js')).native().keepFreedMemory();
const model = await loadModel(options.model, { device: 'cpu' });
retainLayers(model, options.layers.split(','));
const own = new BrodenDataset(options.broden, { imageSize: Number(options.imgsize) });
const images = Number(options.images);
/** The data set's images again and again, as many as are asked for. */
const dataset = {
  length: images,
  imageSize: own.imageSize,
  labels: own.labels,
  categories: own.categories,
  fingerprint: own.fingerprint,
  nameOf: i => `${i} ${own.nameOf(i % own.length)}`,
  get: (i, ...more) => own.get(i % own.length, ...more),
};
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'netdissect-bench-'));
const plain = { images: false, decoys: 0, bootstrap: 0 };
const seconds = async work => {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
};
const median = values => values.toSorted((a, b) => a - b)[values.length >> 1];

const [without, kept] = [[], []];
for (let round = 0; round < Number(options.rounds); round++) {
  const store = path.join(folder, `kept-${round}`);
  without.push(await seconds(() => dissect(path.join(folder, 'out'), model, dataset, plain)));
  kept.push(await seconds(() => dissect(path.join(folder, 'out'), model, dataset, { ...plain, store })));
}
const bytes = fs
  .readdirSync(path.join(folder, 'kept-0'))
  .reduce((sum, name) => sum + fs.statSync(path.join(folder, 'kept-0', name)).size, 0);
const shards = Number(options.shards);
const parts = path.join(folder, 'parts');
for (let i = 1; i <= shards; i++)
  await observe(model, dataset, { ...plain, store: parts, shard: `${i}/${shards}` });
const store = await openStore(parts);
const units = store.file.layers.reduce((sum, { shape }) => sum + shape[0], 0);
await model.close();
// in a process of its own, for its memory
const code = `
  const { analyse, openStore } = require('./lib/index.js');
  (async () => {
    const start = performance.now();
    await analyse(${JSON.stringify(path.join(folder, 'merged'))}, await openStore(${JSON.stringify(parts)}), ${JSON.stringify(plain)});
    console.log(JSON.stringify({ seconds: (performance.now() - start) / 1000, peak: process.resourceUsage().maxRSS / 1024 }));
  })();`;
const merged = JSON.parse(execFileSync(process.execPath, ['-e', code], { cwd: root, encoding: 'utf8' }));
const again = await seconds(async () =>
  analyse(path.join(folder, 'again'), await openStore(path.join(folder, 'kept-0')), plain),
);
console.table([
  {
    images,
    units,
    shards,
    'run, s': median(without).toFixed(2),
    'kept, s': median(kept).toFixed(2),
    ratio: median(kept.map((time, i) => time / without[i])).toFixed(3),
    'store, MiB': (bytes / 2 ** 20).toFixed(1),
    'bytes an image and unit': (bytes / images / units).toFixed(1),
    'analyse one, s': again.toFixed(2),
    'merge and analyse, s': merged.seconds.toFixed(2),
    'peak, MiB': Math.round(merged.peak),
  },
]);
fs.rmSync(folder, { recursive: true });
