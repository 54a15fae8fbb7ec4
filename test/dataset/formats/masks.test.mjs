import fs from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import sharp from 'sharp';
import { MaskDataset, validateDataset } from '../../../lib/index.js';
import { temporaryFolder, writeFiles, writeImage } from '../../helpers/broden.mjs';
import { sameAsReference } from '../../helpers/dissection.mjs';
import { encodePng, writeGreyPng, writePalettePng, writeRgbPng } from '../../helpers/png.mjs';
import { randomSource } from '../../helpers/random.mjs';

const VALUES = 5;

/** 8×8 images of noise and 6×4 masks of values under 5; `files` are pairs of their paths. */
async function writePairs(folder, files, write = writePalettePng) {
  const random = randomSource(9);
  const masks = [];
  for (const [image, mask] of files) {
    const noise = Array.from({ length: 192 }, () => random.below(256));
    await writeImage(path.join(folder, image), 8, 8, noise);
    const values = Array.from({ length: 24 }, () => random.below(VALUES));
    await write(path.join(folder, mask), 4, 6, values);
    masks.push(values);
  }
  return masks;
}

/** Pairs of the plain layout. */
const pairs = (...names) => names.map(name => [`images/${name}.jpg`, `masks/${name}.png`]);
const NAMES = 'wall\nsky_blue\ntree-s\ncar\n';

async function plain(t, files = { 'names.txt': NAMES }, names = ['a', 'b']) {
  const folder = await temporaryFolder(t);
  const masks = await writePairs(folder, pairs(...names));
  await writeFiles(folder, files);
  return { folder, masks };
}

const open = (folder, options) => new MaskDataset(folder, { imageSize: 8, ...options });
const names = dataset =>
  Array.from({ length: dataset.length }, (_, i) => path.basename(dataset.nameOf(i)).replace(/\..*/, ''));
const labels = dataset => dataset.labels.map(({ number, name, category }) => `${number} ${name} ${category}`);
const map = async (dataset, i = 0) => (await dataset.get(i, true)).segmentation.maps[0];

test('a mask gives its values as label numbers, at its own size, and names.txt names them from 1 on', async t => {
  const { folder, masks } = await plain(t);
  const dataset = open(folder);
  t.deepEqual(labels(dataset), ['1 wall object', '2 sky_blue object', '3 tree-s object', '4 car object']);
  t.deepEqual(dataset.categories, ['object']);
  const { pixels, segmentation } = await dataset.get(1, true);
  t.is(pixels.length, 192);
  t.deepEqual([segmentation.height, segmentation.width], [6, 4]);
  t.deepEqual(segmentation.maps, [Uint16Array.from(masks[1])]);
});

test('all numbers of a run equal the reference', async t => {
  const { folder, masks } = await plain(t, undefined, ['a', 'b', 'c', 'd', 'e']);
  const { layers } = await sameAsReference(t, open(folder));
  for (let value = 1; value < VALUES; value++)
    t.is(layers[0].tally.labelPixels[value - 1], masks.flat().filter(v => v === value).length);
});

test('grey masks give the same, and grey pixels in a coloured PNG', async t => {
  const folder = await temporaryFolder(t);
  await writeFiles(folder, { 'names.txt': NAMES });
  const triple = (file, w, h, values) =>
    writeRgbPng(
      file,
      w,
      h,
      values.flatMap(v => [v, v, v]),
    );
  for (const write of [writeGreyPng, triple]) {
    const [values] = await writePairs(folder, pairs('a'), write);
    t.deepEqual(await map(open(folder)), Uint16Array.from(values));
  }
});

test('16-bit masks give numbers up to 65535', async t => {
  const { folder } = await plain(t, {
    'labels.csv': 'number,name,category\n300,cat,animal\n65535,dog,animal\n7,red,color\n',
  });
  const values = Array.from({ length: 24 }, (_, i) => [300, 65535, 7, 0, 255][i % 5]);
  await writeGreyPng(path.join(folder, 'masks/a.png'), 4, 6, values, 16);
  const dataset = open(folder);
  t.deepEqual(labels(dataset), ['7 red color', '300 cat animal', '65535 dog animal']);
  t.deepEqual([...(await map(dataset)).subarray(0, 5)], [300, 65535, 7, 0, 0]);
  t.deepEqual(dataset.categories, ['animal', 'color']);
  t.deepEqual(labels(open(folder, { categories: ['color'] })), ['7 red color']);
  await t.notThrowsAsync(sameAsReference(t, open(folder)));
});

