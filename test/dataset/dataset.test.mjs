// Data sets that users write in JavaScript.
import fs from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { dissect, IMAGENET_NORMALIZATION } from '../../lib/index.js';
import { temporaryFolder } from '../helpers/broden.mjs';
import { normalised, openModel, pixelsOf, sameAsReference } from '../helpers/dissection.mjs';
import { sameResults } from '../helpers/native.mjs';
import { randomSource } from '../helpers/random.mjs';

const COUNT = 6;
const LABELS = [
  { number: 2, name: 'left', category: 'side' },
  { number: 300, name: 'right', category: 'side' },
  { number: 7, name: 'noise', category: 'texture' },
];

/** A data set of noise on 4×6 maps; `change` makes another one of it. */
function noise(change = {}) {
  const random = randomSource(4);
  const images = Array.from({ length: COUNT }, () =>
    Uint8Array.from({ length: 192 }, () => random.below(256)),
  );
  const sides = images.map(() => Uint16Array.from({ length: 24 }, () => [0, 2, 300, 9][random.below(4)]));
  return {
    length: COUNT,
    imageSize: [8, 8],
    labels: LABELS,
    categories: ['texture', 'side'],
    normalization: IMAGENET_NORMALIZATION,
    sides,
    async get(index, segmentation) {
      const item = { pixels: images[index] };
      if (segmentation) item.segmentation = { height: 4, width: 6, maps: [sides[index], index % 2 ? 7 : 0] };
      return item;
    },
    ...change,
  };
}

/** The same with other maps. */
const withMaps = maps => {
  const dataset = noise();
  const { get, sides } = dataset;
  return {
    ...dataset,
    async get(index, segmentation) {
      const item = await get(index, segmentation);
      if (segmentation) item.segmentation.maps = maps(sides[index], index);
      return item;
    },
  };
};

const bytes = (sides, channels) =>
  Uint8Array.from({ length: sides.length * channels }, (_, i) => {
    const number = sides[Math.floor(i / channels)];
    return [number % 256, number >> 8, 99, 255][i % channels];
  });

test('images as bytes, with maps as Uint16Array and as a number, give what the reference gives', async t => {
  const dataset = noise();
  const results = await sameAsReference(t, dataset);
  const pixels = [2, 300].map(
    number => dataset.sides.flatMap(map => [...map]).filter(v => v === number).length,
  );
  t.deepEqual(
    [2, 300, 7].map(number => pixelsOf(results, number)),
    [...pixels, 3 * 24],
  );
});

test('maps as bytes of 3 or 4 channels, R + 256·G, give the same', async t => {
  const { layers } = await sameAsReference(t, noise());
  for (const channels of [3, 4]) {
    const same = await sameAsReference(
      t,
      withMaps((sides, i) => [bytes(sides, channels), i % 2 ? 7 : 0]),
    );
    sameResults(t, same.layers[0].tally, layers[0].tally, `${channels} channels`);
  }
});

test('maps as bytes of 1 or 2 channels are label numbers', async t => {
  for (const channels of [1, 2]) {
    const dataset = withMaps(sides => [bytes(sides, channels)]);
    t.is(
      pixelsOf(await sameAsReference(t, dataset), 2),
      dataset.sides.flatMap(map => [...map]).filter(v => v % 256 === 2).length,
    );
  }
});

test('images as normalised float32 give the same as bytes', async t => {
  const dataset = noise();
  const floats = {
    ...dataset,
    get: async (...asked) => {
      const item = await dataset.get(...asked);
      return { ...item, pixels: normalised(item.pixels, IMAGENET_NORMALIZATION) };
    },
    picture: async index => (await dataset.get(index, false)).pixels,
  };
  const asBytes = await sameAsReference(t, dataset);
  const asFloats = await sameAsReference(t, floats);
  sameResults(t, asFloats.layers[0].tally, asBytes.layers[0].tally);
  t.deepEqual(asFloats.layers[0].levels, asBytes.layers[0].levels);
});

test('a class with getters and without normalization works, and an image may have no labels', async t => {
  class Stripes {
    get length() {
      return 3;
    }
    get imageSize() {
      return [8, 8];
    }
    labels = [LABELS[0]];
    categories = ['side'];
    async get(index, segmentation) {
      const pixels = Buffer.alloc(192, 40 * index);
      return index === 1
        ? { pixels, segmentation: null }
        : { pixels, segmentation: segmentation ? { height: 1, width: 2, maps: [2] } : undefined };
    }
  }
  const results = await dissect(await temporaryFolder(t), await openModel(t), new Stripes());
  t.is(pixelsOf(results, 2), 4);
});

