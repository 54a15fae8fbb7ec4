import path from 'node:path';
import test from 'ava';
import { LabelledDataset } from '../../../lib/index.js';
import { temporaryFolder, writeFiles, writeImage } from '../../helpers/broden.mjs';
import { sameAsReference } from '../../helpers/dissection.mjs';
import { randomSource } from '../../helpers/random.mjs';

const TABLE = `image,label,category
pictures/b.png,striped,texture
pictures/a.png,street,scene
pictures/b.png,street,scene
pictures/c.png,attic,scene
pictures/c.png,dotted,texture
`;

async function write(t, table = TABLE) {
  const folder = await temporaryFolder(t);
  const random = randomSource(2);
  for (const name of ['a', 'b', 'c']) {
    const noise = Array.from({ length: 192 }, () => random.below(256));
    await writeImage(path.join(folder, `pictures/${name}.png`), 8, 8, noise);
  }
  await writeFiles(folder, { 'labels.csv': table });
  return path.join(folder, 'labels.csv');
}

const open = async (t, table, options) =>
  new LabelledDataset(await write(t, table), { imageSize: 8, ...options });
const names = dataset => Array.from({ length: dataset.length }, (_, i) => path.basename(dataset.nameOf(i)));
const labels = dataset => dataset.labels.map(({ number, name, category }) => `${number} ${name} ${category}`);

test('labels are numbered by category and name, whatever the order of the lines', async t => {
  const expected = ['1 attic scene', '2 street scene', '3 dotted texture', '4 striped texture'];
  const [header, ...lines] = TABLE.trim().split('\n');
  for (const rows of [lines, [...lines].reverse()]) {
    const dataset = await open(t, [header, ...rows].join('\n'));
    t.deepEqual(labels(dataset), expected);
    t.deepEqual(dataset.categories, ['scene', 'texture']);
  }
});

test('an image has all its labels, each over the whole of it, on a grid of half its size', async t => {
  const dataset = await open(t, TABLE, { imageSize: [8, 9] });
  t.deepEqual(names(dataset), ['b.png', 'a.png', 'c.png']);
  const { pixels, segmentation } = await dataset.get(0, true);
  t.is(pixels.length, 8 * 9 * 3);
  t.deepEqual(segmentation, { height: 4, width: 4, maps: [4, 2] });
});

test('all numbers of a run equal the reference', async t => {
  const { layers } = await sameAsReference(t, await open(t));
  t.deepEqual([...layers[0].tally.labelPixels], [16, 32, 16, 16]);
});

test('without categories all labels are of the category label', async t => {
  t.deepEqual(labels(await open(t, 'label,image\ncat,pictures/a.png\n"dog, small",pictures/b.png\n')), [
    '1 cat label',
    '2 dog, small label',
  ]);
});

test('columns may have the names that people give them, in any case', async t => {
  for (const header of [
    'filename,class',
    'Path,Label',
    'file,class_name',
    'image_path,target',
    'file_name,name',
  ]) {
    const dataset = await open(t, `${header}\npictures/a.png,cat\n`);
    t.deepEqual([names(dataset), labels(dataset)], [['a.png'], ['1 cat label']], header);
  }
  t.deepEqual(labels(await open(t, 'class,image,label\n0,pictures/a.png,cat\n')), ['1 cat label']);
});

test('used are the images of the split with a label in a chosen category; numbers stay', async t => {
  const table = 'image,label,category,split\na.png,x,one,train\nb.png,y,two,val\nc.png,z,two,train\n';
  const file = await write(t, table);
  const at = options => new LabelledDataset(file, { imageSize: 8, ...options });
  t.deepEqual(names(at()), ['a.png', 'c.png']);
  t.deepEqual(names(at({ split: 'val' })), ['b.png']);
  t.deepEqual(names(at({ split: 'all', size: 2 })), ['a.png', 'b.png']);
  const two = at({ categories: ['two'] });
  t.deepEqual(names(two), ['c.png']);
  t.deepEqual(labels(two), ['2 y two', '3 z two']);
  t.deepEqual(labels(at({ split: 'val' })).length, 3, 'labels of all splits');
  t.throws(() => at({ split: 'test' }), {
    code: 'ERR_NETDISSECT_OPTION',
    message: /no split 'test': it has train, val;/,
  });
  t.throws(() => at({ categories: ['one'], split: 'val' }), {
    message: /no image of split 'val' with a label in one/,
  });
  t.throws(() => at({ categories: ['three'] }), { message: /no category 'three'; it has one, two/ });
});

test('images stand below the table, or below the folder `images`', async t => {
  const file = await write(t, 'image,label\na.png,cat\n');
  await t.throwsAsync(new LabelledDataset(file).get(0, true), {
    code: 'ERR_NETDISSECT_DATASET',
    message: /image .*a\.png, named in line 2 of labels\.csv, is missing; restore it or remove the line/,
  });
  const images = path.join(path.dirname(file), 'pictures');
  await t.notThrowsAsync(new LabelledDataset(file, { images }).get(0, true));
});

test('tables without columns, and lines that make no sense, are refused', async t => {
  for (const [table, message] of [
    ['', /labels\.csv has no column 'image'/],
    [
      'image,kind\n',
      /has no column 'label' \(or class, .*\) in its header \(image,kind\); the header of a labelled table is image,label$/,
    ],
    ['image,label,split,split\n', /has two columns 'split' in its header/],
    ['image,label\na.png,x,y\n', /line 2: expected 2 cells but found 3; repair the line/],
    ['image,label\n', /no image of split 'train'/],
    ['image,label\na.png,\n', /line 2: expected a text as label but found none/],
    [
      'image,label,split\na.png,x,train\na.png,y,val\n',
      /line 3: a\.png is in split 'val' but in 'train' in line 2/,
    ],
  ])
    await t.throwsAsync(open(t, table), { code: 'ERR_NETDISSECT_DATASET', message });
});