test('names: a list whose first line says that it is no label begins with value 0', async t => {
  for (const first of ['background', 'Unlabeled', 'void', 'other']) {
    const { folder } = await plain(t, { 'classes.txt': `${first}\nwall\nsky\n\ncar\n` });
    t.deepEqual(labels(open(folder)), ['1 wall object', '2 sky object', '4 car object'], first);
  }
});

test('names.json is a list like names.txt, or an object of names by value', async t => {
  const { folder } = await plain(t, { 'names.json': '["a", "b", "c", "d"]' });
  t.deepEqual(labels(open(folder)), ['1 a object', '2 b object', '3 c object', '4 d object']);
  await writeFiles(folder, { 'names.json': '{"2": "b", "4": "d", "0": "background"}' });
  t.deepEqual(labels(open(folder)), ['2 b object', '4 d object']);
});

test('a value 0 that has a name of its own is a label: all numbers are one more', async t => {
  const { folder, masks } = await plain(t, { 'labels.csv': 'number,name\n0,road\n1,sidewalk\n3,wall\n' });
  t.deepEqual(labels(open(folder)), ['1 road object', '2 sidewalk object', '4 wall object']);
  t.deepEqual(
    await map(open(folder)),
    Uint16Array.from(masks[0], value => [1, 2, 0, 4, 0][value]),
  );
  await writeFiles(folder, { 'labels.csv': 'number,name\n0,background\n1,sidewalk\n' });
  t.deepEqual(labels(open(folder)), ['1 sidewalk object']);
  await writeFiles(folder, { 'labels.csv': 'number,name\n0,road\n65535,sidewalk\n' });
  t.throws(() => open(folder), { message: /names the values 0 and 65535/ });
});

test('the highest value of a mask is void where it has no name, and so are those in `void`', async t => {
  const { folder } = await plain(t);
  const file = path.join(folder, 'masks/a.png');
  await writePalettePng(file, 2, 1, [255, 1]);
  t.deepEqual([...(await map(open(folder)))], [0, 1]);
  await writeGreyPng(file, 2, 1, [65535, 1], 16);
  t.deepEqual([...(await map(open(folder)))], [0, 1]);
  await writePalettePng(file, 3, 1, [200, 1, 2]);
  const options = { void: [200, 2] };
  t.deepEqual([...(await map(open(folder, options)))], [0, 1, 0]);
  t.throws(() => open(folder, { void: 255 }), {
    message: 'expected a list of whole numbers from 0 to 65535 for void but received 255',
  });
  t.deepEqual(labels(open(folder, options)), ['1 wall object', '3 tree-s object', '4 car object']);
  await writePalettePng(file, 2, 1, [255, 1]);
  await writeFiles(folder, { 'labels.csv': 'number,name\n1,wall\n255,tree\n' });
  t.deepEqual([...(await map(open(folder)))], [255, 1]);
});

test('a value beyond the names of a list is refused; a table may leave values out', async t => {
  const { folder } = await plain(t, { 'names.txt': 'wall\nsky\n' });
  await writePalettePng(path.join(folder, 'masks/a.png'), 2, 1, [1, 3]);
  await t.throwsAsync(open(folder).get(0, true), {
    code: 'ERR_NETDISSECT_DATASET',
    message: /mask .*a\.png has the value 3, but .*names\.txt names no more than 2; /,
  });
  await writeFiles(folder, { 'labels.csv': 'number,name\n1,wall\n' });
  t.deepEqual([...(await map(open(folder)))], [1, 0]);
});

test('the names may stand in a file elsewhere', async t => {
  const { folder } = await plain(t);
  await writeFiles(folder, { 'elsewhere/mine.txt': 'eins\nzwei\n' });
  t.deepEqual(labels(open(folder, { names: path.join(folder, 'elsewhere/mine.txt') })), [
    '1 eins object',
    '2 zwei object',
  ]);
  t.throws(() => open(folder, { names: path.join(folder, 'none.txt') }), { message: /none\.txt is missing/ });
});

