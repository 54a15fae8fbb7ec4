import fs from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { MultiSegmentDataset } from '../../../lib/index.js';
import { temporaryFolder, writeFiles, writeImage } from '../../helpers/broden.mjs';
import { pixelsOf, sameAsReference } from '../../helpers/dissection.mjs';
import { writeGreyPng, writePalettePng, writeRgbPng } from '../../helpers/png.mjs';
import { randomSource } from '../../helpers/random.mjs';

/** Objects in the low 3 bits of red, their parts in the bits above them, materials in blue. */
const FIELDS = [
  { field: 'object', index: 0, bitshift: 0, bitmask: 7, label: ['-', 'cat_s', 'dog-c'] },
  { field: 'part', index: 0, bitshift: 3, bitmask: 31, label: ['nothing', 'tail', 'ear', 'paw'] },
  { field: 'material', index: 2, bitshift: 0, bitmask: 255, label: ['unlabelled', 'fur'] },
];

const pixel = (object, part, material) => [object | (part << 3), 77, material];

/** `count` pairs of 8×8 images and maps of random labels. */
async function writePairs(folder, count = 4, names = i => `${i}`) {
  const random = randomSource(5);
  const maps = [];
  for (let i = 0; i < count; i++) {
    const noise = Array.from({ length: 192 }, () => random.below(256));
    await writeImage(path.join(folder, `img/${names(i)}.png`), 8, 8, noise);
    const labels = Array.from({ length: 64 }, () => [random.below(3), random.below(4), random.below(2)]);
    await writeRgbPng(
      path.join(folder, `seg/${names(i)}.png`),
      8,
      8,
      labels.flatMap(l => pixel(...l)),
    );
    maps.push(labels);
  }
  await writeFiles(folder, { 'labelnames.json': JSON.stringify(FIELDS) });
  return maps;
}

const open = (folder, options) => new MultiSegmentDataset(folder, { imageSize: 8, split: 'all', ...options });
const names = (dataset, folder) =>
  Array.from({ length: dataset.length }, (_, i) => path.relative(folder, dataset.nameOf(i)));

test('labels are numbered from 1 on, field by field; value 0 of a field is none; names stay as they are', async t => {
  const folder = await temporaryFolder(t);
  await writePairs(folder);
  const { labels, categories } = open(folder);
  t.deepEqual(categories, ['object', 'part', 'material']);
  t.deepEqual(
    labels.map(({ number, name, category }) => `${number} ${name} ${category}`),
    ['1 cat_s object', '2 dog-c object', '3 tail part', '4 ear part', '5 paw part', '6 fur material'],
  );
});

test('a value whose name is empty is no label, and the numbers after it stay', async t => {
  const folder = await temporaryFolder(t);
  await writePairs(folder);
  await writeFiles(folder, {
    'labelnames.json': JSON.stringify([{ ...FIELDS[0], label: ['', '', 'dog'] }, FIELDS[2]]),
  });
  t.deepEqual(
    open(folder).labels.map(({ number, name }) => `${number} ${name}`),
    ['2 dog', '3 fur'],
  );
});

test('a pixel has a label in each field: bits of a channel, 0 for none', async t => {
  const folder = await temporaryFolder(t);
  const written = await writePairs(folder);
  const dataset = open(folder);
  for (const [i, labels] of written.entries()) {
    const { segmentation } = await dataset.get(i, true);
    t.deepEqual([segmentation.height, segmentation.width], [8, 8]);
    const before = [0, 2, 5];
    const expected = [0, 1, 2].map(field =>
      Uint16Array.from(labels, l => (l[field] === 0 ? 0 : before[field] + l[field])),
    );
    t.deepEqual(segmentation.maps, expected);
  }
});

test('all numbers of a run equal the reference', async t => {
  const folder = await temporaryFolder(t);
  const written = await writePairs(folder, 6);
  const results = await sameAsReference(t, open(folder));
  const fur = written.flat().filter(([, , material]) => material === 1).length;
  t.is(pixelsOf(results, 6), fur);
});

test('images are sorted by path; the first 75 % are train, the rest val', async t => {
  const folder = await temporaryFolder(t);
  const order = ['b/2', 'a', 'b/10', 'c', 'B', 'b/1', 'd'];
  await writePairs(folder, order.length, i => order[i]);
  const sorted = ['B', 'a', 'b/1', 'b/10', 'b/2', 'c', 'd'].map(name => `img/${name}.png`);
  t.deepEqual(names(open(folder), folder), sorted);
  t.deepEqual(names(open(folder, { split: undefined }), folder), sorted.slice(0, 5));
  t.deepEqual(names(open(folder, { split: 'val' }), folder), sorted.slice(5));
  t.deepEqual(names(open(folder, { size: 2 }), folder), sorted.slice(0, 2));
});

