import path from 'node:path';
import test from 'ava';
import { BrodenDataset, CocoDataset, datasetStats } from '../../lib/index.js';
import { ROW_A, ROW_B, temporaryFolder, writeBroden, writeFiles } from '../helpers/broden.mjs';
import { fixtureInstances, writeCoco } from '../helpers/coco.mjs';

/** A data set of label maps alone; `images` are of `[height, width, maps]`. */
const made = (images, labels, extra = {}) => ({
  length: images.length,
  imageSize: [1, 1],
  labels,
  categories: [...new Set(labels.map(label => label.category))],
  get: async (i, segmentation) => ({
    pixels: new Uint8Array(3),
    segmentation:
      segmentation && images[i]
        ? { height: images[i][0], width: images[i][1], maps: images[i][2] }
        : undefined,
  }),
  ...extra,
});

const LABELS = [
  { number: 1, name: 'red', category: 'color' },
  { number: 2, name: 'blue', category: 'color' },
  { number: 300, name: 'dog', category: 'object' },
  { number: 5, name: 'cat', category: 'object' },
];

test('labels and categories with their images and pixels, a pixel once, most pixels first', async t => {
  const dataset = made(
    [
      // both maps have label 2 at the first pixel; 9 is no label
      [2, 3, [Uint16Array.of(2, 2, 0, 1, 9, 9), Uint16Array.of(2, 300, 300, 0, 0, 0)]],
      [1, 4, [1, Uint8Array.of(300 - 256, 1, 7, 0, 0, 0, 2, 0, 0, 2, 0, 0)]],
      [2, 3, [Uint8Array.of(1, 0, 0, 0, 0, 0)]],
      undefined,
    ],
    LABELS,
  );
  const share = pixels => pixels / 16;
  t.deepEqual(await datasetStats(dataset), {
    images: 4,
    pixels: 16,
    sizes: [
      { height: 2, width: 3, images: 2 },
      { height: 1, width: 4, images: 1 },
    ],
    categories: [
      { category: 'color', labels: 2, images: 3, pixels: 3 + 4 + 1, share: share(8) },
      { category: 'object', labels: 2, images: 2, pixels: 2 + 1, share: share(3) },
    ],
    labels: [
      { ...LABELS[0], images: 3, pixels: 1 + 4 + 1, share: share(6) },
      { ...LABELS[1], images: 2, pixels: 2 + 2, share: share(4) },
      { ...LABELS[2], images: 2, pixels: 2 + 1, share: share(3) },
      { ...LABELS[3], images: 0, pixels: 0, share: 0 },
    ],
    unnamed: [{ number: 9, images: 1, pixels: 2, share: share(2) }],
  });
});

test('of data sets of files only the label maps are read', async t => {
  const folder = await writeBroden(await temporaryFolder(t), [ROW_A, ROW_B]);
  await writeFiles(folder, { 'images/a.png': 'no image', 'images/b.png': 'no image' });
  const { labels, unnamed } = await datasetStats(new BrodenDataset(folder, { imageSize: 8 }));
  t.deepEqual(
    labels.map(({ name, images, pixels }) => [name, images, pixels]),
    [
      ['red', 1, 16],
      ['blue', 1, 16],
      ['street', 1, 16],
      ['traffic light', 1, 4],
      ['cat', 1, 4],
      ['dog', 1, 4],
    ],
  );
  t.deepEqual(
    unnamed.map(({ number, pixels }) => [number, pixels]),
    [[4, 1]],
  );
});

test('of COCO instances a pixel counts with all labels that it carries', async t => {
  const dataset = new CocoDataset(await writeCoco(await temporaryFolder(t), fixtureInstances()), {
    imageSize: 8,
  });
  const { pixels, labels } = await datasetStats(dataset);
  t.true(labels.reduce((sum, label) => sum + label.pixels, 0) > pixels);
  t.true(labels.every(label => label.share <= 1 && label.images <= 6));
});

test('progress comes image by image, and a signal ends it', async t => {
  const dataset = made(Array(5).fill([1, 1, [1]]), LABELS);
  const seen = [];
  await datasetStats(dataset, { onProgress: ({ done, total }) => seen.push(`${done}/${total}`) });
  t.deepEqual(seen, ['1/5', '2/5', '3/5', '4/5', '5/5']);
  const abort = new AbortController();
  const onProgress = ({ done }) => done === 2 && abort.abort();
  const ended = await datasetStats(dataset, { onProgress, signal: abort.signal }).catch(error => error);
  t.is(ended.name, 'AbortError');
});

test('a label map that is none is refused with its image', async t => {
  for (const map of [70000, -1, new Uint16Array(3), new Uint8Array(5)])
    await t.throwsAsync(
      datasetStats(
        made(
          [
            [2, 2, []],
            [2, 2, [map]],
          ],
          LABELS,
          { nameOf: i => path.join('set', `${i}.png`) },
        ),
      ),
      {
        code: 'ERR_NETDISSECT_DATASET',
        message: /^set.1\.png has a label map that is neither .* 2 × 2 pixels/,
      },
    );
});