test('a table may have other names for its columns, and -1 for what has no value', async t => {
  const { folder } = await plain(t, { 'labels.csv': 'Class,ID\nwall,3\nlicense plate,-1\ncar,4\n' });
  t.deepEqual(labels(open(folder)), ['3 wall object', '4 car object']);
  await fs.rm(path.join(folder, 'labels.csv'));
  await writeFiles(folder, { 'names.json': '{"-1": "plate", "3": "wall"}' });
  t.deepEqual(labels(open(folder)), ['3 wall object']);
});

test('masks in colour are read by the colours of the names', async t => {
  const { folder } = await plain(
    t,
    { 'labels.csv': 'name,r,g,b\nroad,128,64,128\nVoid,9,9,9\nsky,0,0,200\n' },
    ['a'],
  );
  const pixels = [
    [128, 64, 128],
    [0, 0, 200],
    [9, 9, 9],
    [0, 0, 0],
    [128, 64, 128],
    [0, 0, 200],
  ];
  await writeRgbPng(path.join(folder, 'masks/a.png'), 3, 2, pixels.flat());
  t.deepEqual(labels(open(folder)), ['1 road object', '3 sky object']);
  t.deepEqual(await map(open(folder)), Uint16Array.of(1, 3, 0, 0, 1, 3));
  await t.notThrowsAsync(sameAsReference(t, open(folder)));
  // with values of their own, of which 0 is one
  await writeFiles(folder, {
    'labels.csv': 'id,name,r,g,b\n0,road,128,64,128\n7,none,9,9,9\n5,sky,0,0,200\n',
  });
  t.deepEqual(labels(open(folder)), ['1 road object', '6 sky object']);
  t.deepEqual(await map(open(folder)), Uint16Array.of(1, 6, 0, 0, 1, 6));
  t.deepEqual(await map(open(folder, { void: [0] })), Uint16Array.of(0, 6, 0, 0, 0, 6));
  await writeRgbPng(path.join(folder, 'masks/a.png'), 1, 1, [1, 2, 3]);
  await t.throwsAsync(map(open(folder)), {
    code: 'ERR_NETDISSECT_DATASET',
    message:
      /mask .*a\.png has the colour 1,2,3, which .*labels\.csv does not have; add it, with the name void/,
  });
});

test('masks may be TIFF files', async t => {
  const folder = await temporaryFolder(t);
  const write = (file, width, height, values) =>
    sharp(Buffer.from(values), { raw: { width, height, channels: 1 } })
      .toColourspace('b-w')
      .tiff({ compression: 'lzw' })
      .toFile(file);
  await writeFiles(folder, { 'names.txt': NAMES, 'masks/note.txt': '' });
  const [values] = await writePairs(folder, [['images/a.jpg', 'masks/a.tif']], write);
  t.deepEqual(await map(open(folder)), Uint16Array.from(values));
});

test('ADE20K: images/training, annotations/training, and the first synonym of objectInfo150.txt', async t => {
  const folder = await temporaryFolder(t);
  const pair = (split, name) => [`images/${split}/${name}.jpg`, `annotations/${split}/${name}.png`];
  await writePairs(
    folder,
    [pair('training', 'ADE_1'), pair('validation', 'ADE_2'), pair('training', 'ADE_3')],
    writeGreyPng,
  );
  await writeFiles(folder, {
    'sceneCategories.txt': 'ADE_1 airport\n',
    'objectInfo150.txt':
      'Idx\tRatio\tTrain\tVal\tName\n1\t0.15\t11\t1\twall\n2 \t0.10\t6\t6\tbuilding, edifice\n3\t0.1\t8\t7\tsky\n4\t0.02\t1\t1\tbed \n',
  });
  t.deepEqual(labels(open(folder)), ['1 wall object', '2 building object', '3 sky object', '4 bed object']);
  t.deepEqual(names(open(folder)), ['ADE_1', 'ADE_3']);
  t.deepEqual(names(open(folder, { split: 'val' })), ['ADE_2']);
  t.deepEqual(names(open(folder, { split: 'validation' })), ['ADE_2']);
  t.deepEqual(names(open(folder, { split: 'all' })), ['ADE_1', 'ADE_3', 'ADE_2']);
  t.throws(() => open(folder, { split: 'test' }), {
    code: 'ERR_NETDISSECT_OPTION',
    message: /no split 'test': it has training, validation;/,
  });
});

