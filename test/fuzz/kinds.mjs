// What is fuzzed: kinds of input, each with small valid seeds and what reads them. A case is a function of kind, seed and number.
import fs from 'node:fs';
import path from 'node:path';
import { isDead } from '../../lib/base/owner.js';
import { parseArguments } from '../../lib/commands/arguments.js';
import { readJsonObject } from '../../lib/commands/json.js';
import {
  datasetStats,
  downloadBroden,
  openDataset,
  readPerturbation,
  validateDataset,
} from '../../lib/index.js';
import { readCheckpoint } from '../../lib/model/checkpoint/checkpoint.js';
import { StagedFolder } from '../../lib/report/outdir.js';
import { ROW_A, ROW_B, writeBroden } from '../helpers/broden.mjs';
import { writeGreyPng, writePalettePng, writeRgbPng } from '../helpers/png.mjs';
import { zipOf } from '../helpers/zip.mjs';
import { mutateBytes, mutateInside, mutateJson, mutateTable, mutateTree } from './mutate.mjs';
import { stores } from './stores.mjs';

const fixtures = path.join(import.meta.dirname, '../fixtures');
const pick = (random, list) => list[random.below(list.length)];
const fixture = (folder, ending) =>
  fs
    .readdirSync(path.join(fixtures, folder))
    .filter(name => ending.test(name))
    .sort()
    .map(name => path.join(fixtures, folder, name));

/** Opens a data set, and reads some of it or all. */
async function read(file, random, options = {}) {
  const settings = { imageSize: 8, split: 'all', resize: pick(random, ['stretch', 'crop']), ...options };
  const open = () => openDataset(file, settings);
  switch (random.below(3)) {
    case 0: {
      const data = open();
      for (let i = 0; i < Math.min(data.length, 3); i++) await data.get(i, true, true);
      return;
    }
    case 1:
      await datasetStats(open());
      return;
    default: {
      const { problems, warnings } = await validateDataset(onProblem =>
        openDataset(file, { ...settings, onProblem }),
      );
      for (const sentence of [...problems, ...warnings]) checkSentence(sentence);
    }
  }
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: those are what is looked for
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;

/** One sentence for a person: of one line, of some length, without bytes that a terminal would obey. */
export function checkSentence(sentence) {
  if (CONTROL.test(sentence))
    throw new Error(`a sentence with a control character: ${JSON.stringify(sentence)}`);
  if (sentence.length > 2000)
    throw new Error(`a sentence of ${sentence.length} characters: ${sentence.slice(0, 100)}`);
}

const colours = Array.from({ length: 64 * 3 }, (_, i) => (i % 3 ? 0 : (i * 5) % 7));
const numbers = Array.from({ length: 64 }, (_, i) => i % 5);

let broden;

/** Writes a small Broden; its pictures are encoded once. */
async function brodenIn(folder) {
  if (broden) return put(folder, broden);
  await writeBroden(folder, [ROW_A, ROW_B, 'a.png,val,8,8,4,4,,a_object.png;3,6']);
  const names = fs
    .readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile());
  const paths = names.map(({ parentPath, name }) => path.join(parentPath, name));
  broden = Object.fromEntries(paths.map(file => [path.relative(folder, file), fs.readFileSync(file)]));
}

const photograph = fs.readFileSync(path.join(fixtures, 'images/kinds/rgb.jpg'));

function put(folder, files) {
  for (const [name, bytes] of Object.entries(files)) {
    fs.mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    fs.writeFileSync(path.join(folder, name), bytes);
  }
}

const COCO = {
  images: [
    { id: 1, file_name: 'a.jpg', height: 9, width: 7 },
    { id: 2, file_name: 'b.jpg', height: 8, width: 8 },
  ],
  categories: [
    { id: 1, name: 'cat', supercategory: 'animal' },
    { id: 7, name: 'sky_x', supercategory: 'outdoor', isthing: 0 },
  ],
  annotations: [
    { id: 1, image_id: 1, category_id: 1, segmentation: [[1, 1, 5.5, 1, 5, 7.25, 0, 6]] },
    { id: 2, image_id: 1, category_id: 7, segmentation: { counts: [10, 20, 33], size: [9, 7] } },
    { id: 3, image_id: 2, category_id: 1, segmentation: { counts: ':5a1', size: [8, 8] } },
    { id: 4, image_id: 2, category_id: 7, iscrowd: 1, segmentation: { counts: [0, 64], size: [8, 8] } },
  ],
};
const LABELNAMES = [
  { field: 'object', index: 0, bitshift: 0, bitmask: 7, label: ['-', 'cat_s', 'dog-c'] },
  { field: 'part', index: 0, bitshift: 3, bitmask: 31, label: ['nothing', 'tail', 'ear', 'paw'] },
  { field: 'material', index: 2, bitshift: 0, bitmask: 255, label: ['unlabelled', 'fur'] },
];
const CONFIG = {
  ...{ model: 'a.pt', layers: ['conv1', 'b:c'], broden: 'd', imgsize: 8, 'no-images': true, quantile: 0.01 },
  ...{ mean: [0.5, 0.5, 0.5], std: [1, 1, 1], size: 5, meta: ['m.json'], void: [1], memory: 5, shuffle: 3 },
};