test('images of any kind pair with PNG maps; other and hidden files are no images', async t => {
  const folder = await temporaryFolder(t);
  await writePairs(folder, 1);
  await writeImage(path.join(folder, 'img/photo.JPG'), 8, 8);
  await writeRgbPng(path.join(folder, 'seg/photo.png'), 8, 8, Array(192).fill(0));
  await writeFiles(folder, {
    'img/notes.txt': '',
    'img/._0.png': '',
    'seg/.DS_Store': '',
    'seg/jpg.txt': '',
  });
  t.deepEqual(names(open(folder), folder), ['img/0.png', 'img/photo.JPG']);
});

test('img.txt and seg.txt list the files, by paths from their folder or the one above', async t => {
  const folder = await temporaryFolder(t);
  await writePairs(folder, 4);
  await writeFiles(folder, {
    'img.txt': '3.png\nimg/1.png\n\n',
    'seg.txt': '\uFEFFseg/1.png\r\nseg/3.png\r\n',
  });
  t.deepEqual(names(open(folder), folder), ['img/1.png', 'img/3.png']);
});

test('images are cropped at the centre, maps sampled at the nearest pixels of the same window', async t => {
  const folder = await temporaryFolder(t);
  await writePairs(folder, 0);
  // 8 rows, 14 columns; the left half is red and a cat, the right half is blue and a dog
  const left = x => x < 7;
  const each = f => Array.from({ length: 8 * 14 }, (_, i) => f(i % 14)).flat();
  await writeImage(
    path.join(folder, 'img/a.png'),
    14,
    8,
    each(x => (left(x) ? [255, 0, 0] : [0, 0, 255])),
  );
  await writeRgbPng(
    path.join(folder, 'seg/a.png'),
    14,
    8,
    each(x => pixel(left(x) ? 1 : 2, 0, +(x === 3))),
  );
  const { pixels, segmentation } = await open(folder).get(0, true);
  const row = map => [...map.subarray(16, 24)];
  t.deepEqual(row(segmentation.maps[0]), [1, 1, 1, 1, 2, 2, 2, 2]);
  t.deepEqual(row(segmentation.maps[2]), [6, 0, 0, 0, 0, 0, 0, 0], 'the window is columns 3 to 10');
  t.deepEqual([...pixels.subarray(0, 3), ...pixels.subarray(21, 24)], [255, 0, 0, 0, 0, 255]);

  const half = await open(folder, { imageSize: [4, 6] }).get(0, true);
  t.is(half.pixels.length, 4 * 6 * 3);
  t.deepEqual([half.segmentation.height, half.segmentation.width], [4, 6]);
  t.deepEqual([...half.segmentation.maps[0].subarray(0, 6)], [1, 1, 1, 2, 2, 2]);

  const stretched = await open(folder, { imageSize: [8, 28], resize: 'stretch' }).get(0, true);
  t.is(stretched.segmentation.maps[2].indexOf(6), 6);
  t.is(stretched.segmentation.maps[2].filter(Boolean).length, 2 * 8);
});

test('chosen categories leave the other fields out; the numbers stay', async t => {
  const folder = await temporaryFolder(t);
  await writePairs(folder);
  const dataset = open(folder, { categories: ['part'] });
  t.deepEqual(
    dataset.labels.map(label => label.number),
    [3, 4, 5],
  );
  t.is((await dataset.get(0, true)).segmentation.maps.length, 1);
  t.throws(() => open(folder, { categories: ['smell'] }), {
    code: 'ERR_NETDISSECT_OPTION',
    message: /no category 'smell'; it has object, part, material/,
  });
});

test('grey and palette PNGs count by their colours', async t => {
  const folder = await temporaryFolder(t);
  await writePairs(folder, 0);
  const label = ['-', ...Array.from({ length: 20 }, (_, i) => `n${i + 1}`)];
  const fields = [
    { field: 'a', index: 1, bitshift: 4, bitmask: 15, label },
    { field: 'b', index: 2, bitshift: 0, bitmask: 15, label },
  ];
  await writeFiles(folder, { 'labelnames.json': JSON.stringify(fields) });
  for (const name of ['b', 'c']) await writeImage(path.join(folder, `img/${name}.png`), 8, 8);
  await writeGreyPng(path.join(folder, 'seg/b.png'), 8, 8, Array(64).fill(0x25));
  await writePalettePng(path.join(folder, 'seg/c.png'), 8, 8, Array(64).fill(9)); // colour (27·89, 28·89, 29·89) mod 7
  const first = async i => (await open(folder).get(i, true)).segmentation.maps.map(map => map[0]);
  t.deepEqual(await first(0), [2, 25]);
  t.deepEqual(await first(1), [0, 20 + ((29 * 89) % 7)]);
});