test('Pascal VOC: JPEGImages, SegmentationClass and the lists of ImageSets/Segmentation', async t => {
  const folder = await temporaryFolder(t);
  const masks = await writePairs(
    folder,
    ['1', '2', '3'].map(name => [`JPEGImages/${name}.jpg`, `SegmentationClass/${name}.png`]),
  );
  await writeImage(path.join(folder, 'JPEGImages/4.jpg'), 8, 8); // an image for detection only
  await writeFiles(folder, {
    'names.txt': `background\n${NAMES}`,
    'ImageSets/Segmentation/train.txt': '3\n1\n',
    'ImageSets/Segmentation/val.txt': '2\n',
    'ImageSets/Segmentation/trainval.txt': '1\n2\n3\n',
  });
  t.deepEqual(labels(open(folder))[0], '1 wall object');
  t.deepEqual(names(open(folder)), ['3', '1']);
  t.deepEqual(await map(open(folder)), Uint16Array.from(masks[2]));
  t.deepEqual(names(open(folder, { split: 'val' })), ['2']);
  t.deepEqual(names(open(folder, { split: 'trainval', size: 2 })), ['1', '2']);
  t.deepEqual(names(open(folder, { split: 'all' })), ['1', '2', '3']);
  t.throws(() => open(folder, { split: 'test' }), {
    message: /no split 'test': it has train, trainval, val;/,
  });
  await writeFiles(folder, { 'ImageSets/Segmentation/train.txt': '1\n\n4\n' });
  t.throws(() => open(folder), { message: /train\.txt, line 3: '4' has no mask/ });
  await writeFiles(folder, { 'ImageSets/Segmentation/train.txt': '1\n3\n1\n' });
  t.throws(() => open(folder), {
    message: /train\.txt, line 3: '1' is named in line 1 already; remove one$/,
  });
});

test('the names of Pascal VOC and Cityscapes are built in', async t => {
  const voc = await temporaryFolder(t);
  await writePairs(voc, [['JPEGImages/a.jpg', 'SegmentationClass/a.png']]);
  const dataset = open(voc);
  t.is(dataset.labels.length, 20);
  t.deepEqual([labels(dataset)[0], labels(dataset)[19]], ['1 aeroplane object', '20 tvmonitor object']);
  t.is(dataset.namesFile, undefined);
  const city = await temporaryFolder(t);
  await writePairs(city, [['leftImg8bit/train/a/a_leftImg8bit.png', 'gtFine/train/a/a_gtFine_labelIds.png']]);
  t.is(open(city).labels.length, 27);
  t.deepEqual([labels(open(city))[0], labels(open(city))[26]], ['7 road flat', '33 bicycle vehicle']);
  t.deepEqual(open(city).categories, ['flat', 'construction', 'object', 'nature', 'sky', 'human', 'vehicle']);
  await writeFiles(voc, { 'names.txt': NAMES });
  t.is(labels(open(voc))[0], '1 wall object', 'a file goes before them');
});

test('Cityscapes: leftImg8bit/SPLIT/CITY with gtFine/SPLIT/CITY, of which the labelIds count', async t => {
  const folder = await temporaryFolder(t);
  const pair = (split, name) => [
    `leftImg8bit/${split}/${name}_leftImg8bit.png`,
    `gtFine/${split}/${name}_gtFine_labelIds.png`,
  ];
  await writePairs(folder, [
    pair('train', 'ulm/ulm_0'),
    pair('val', 'bonn/b_0'),
    pair('train', 'aachen/a_0'),
  ]);
  await writeImage(path.join(folder, 'leftImg8bit/train/ulm/ulm_1_leftImg8bit.png'), 8, 8);
  for (const kind of ['instanceIds', 'color', 'labelTrainIds'])
    await writeGreyPng(path.join(folder, `gtFine/train/ulm/ulm_0_gtFine_${kind}.png`), 1, 1, [99]);
  await writeFiles(folder, { 'labels.csv': 'number,name,category\n1,road,flat\n2,car,vehicle\n' });
  t.deepEqual(labels(open(folder)), ['1 road flat', '2 car vehicle']);
  t.deepEqual(names(open(folder)), ['a_0_leftImg8bit', 'ulm_0_leftImg8bit']);
  t.deepEqual(names(open(folder, { split: 'val' })), ['b_0_leftImg8bit']);
  await t.notThrowsAsync(open(folder).get(1, true));
  for (const city of ['train/aachen', 'train/ulm', 'val/bonn'])
    for (const name of await fs.readdir(path.join(folder, 'gtFine', city)))
      if (name.includes('labelIds')) await fs.rm(path.join(folder, 'gtFine', city, name));
  t.throws(() => open(folder), { message: /gtFine holds no mask with a name like .*_labelIds/ });
});

