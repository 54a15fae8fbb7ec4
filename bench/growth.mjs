// Peak memory over growing numbers of images, under a small budget, each in a process of its own:
//   npm run bench:growth -- [--images 10000,30000,100000] [--memory 64]
// The images are noise that is not decoded, 200 in turn, and the model is the sample's, so that this takes minutes.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { setup } from '../scripts/setup.mjs';
import { root } from '../scripts/tools.mjs';

const { values: options } = parseArgs({
  options: {
    images: { type: 'string', default: '10000,30000,100000' },
    memory: { type: 'string', default: '64' },
    measure: { type: 'string' }, // how many images to measure in this process
  },
});

const SIDE = 96;
const MAP = 48;
const DISTINCT = 200;
const LABELS = 60;

function noise(length, most) {
  return Uint8Array.from({ length }, () => Math.random() * most);
}

/** Blocks of labels, two maps an image. */
function labelMap() {
  const coarse = noise(36, LABELS + 1);
  return Uint16Array.from(
    { length: MAP * MAP },
    (_, i) => coarse[(((i / MAP) | 0) >> 3) * 6 + ((i % MAP) >> 3)],
  );
}

async function measure(images) {
  const { dissect, loadModel, retainLayers } = await import('../lib/index.js');
  const model = await loadModel(path.join(root, 'sample/model.pt'), { device: 'cpu' });
  retainLayers(model, ['conv4', 'conv5']);
  const items = Array.from({ length: DISTINCT }, () => ({
    pixels: noise(SIDE * SIDE * 3, 256),
    segmentation: { height: MAP, width: MAP, maps: [labelMap(), labelMap()] },
  }));
  const dataset = {
    length: images,
    imageSize: [SIDE, SIDE],
    labels: Array.from({ length: LABELS }, (_, i) => ({
      number: i + 1,
      name: `label ${i + 1}`,
      category: i % 2 ? 'odd' : 'even',
    })),
    categories: ['odd', 'even'],
    get: async i => items[i % DISTINCT],
  };
  const output = path.join(os.tmpdir(), `netdissect-growth-${process.pid}`);
  const loaded = process.resourceUsage().maxRSS;
  const { profile } = await dissect(output, model, dataset, {
    images: false,
    memory: Number(options.memory) * 2 ** 20,
  });
  fs.rmSync(output, { recursive: true, force: true });
  await model.close();
  const peak = process.resourceUsage().maxRSS;
  const mib = bytes => Math.round(bytes / 2 ** 20);
  console.log(
    JSON.stringify({
      images,
      seconds: Math.round(profile.total),
      'peak MiB': mib(peak * 1024),
      'over loaded': mib((peak - loaded) * 1024),
      'spilled MiB': mib(profile.spilledBytes),
    }),
  );
}

if (options.measure) await measure(Number(options.measure));
else {
  await setup();
  const rows = options.images.split(',').map(images =>
    JSON.parse(
      execFileSync(
        process.execPath,
        [import.meta.filename, '--measure', images, '--memory', options.memory],
        {
          encoding: 'utf8',
          stdio: ['ignore', 'pipe', 'inherit'],
        },
      ),
    ),
  );
  console.table(rows);
}