const refused = { code: 'ERR_NETDISSECT_DATASET' };

test('a missing or damaged labelnames.json says what is wrong with which entry', async t => {
  const folder = await temporaryFolder(t);
  await writePairs(folder, 1);
  const file = path.join(folder, 'labelnames.json');
  for (const [text, message] of [
    ['{', /labelnames\.json is not JSON \(/],
    ['{}', /must be a list of fields/],
    ['[{}]', /entry 1: expected a name as field but found undefined/],
    [JSON.stringify([FIELDS[0], { ...FIELDS[1], label: 'x' }]), /entry 2: expected a list of names as label/],
    [
      JSON.stringify([{ ...FIELDS[0], index: 4 }]),
      /entry 1: expected a whole number from 0 to 3 as index but found 4/,
    ],
    [JSON.stringify([{ ...FIELDS[0], bitmask: '7' }]), /as bitmask but found "7"/],
  ]) {
    await fs.writeFile(file, text);
    t.throws(() => open(folder), { ...refused, message });
  }
  await fs.rm(file);
  t.throws(() => open(folder), { ...refused, message: /labelnames\.json is missing/ });
});

test('images and maps that do not pair, and splits without images, are refused', async t => {
  const folder = await temporaryFolder(t);
  await writePairs(folder, 1);
  t.throws(() => open(folder, { split: 'train' }), {
    ...refused,
    message: /has 1 image, too few .* choose all/,
  });
  t.throws(() => open(folder, { split: 'test' }), {
    code: 'ERR_NETDISSECT_OPTION',
    message: /no split 'test'; choose train, val or all/,
  });
  await writeImage(path.join(folder, 'img/b/x.png'), 8, 8);
  t.throws(() => open(folder), { ...refused, message: /image .*x\.png has no label map .*seg\/b\/x\.png/ });
  await fs.rename(path.join(folder, 'img/b'), path.join(folder, 'seg/b'));
  t.throws(() => open(folder), { ...refused, message: /label map .*seg\/b\/x\.png has no image/ });
  await fs.rm(path.join(folder, 'seg/b'), { recursive: true });
  await writeImage(path.join(folder, 'img/0.jpg'), 8, 8);
  t.throws(() => open(folder), { ...refused, message: /has both 0\.jpg and 0\.png/ });
  await fs.rm(path.join(folder, 'img'), { recursive: true });
  t.throws(() => open(folder), { ...refused, message: /img is missing/ });
  await fs.rm(path.join(folder, 'seg'), { recursive: true });
  await writeFiles(folder, { 'img/readme.md': '', 'seg/readme.md': '' });
  t.throws(() => open(folder), { ...refused, message: /img holds no image/ });
});

test('a map with a value that has no name, too few channels, or damage is named', async t => {
  const folder = await temporaryFolder(t);
  await writePairs(folder, 3);
  await writeRgbPng(
    path.join(folder, 'seg/0.png'),
    8,
    8,
    Array(64)
      .fill(pixel(3, 0, 0))
      .flat(),
  );
  await fs.writeFile(path.join(folder, 'seg/1.png'), 'no image');
  await fs.rm(path.join(folder, 'seg/2.png'));
  await writeFiles(folder, { 'seg.txt': '0.png\n1.png\n2.png\n' });
  const dataset = open(folder);
  for (const [i, message] of [
    /seg\/0\.png has the value 3 in field 'object', of which labelnames\.json names 0 to 2/,
    /label map .*seg\/1\.png is damaged \(.*\)/,
    /label map .*seg\/2\.png is missing; restore it or remove it/,
  ].entries())
    await t.throwsAsync(dataset.get(i, true), { ...refused, message });
  await writeFiles(folder, { 'labelnames.json': JSON.stringify([{ ...FIELDS[0], index: 3 }]) });
  await t.throwsAsync(open(folder).get(0, true), {
    ...refused,
    message: /has 3 channels, but field 'object' .* channel 3/,
  });
});