test('plain folders: images with masks, annotations, labels or segmentations, in folders or split by split', async t => {
  for (const masks of ['masks', 'annotations', 'labels', 'segmentations']) {
    const folder = await temporaryFolder(t);
    const pair = name => [`images/${name}.png`, `${masks}/${name}.png`];
    await writePairs(folder, ['b', 'deep/c', 'a'].map(pair));
    await writeImage(path.join(folder, 'images/unlabelled.png'), 8, 8);
    await writeFiles(folder, { 'names.txt': NAMES, [`${masks}/notes.txt`]: '' });
    t.deepEqual(names(open(folder)), ['a', 'b', 'c'], masks);
    t.throws(() => open(folder, { split: 'val' }), { message: /no split 'val': it has no splits;/ });
  }
  const folder = await temporaryFolder(t);
  await writePairs(folder, [
    ['train/images/x.jpg', 'train/masks/x.png'],
    ['valid/images/x.jpg', 'valid/masks/x.png'],
  ]);
  await writeFiles(folder, { 'names.txt': NAMES });
  t.is(open(folder, { split: 'all' }).length, 2);
  t.is(open(folder).nameOf(0), path.join(folder, 'train/images/x.jpg'));
  t.is(open(folder, { split: 'val' }).nameOf(0), path.join(folder, 'valid/images/x.jpg'));
});

test('links are followed, and one that leads back does no harm', async t => {
  const { folder } = await plain(t);
  await fs.rename(path.join(folder, 'images'), path.join(folder, 'far'));
  await fs.mkdir(path.join(folder, 'images'));
  await fs.symlink(path.join(folder, 'far'), path.join(folder, 'images/set'));
  await fs.symlink(path.join(folder, 'images'), path.join(folder, 'far/back'));
  await fs.symlink(path.join(folder, 'gone'), path.join(folder, 'far/broken.jpg'));
  await fs.rename(path.join(folder, 'masks'), path.join(folder, 'set'));
  await fs.mkdir(path.join(folder, 'masks'));
  await fs.rename(path.join(folder, 'set'), path.join(folder, 'masks/set'));
  t.deepEqual(names(open(folder)), ['a', 'b']);
});

test('crop cuts the same window from mask and image, the mask at its own size', async t => {
  const { folder } = await plain(t);
  // image 8×16, mask 4×8: red and 1 in the left half, blue and 2 in the right one
  const colours = Array.from({ length: 128 }, (_, i) => (i % 16 < 8 ? [255, 0, 0] : [0, 0, 255])).flat();
  await writeImage(path.join(folder, 'images/b.jpg'), 8, 8);
  await fs.rm(path.join(folder, 'images/a.jpg'));
  await writeImage(path.join(folder, 'images/a.png'), 16, 8, colours);
  const values = Array.from({ length: 32 }, (_, i) => (i % 8 < 4 ? 1 : 2));
  await writePalettePng(path.join(folder, 'masks/a.png'), 8, 4, values);
  const { pixels, segmentation } = await open(folder, { resize: 'crop' }).get(0, true);
  t.deepEqual([segmentation.height, segmentation.width], [4, 4]);
  t.deepEqual([...segmentation.maps[0].subarray(0, 4)], [1, 1, 2, 2]);
  t.deepEqual([...pixels.subarray(0, 3), ...pixels.subarray(21, 24)], [255, 0, 0, 0, 0, 255]);
  const tall = await open(folder, { resize: 'crop', imageSize: [8, 4] }).get(0, true);
  t.deepEqual([tall.segmentation.height, tall.segmentation.width], [4, 2]);
  t.deepEqual([...tall.segmentation.maps[0].subarray(0, 2)], [1, 2]);
});