test('the example of docs/datasets.md works', async t => {
  const manual = await fs.readFile(path.join(import.meta.dirname, '../../docs/datasets.md'), 'utf8');
  const [, code] = manual.match(/```js\n(class Halves[^`]*)```/);
  const Halves = new Function(`${code}; return Halves;`)();
  const dataset = Object.assign(new Halves(8), { normalization: IMAGENET_NORMALIZATION });
  const { layers } = await sameAsReference(t, dataset);
  t.deepEqual([...layers[0].tally.labelPixels], [10, 10, 8]);
});

const label = change => noise({ labels: [LABELS[0], { ...LABELS[1], ...change }] });

for (const [what, dataset, message] of [
  ['no length', noise({ length: undefined }), /length must be a whole number but is undefined/],
  ['half an image', noise({ length: 2.5 }), /length must be a whole number but is 2\.5/],
  ['no image', noise({ length: 0 }), /the data set has no images/],
  ['one number as size', noise({ imageSize: 8 }), /imageSize must be \[height, width\] .* but is 8/],
  ['a size of parts', noise({ imageSize: [8, 7.5] }), /imageSize must be .* but is \[8,7\.5\]/],
  ['no get', noise({ get: undefined }), /must have a method get\(index, segmentation\) but has undefined/],
  ['no categories', noise({ categories: undefined }), /categories must be a list of different names/],
  ['a category twice', noise({ categories: ['side', 'texture', 'side'] }), /list of different names/],
  ['no labels', noise({ labels: undefined }), /labels must be a list but are undefined/],
  ['labels by name', noise({ labels: new Map() }), /labels must be a list but are Map/],
  [
    'an empty place',
    noise({ labels: [undefined] }),
    /labels\[0\] .* number from 1 to 65535 but has undefined/,
  ],
  ['no number', label({ number: undefined }), /labels\[1\] .* number from 1 to 65535 but has undefined/],
  ['a number as text', label({ number: '3' }), /labels\[1\] .* but has '3'/],
  ['number 0', label({ number: 0 }), /labels\[1\] .* number from 1 to 65535 but has 0/],
  ['number 65536', label({ number: 65536 }), /but has 65536/],
  ['a number twice', label({ number: 2 }), /labels\[1\] .* has the number 2, which labels\[0\] has already/],
  ['no name', label({ name: '' }), /labels\[1\] of the data set must have a name but has ''/],
  [
    'no category',
    label({ category: undefined }),
    /labels\[1\] .*, 'right', must have one of the categories texture, side but has undefined/,
  ],
  ['a strange category', label({ category: 'smell' }), /but has 'smell'/],
])
  test(`refused before the run: ${what}`, async t => {
    const outdir = path.join(await temporaryFolder(t), 'out');
    await t.throwsAsync(dissect(outdir, await openModel(t), dataset), {
      code: 'ERR_NETDISSECT_DATASET',
      message,
    });
  });

/** The data set with an image 3 that is `change`d; `nameOf` names it. */
const item = change => {
  const dataset = noise();
  const get = async (index, segmentation) => {
    const good = await dataset.get(index, segmentation);
    return index === 3 ? change(good) : good;
  };
  return { ...dataset, get, nameOf: index => `photo ${index}` };
};
const maps = (...list) => item(good => (good.segmentation ? segmentation({ maps: list })(good) : good));
const segmentation = change => good => ({ ...good, segmentation: { ...good.segmentation, ...change } });
const pixels = values => item(good => ({ ...good, pixels: values }));

for (const [what, dataset, message] of [
  ['nothing', item(() => undefined), /must give its pixels as Uint8Array or Float32Array but gave undefined/],
  ['no pixels', pixels(undefined), /Uint8Array or Float32Array but gave undefined/],
  ['a list of pixels', pixels(Array(192).fill(0)), /but gave Array/],
  ['clamped bytes', pixels(new Uint8ClampedArray(192)), /but gave Uint8ClampedArray/],
  ['RGBA', pixels(new Uint8Array(256)), /has 256 values, not the 192 of 8×8 pixels; resize it/],
  ['floats among bytes', pixels(new Float32Array(192)), /some images are bytes and some are floats/],
  [
    'maps without a size',
    item(segmentation({ height: undefined })),
    /height and width must be whole numbers but are undefined and 6/,
  ],
  ['no list of maps', item(segmentation({ maps: 7 })), /maps must be a list but are 7/],
  [
    'a map of another length',
    maps(7, new Uint16Array(23)),
    /label map 1 has 23 values, not the 24 of 4×6 pixels/,
  ],
  ['bytes of another length', maps(new Uint8Array(50)), /label map 0 has 50 values, not the 24/],
  ['no bytes', maps(new Uint8Array(0)), /label map 0 has 0 values/],
  ['a map as a list', maps(Array(24).fill(2)), /must be a number, Uint16Array or Uint8Array but is a list/],
  [
    'a map of 32 bits',
    maps(new Int32Array(24)),
    /must be a number, Uint16Array or Uint8Array but is Int32Array/,
  ],
  ['a label number of parts', maps(1.5), /label map 0 must be a label number from 0 to 65535 but is 1\.5/],
  ['a label number under 0', maps(-1), /but is -1/],
])
  test(`refused, naming the image: ${what}`, async t => {
    const outdir = path.join(await temporaryFolder(t), 'out');
    const { message: text } = await t.throwsAsync(dissect(outdir, await openModel(t), dataset), {
      code: 'ERR_NETDISSECT_DATASET',
      message,
    });
    if (!what.includes('among')) t.regex(text, /^image 3 \(photo 3\)/);
  });
