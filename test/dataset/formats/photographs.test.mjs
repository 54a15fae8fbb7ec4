import fs from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { dissect, openDataset, PhotographDataset, validateDataset } from '../../../lib/index.js';
import { temporaryFolder, writeImage } from '../../helpers/broden.mjs';
import { openModel, sameAsReference } from '../../helpers/dissection.mjs';
import { randomSource } from '../../helpers/random.mjs';

async function write(t, ...files) {
  const folder = await temporaryFolder(t);
  const random = randomSource(3);
  for (const file of files) {
    const noise = Array.from({ length: 192 }, () => random.below(256));
    await writeImage(path.join(folder, file), 8, 8, noise);
  }
  return folder;
}

const open = (folder, options) => openDataset(folder, { imageSize: 8, ...options });
const names = dataset =>
  Array.from({ length: dataset.length }, (_, i) => path.relative(dataset.directory, dataset.nameOf(i)));

test('images alone have no labels, which is said', async t => {
  for (const files of [
    ['b.png', 'a.png', 'a.jpg'],
    ['images/a.png', 'images/b.png'],
  ]) {
    const dataset = open(await write(t, ...files));
    t.true(dataset instanceof PhotographDataset);
    t.deepEqual(names(dataset), [...files].sort());
    t.deepEqual([dataset.labels, dataset.categories], [[], []]);
    t.regex(dataset.notices.join(), /holds photographs without labels: units are not named, only shown/);
    t.deepEqual((await dataset.get(0, true)).segmentation, { height: 4, width: 4, maps: [] });
    t.deepEqual(await validateDataset(dataset), { images: files.length, problems: [], warnings: [] });
  }
});

test('a folder a class labels the whole image, by its name', async t => {
  const folder = await write(t, 'red_fox/1/b.png', 'cat/a.png', 'red_fox/a.png');
  const dataset = open(folder, { imageSize: [8, 9] });
  t.deepEqual(names(dataset), ['cat/a.png', 'red_fox/1/b.png', 'red_fox/a.png']);
  t.deepEqual(dataset.labels, [
    { number: 1, name: 'cat', category: 'label' },
    { number: 2, name: 'red fox', category: 'label' },
  ]);
  t.deepEqual(dataset.notices, []);
  t.deepEqual((await dataset.get(1, true)).segmentation, { height: 4, width: 4, maps: [2] });
});

test('folders of splits stand above the classes, or above images alone', async t => {
  const folder = await write(t, 'train/cat/a.png', 'val/cat/b.png', 'val/dog/c.png');
  t.deepEqual(names(open(folder)), ['train/cat/a.png']);
  t.deepEqual(names(open(folder, { split: 'val' })), ['val/cat/b.png', 'val/dog/c.png']);
  t.is(open(folder, { split: 'all', size: 2 }).length, 2);
  t.is(open(folder).labels.length, 2, 'labels of all splits');
  t.throws(() => open(folder, { split: 'test' }), {
    code: 'ERR_NETDISSECT_OPTION',
    message: /no split 'test': it has train, val;/,
  });
  t.deepEqual(names(open(await write(t, 'test/a.png', 'val/b.png'), { split: 'val' })), ['val/b.png']);
});

test('all numbers of a run with classes equal the reference', async t => {
  const { layers } = await sameAsReference(t, open(await write(t, 'a/1.png', 'b/1.png', 'b/2.png')));
  t.deepEqual([...layers[0].tally.labelPixels], [16, 32]);
});

test('a dissection without labels writes levels, pictures and page', async t => {
  const folder = await write(t, '1.png', '2.png');
  const outdir = path.join(await temporaryFolder(t), 'out');
  await dissect(outdir, await openModel(t), open(folder));
  const { layers } = JSON.parse(await fs.readFile(path.join(outdir, 'dissect.json'), 'utf8'));
  t.is(layers[0].units[0].label, undefined);
  t.is(layers[0].units[0].top.length, 2);
  t.true((await fs.readdir(path.join(outdir, 'plain'))).includes('masks'));
});

test('what may be more than photographs is refused', async t => {
  const refused = message => ({ code: 'ERR_NETDISSECT_DATASET', message });
  const beside = await write(t, 'a.png', 'cat/b.png');
  t.throws(() => open(beside), refused(/holds images \(a\.png\) beside folders of images \(cat\); put all/));
  for (const file of ['labels/a.txt', 'part/masks/a.png', 'VOC2012/SegmentationClass/a.png']) {
    const folder = await write(t, 'cat/a.png');
    await fs.mkdir(path.dirname(path.join(folder, file)), { recursive: true });
    await fs.copyFile(path.join(folder, 'cat/a.png'), path.join(folder, file));
    t.throws(
      () => open(folder),
      refused(/is no data set: looked for .* and images alone, but it holds .*cat/),
    );
  }
});

test('a class may have the name of a split; splits beside other folders are refused', async t => {
  const dataset = open(await write(t, 'bus/a.png', 'train/b.png', 'car/c.png'));
  t.deepEqual(
    dataset.labels.map(({ name }) => name),
    ['bus', 'car', 'train'],
  );
  t.is(dataset.length, 3);
  t.deepEqual(names(open(await write(t, 'training/cat/a.png', 'testing/cat/b.png'))), ['training/cat/a.png']);
  for (const extra of ['dog/a.png', 'a.png']) {
    const folder = await write(t, 'train/cat/a.png', 'val/cat/b.png', extra);
    t.throws(() => open(folder), {
      code: 'ERR_NETDISSECT_DATASET',
      message: /holds the split train beside (dog|images); put all into folders of splits/,
    });
  }
});

test('two folders of one label are refused, and categories may be left out', async t => {
  const folder = await write(t, 'red_fox/a.png', 'red fox/b.png');
  t.throws(() => open(folder), { message: /has the folders red fox and red_fox, one label; rename one/ });
  const dataset = open(await write(t, 'cat/a.png'), { categories: [] });
  t.deepEqual([dataset.labels, (await dataset.get(0, true)).segmentation.maps], [[], []]);
});