test('masks and images that do not pair are refused', async t => {
  const { folder } = await plain(t);
  await writePalettePng(path.join(folder, 'masks/x.png'), 1, 1, [0]);
  t.throws(() => open(folder), {
    code: 'ERR_NETDISSECT_DATASET',
    message: /mask .*x\.png has no image of its name in .*images/,
  });
  await fs.rm(path.join(folder, 'masks'), { recursive: true });
  t.throws(() => open(folder), { message: /has no images with masks/ });
});

test('a damaged or missing mask, and one of colours, is named', async t => {
  const { folder } = await plain(t, undefined, ['a', 'b', 'c', 'd', 'e']);
  const dataset = open(folder);
  const file = name => path.join(folder, `masks/${name}.png`);
  await writeFiles(folder, { 'masks/a.png': 'nothing' });
  await fs.rm(file('b'));
  await writeRgbPng(file('c'), 1, 1, [128, 0, 0]);
  await fs.rm(file('d'));
  await fs.mkdir(file('d'));
  await fs.writeFile(file('e'), encodePng({ width: 16384, height: 16383, type: 3, data: Buffer.alloc(9) }));
  for (const [i, message] of [
    /mask .*a\.png is neither a PNG nor a TIFF image; restore it or remove it/,
    /mask .*b\.png is missing/,
    /mask .*c\.png is in colour; its pixels must be the labels' numbers, .* or the file of names must have the colours/,
    /mask .*d\.png is a folder, not a file; restore it or remove it/,
    /mask .*e\.png has more pixels than the 268 million that can be read; restore it/,
  ].entries())
    await t.throwsAsync(dataset.get(i, true), { code: 'ERR_NETDISSECT_DATASET', message });
});

