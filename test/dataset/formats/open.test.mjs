import fs from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import {
  BrodenDataset,
  CocoDataset,
  LabelledDataset,
  MaskDataset,
  MultiSegmentDataset,
  openDataset,
} from '../../../lib/index.js';
import { ROW_A, temporaryFolder, writeBroden, writeFiles, writeImage } from '../../helpers/broden.mjs';
import { fixtureInstances, writeCoco } from '../../helpers/coco.mjs';
import { writePalettePng, writeRgbPng } from '../../helpers/png.mjs';

const options = { imageSize: 8, split: 'train' };

test('the layout of Broden, in the folder or the one below', async t => {
  const folder = await temporaryFolder(t);
  await writeBroden(path.join(folder, 'broden1_224'), [ROW_A]);
  t.true(openDataset(folder, options) instanceof BrodenDataset);
  t.true(openDataset(path.join(folder, 'broden1_224'), options) instanceof BrodenDataset);
});

test('a multi-segment data set, by labelnames.json', async t => {
  const folder = await temporaryFolder(t);
  const field = { field: 'object', index: 0, bitshift: 0, bitmask: 255, label: ['', 'cat'] };
  await writeFiles(folder, { 'labelnames.json': JSON.stringify([field]) });
  for (const name of ['1', '2']) {
    await writeImage(path.join(folder, `img/${name}.png`), 8, 8);
    await writeRgbPng(path.join(folder, `seg/${name}.png`), 1, 1, [1, 0, 0]);
  }
  const dataset = openDataset(folder, options);
  t.true(dataset instanceof MultiSegmentDataset);
  t.is(dataset.length, 1);
});

test('folders of images with masks', async t => {
  for (const [image, mask] of [
    ['images/training/a.jpg', 'annotations/training/a.png'],
    ['JPEGImages/a.jpg', 'SegmentationClass/a.png'],
    ['leftImg8bit/train/ulm/a_leftImg8bit.png', 'gtFine/train/ulm/a_gtFine_labelIds.png'],
    ['train/images/a.jpg', 'train/labels/a.png'],
  ]) {
    const folder = await temporaryFolder(t);
    await writeFiles(folder, { 'names.txt': 'cat\n' });
    await writeImage(path.join(folder, image), 8, 8);
    await writePalettePng(path.join(folder, mask), 1, 1, [1]);
    const dataset = openDataset(folder, options);
    t.true(dataset instanceof MaskDataset, image);
    t.is(dataset.length, 1);
  }
});

test("a .json file in one of COCO's formats", async t => {
  const file = await writeCoco(await temporaryFolder(t), fixtureInstances());
  t.true(openDataset(file, options) instanceof CocoDataset);
});

test('a table of labelled images', async t => {
  const folder = await temporaryFolder(t);
  await writeFiles(folder, { 'mine.csv': 'image,label\na.png,cat\n' });
  t.true(openDataset(path.join(folder, 'mine.csv'), options) instanceof LabelledDataset);
});

test('anything else is refused with what was looked for and what is there', async t => {
  const folder = await temporaryFolder(t);
  const refused = message => ({ code: 'ERR_NETDISSECT_DATASET', message });
  t.throws(() => openDataset(path.join(folder, 'x')), refused(/x is missing; name the folder or file/));
  t.throws(() => openDataset(folder), refused(/ but it holds nothing;/));
  await writeFiles(folder, { 'images/a.jpg': '', 'annotations/instances.json': '', 'readme.md': '' });
  t.throws(
    () => openDataset(folder),
    refused(
      /is no data set: looked for index\.csv .*, labelnames\.json .*, images\/ with masks\/.* and images alone, but it holds annotations, images, readme\.md;/,
    ),
  );
  t.throws(() => openDataset(path.join(folder, 'readme.md')), refused(/readme\.md is no data set/));
  for (let i = 0; i < 20; i++) await fs.writeFile(path.join(folder, `${i}.jpg`), '');
  t.throws(() => openDataset(folder), refused(/ and 13 more; of COCO/));
});

test('masks of kinds that no mask is of are named', async t => {
  for (const file of ['masks/a.jpg', 'labels/a.txt', 'segmentations/1/a.npy']) {
    const folder = await temporaryFolder(t);
    await writeFiles(folder, { 'images/a.jpg': '', [file]: '' });
    t.throws(() => openDataset(folder), {
      code: 'ERR_NETDISSECT_DATASET',
      message: new RegExp(`holds \\${path.extname(file)} files, and masks must be PNG or TIFF files`),
    });
  }
});