/** Each is given an empty folder and a random source. */
export const KINDS = {
  stores,

  async images(folder, random) {
    const seed = pick(random, fixture('images/kinds', /^[^.]*\.\w+$/));
    put(folder, { [`a${path.extname(seed)}`]: mutateBytes(fs.readFileSync(seed), random) });
    await read(folder, random);
  },

  async maps(folder, random) {
    if (random.below(3) === 0) {
      await brodenIn(folder);
      const map = path.join(folder, 'images/a_object.png');
      put(folder, { 'images/a_object.png': mutateBytes(fs.readFileSync(map), random) });
      return read(folder, random);
    }
    const file = path.join(folder, 'masks/a.png');
    const bits = pick(random, [1, 2, 4, 8, 16]);
    const few = numbers.map(number => number % 2 ** Math.min(bits, 8));
    await pick(random, [
      () =>
        writePalettePng(
          file,
          8,
          8,
          few.map(number => number & 1),
          Math.min(bits, 8),
        ),
      () => writeGreyPng(file, 8, 8, few, bits),
      () => writeRgbPng(file, 8, 8, colours, bits === 16 ? 16 : 8),
    ])();
    put(folder, {
      'names.txt': 'wall\nsky_blue\ntree-s\ncar\n',
      'images/a.jpg': photograph,
      'masks/a.png': mutateBytes(fs.readFileSync(file), random),
    });
    return read(folder, random);
  },

  async tables(folder, random) {
    if (random.below(4) === 0) {
      const table = path.join(folder, 'labels.csv');
      put(folder, { 'a.jpg': photograph, 'b.jpg': photograph });
      fs.writeFileSync(table, mutateTable('image,label\na.jpg,cat\nb.jpg,dog;cat\n', random));
      return read(table, random);
    }
    await brodenIn(folder);
    const name = pick(random, ['index.csv', 'index.csv', 'label.csv', 'category.csv', 'c_object.csv']);
    put(folder, { [name]: mutateTable(fs.readFileSync(path.join(folder, name), 'utf8'), random) });
    return read(folder, random);
  },

  async coco(folder, random) {
    put(folder, { 'a.jpg': photograph, 'b.jpg': photograph, 'x.json': mutateJson(COCO, random) });
    const options = { images: folder, ...(random.below(2) && { mapSize: 5 }) };
    await read(path.join(folder, 'x.json'), random, options);
  },

  async labelnames(folder, random) {
    await writeRgbPng(path.join(folder, 'seg/a.png'), 8, 8, colours);
    put(folder, { 'img/a.jpg': photograph, 'labelnames.json': mutateJson(LABELNAMES, random) });
    await read(folder, random);
  },

  async npy(folder, random) {
    const file = path.join(folder, 'a.npy');
    const seed = pick(random, [
      ...fixture('images/arrays', /npy$/),
      ...fixture('images/perturbed', /n\.npy$/),
    ]);
    fs.writeFileSync(file, mutateBytes(fs.readFileSync(seed), random));
    readPerturbation(file);
  },

  async checkpoints(folder, random) {
    const file = path.join(folder, 'a.pth');
    const version = pick(random, ['1.13.1', '2.13.0']);
    const seed = fs.readFileSync(pick(random, fixture(`checkpoints/${version}`, /pth$/)));
    const inside = random.below(2) ? /data\.pkl$/ : /./;
    fs.writeFileSync(
      file,
      random.below(2) ? mutateBytes(seed, random) : await mutateInside(seed, random, inside),
    );
    await readTensors(file);
  },

  async safetensors(folder, random) {
    const file = path.join(folder, 'a.safetensors');
    const header = {
      __metadata__: { format: 'pt' },
      weight: { dtype: 'F32', shape: [2, 3], data_offsets: [0, 24] },
      half: { dtype: 'BF16', shape: [2], data_offsets: [24, 28] },
    };
    const text = random.below(2) ? JSON.stringify(mutateTree(header, random)) : JSON.stringify(header);
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(Buffer.byteLength(text)));
    const whole = Buffer.concat([length, Buffer.from(text), Buffer.alloc(28, 1)]);
    fs.writeFileSync(file, random.below(2) ? mutateBytes(whole, random) : whole);
    await readTensors(file);
  },

  async archives(folder, random) {
    const directory = path.join(folder, 'data');
    const archive = zipOf(
      [
        { name: 'broden1_224/index.csv', data: 'image,split\na.png,train\n', deflate: true },
        { name: 'broden1_224/images/a.png', data: 'not looked at' },
        { name: 'broden1_224/images/b/c.png', data: 'x'.repeat(3000), deflate: true },
      ],
      { zip64: random.below(3) === 0 },
    );
    const part = mutateBytes(archive, random);
    // as if it had been fetched already: no server is asked
    put(directory, {
      'broden1_224.zip.part': part,
      'broden1_224.zip.part.json': JSON.stringify({ size: part.length }),
    });
    const options = { directory, resolutions: [224], url: 'http://127.0.0.1:9/', retries: 0 };
    await andThen(
      () => downloadBroden(options),
      () => {
        const beside = fs.readdirSync(folder).filter(name => name !== 'data');
        if (beside.length > 0) throw new Error(`written outside of the folder: ${beside}`);
      },
    );
  },

  async options(folder, random) {
    const file = path.join(folder, 'a.json');
    fs.writeFileSync(file, mutateJson(CONFIG, random));
    if (random.below(4)) parseArguments(['--config', file]);
    else readJsonObject(file, 'given with --meta');
  },

  /** Output folders with what earlier runs left, dead ones and others. */
  async reports(folder, random) {
    const outdir = path.join(folder, 'out');
    const dead = `${2 ** 22 + 1 + random.below(9)}.5@${thisHost()}`;
    const list = JSON.stringify(mutateTree(['dissect.json', 'conv1', '../mine.txt'], random));
    const left = {
      'dissect.json': '{}',
      'index.html': 'earlier',
      'conv1/dissect.json': '{}',
      'conv1/image/0-top.jpg': 'x',
      '.replaced': dead,
      '.lock': dead,
      [`.unfinished-${dead}-abcdef/.moving`]: random.below(2) ? list : mutateBytes(list, random),
      [`.unfinished-${dead}-abcdef/new/dissect.json`]: '{"moved":true}',
      [`.unfinished-${dead}-abcdef/mine.txt`]: 'of the dead run',
      [`../.out.unfinished-${dead}-abcdef/conv2/dissect.json`]: '{}',
      [`../.out.unfinished-${dead}-abcdef/.replaced`]: dead,
    };
    for (const [name, text] of Object.entries(left)) if (random.below(2)) put(outdir, { [name]: text });
    put(folder, { 'mine.txt': "the user's" });
    await andThen(
      async () => {
        const staged = await StagedFolder.open(outdir, ['conv1']);
        put(staged.path, { 'dissect.json': '{"new":true}', 'index.html': 'new', 'conv1/dissect.json': '{}' });
        await staged.commit('dissect.json');
        if (fs.readFileSync(path.join(outdir, 'dissect.json'), 'utf8') !== '{"new":true}')
          throw new Error('the report is not in place');
      },
      () => {
        if (fs.readFileSync(path.join(folder, 'mine.txt'), 'utf8') !== "the user's")
          throw new Error('a file beside the output folder was touched');
      },
    );
  },
};

/** Checks what has to hold whether the work fails or not; a fault that this finds goes first. */
async function andThen(work, check) {
  const outcome = await work().then(
    () => ({}),
    error => ({ error }),
  );
  check();
  if ('error' in outcome) throw outcome.error;
}

/** The host as leftovers name it. */
function thisHost() {
  const host = fs
    .readFileSync('/proc/sys/kernel/hostname', 'utf8')
    .trim()
    .replace(/[^\w.-]/g, '_');
  if (!isDead(`${2 ** 22 + 1}.5@${host}`)) throw new Error(`expected a dead process of ${host}`);
  return host;
}

async function readTensors(file) {
  const checkpoint = await readCheckpoint(file);
  try {
    for (const tensor of checkpoint.tensors)
      if (tensor.refusal === null) {
        const bytes = await tensor.read();
        const values = tensor.shape.reduce((product, side) => product * side, 1);
        if (bytes.length % Math.max(1, values)) throw new Error(`${bytes.length} bytes of [${tensor.shape}]`);
      }
  } finally {
    await checkpoint.close();
  }
}