test('names that are missing, damaged or said twice are refused with their line', async t => {
  const { folder } = await plain(t, {});
  t.throws(() => open(folder), {
    code: 'ERR_NETDISSECT_DATASET',
    message: /has no file with the labels' names; write labels\.csv with a header number,name,category/,
  });
  const many = Array.from({ length: 65536 }, (_, i) => `${i}\n`).join('');
  for (const [name, text, message] of [
    ['names.txt', '\n', /names no label/],
    ['names.txt', 'cat\ndog\ncat\n', /names\.txt, line 3: 'cat' is the name of value 1 already/],
    ['names.txt', many, /names\.txt, line 65536: there are more than 65535 names/],
    ['names.json', JSON.stringify(many.trim().split('\n')), /names\.json, name 65536: there are more/],
    ['names.json', '7', /names\.json must be a list of names/],
    ['names.json', '{"x": "cat"}', /names\.json: expected a value from 0 to 65535 but found 'x'/],
    ['names.json', '[', /names\.json is not JSON \(/],
    [
      'labels.csv',
      'cat\ndog\n',
      /labels\.csv has no column 'name' \(or .*\) in its header \(cat\); the header of a mask table is number,name$/,
    ],
    [
      'labels.csv',
      'kind,name\nx,cat\n',
      /labels\.csv has no column 'number' \(or id, value, .*\) in its header/,
    ],
    ['labels.csv', 'name,r,g,b\ncat,1,2,300\n', /line 2: expected a colour, r, g and b .* but found 1,2,300/],
    ['labels.csv', 'name,r,g,b\ncat,1,2,3\ndog,1,2,3\n', /line 3: its colour is that of another line/],
    ['labels.csv', 'number,name\nx,cat\n', /labels\.csv, line 2: expected a label number .* found 'x'/],
    ['labels.csv', 'number,name\n1,cat\n1,dog\n', /labels\.csv, line 3: the value 1 has a name already/],
    ['labels.csv', 'number,name\n1,cat\n2,\n', /labels\.csv, line 3: expected a name but found none/],
  ]) {
    await writeFiles(folder, { [name]: text });
    t.throws(() => open(folder), { code: 'ERR_NETDISSECT_DATASET', message }, text);
  }
});

test("an image is turned by its EXIF tag where only so it has its mask's shape", async t => {
  const folder = await temporaryFolder(t);
  await writeFiles(folder, { 'names.txt': NAMES });
  const pixels = Buffer.from(Array.from({ length: 72 }, (_, i) => 3 * i)); // 6 rows of 4
  const image = sharp(pixels, { raw: { height: 6, width: 4, channels: 3 } });
  const write = async (orientation, mask) => {
    await fs.mkdir(path.join(folder, 'images'), { recursive: true });
    await image.clone().withMetadata({ orientation }).png().toFile(path.join(folder, 'images/a.png'));
    await writeGreyPng(path.join(folder, 'masks/a.png'), ...mask, new Uint8Array(mask[0] * mask[1]).fill(1));
    return new MaskDataset(folder, { imageSize: [4, 6] });
  };
  const dataset = await write(6, [12, 8]); // a quarter clockwise; twice the size
  const turned = (await dataset.get(0, true)).pixels;
  t.deepEqual(turned, await dataset.picture(0));
  for (let y = 0; y < 4; y++)
    for (let x = 0; x < 6; x++) t.is(turned[(y * 6 + x) * 3], pixels[((5 - x) * 4 + y) * 3]);
  t.deepEqual(
    (await validateDataset(dataset)).warnings.filter(text => /shape/.test(text)),
    [],
  );
  // as it is stored, where the mask is so, too
  const stored = new MaskDataset(folder, { imageSize: [6, 4] });
  await write(6, [4, 6]);
  t.deepEqual(Buffer.from((await stored.get(0, true)).pixels), pixels);
  await t.throwsAsync((await write(1, [6, 4])).get(0, true), {
    code: 'ERR_NETDISSECT_DATASET',
    message: /image .*a\.png is 6×4 but its label map is 4×6; turn one of them/,
  });
});

test('with values and colours in the names, grey and palette masks go by value, coloured ones by colour', async t => {
  const { folder } = await plain(
    t,
    { 'labels.csv': 'number,name,r,g,b\n1,wall,120,120,120\n2,sky,6,230,230\n3,tree,0,0,0\n' },
    ['a', 'b', 'c'],
  );
  await writeGreyPng(path.join(folder, 'masks/a.png'), 2, 2, [1, 2, 3, 0]);
  await writePalettePng(path.join(folder, 'masks/b.png'), 2, 2, [3, 2, 1, 0]);
  await writeRgbPng(path.join(folder, 'masks/c.png'), 2, 1, [6, 230, 230, 0, 0, 0]);
  const dataset = open(folder);
  t.deepEqual(await map(dataset, 0), Uint16Array.of(1, 2, 3, 0));
  t.deepEqual(await map(dataset, 1), Uint16Array.of(3, 2, 1, 0));
  t.deepEqual(await map(dataset, 2), Uint16Array.of(2, 3));
});

test('names that are built in are told of, and values beyond them refused', async t => {
  const folder = await temporaryFolder(t);
  await writePairs(folder, [['JPEGImages/a.jpg', 'SegmentationClass/a.png']]);
  await writeGreyPng(path.join(folder, 'SegmentationClass/a.png'), 1, 2, [30, 255]);
  const dataset = open(folder);
  t.regex(
    dataset.notices.join(),
    /taken are those of Pascal VOC; write names\.txt or labels\.csv where it has others/,
  );
  await t.throwsAsync(map(dataset), {
    message: /has the value 30, but the list of names that is built in names no more than 20/,
  });
  await writeFiles(folder, { 'class_names.txt': 'weld\ncrack\n' });
  t.deepEqual(labels(open(folder)), ['1 weld object', '2 crack object']);
});

test('a TIFF mask turns an image as a PNG mask does, whatever rounding did to its shape', async t => {
  const folder = await temporaryFolder(t);
  await writeFiles(folder, { 'names.txt': NAMES });
  await fs.mkdir(path.join(folder, 'images'));
  await fs.mkdir(path.join(folder, 'masks'));
  const image = sharp({ create: { width: 61, height: 41, channels: 3, background: 'red' } });
  await image.clone().withMetadata({ orientation: 6 }).jpeg().toFile(path.join(folder, 'images/a.jpg'));
  const mask = sharp(Buffer.alloc(31 * 21, 1), { raw: { width: 21, height: 31, channels: 1 } }).toColourspace(
    'b-w',
  );
  await mask.clone().tiff({ compression: 'lzw' }).toFile(path.join(folder, 'masks/a.tif'));
  await t.notThrowsAsync(open(folder).get(0, true));
  await image.jpeg().toFile(path.join(folder, 'images/a.jpg'));
  await t.throwsAsync(open(folder).get(0, true), {
    message: /a\.jpg is 41×61 but its label map is 31×21; turn one/,
  });
});
