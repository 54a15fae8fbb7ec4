import test from 'ava';
import { batches } from '../../lib/run/batches.js';
import labeller from '../../lib/run/labeller.js';

const { datasetLabeller } = labeller;

const collect = async iterable => {
  const all = [];
  for await (const item of iterable) all.push(item);
  return all;
};

const dataset = (length, get) => ({ length, imageSize: [1, 2], labels: [], categories: [], get });

test('a data set comes in batches, the last one smaller', async t => {
  const images = dataset(5, async i => ({
    pixels: Uint8Array.from([i, i, i, i, i, i]),
    segmentation: { height: 1, width: 1, maps: [i] },
  }));
  const all = await collect(batches(images, { batchSize: 2, workers: 2, labeller: datasetLabeller(images) }));
  t.deepEqual(
    all.map(({ first, count }) => [first, count]),
    [
      [0, 2],
      [2, 2],
      [4, 1],
    ],
  );
  t.deepEqual([...all[1].pixels], [2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3]);
  t.deepEqual(all[2].segmentations, [{ height: 1, width: 1, maps: [4] }]);
});

test('images of another size, and bytes among floats, are refused', async t => {
  const run = get => collect(batches(dataset(2, get), { batchSize: 2, workers: 1 }));
  await t.throwsAsync(
    run(async () => ({ pixels: new Uint8Array(5) })),
    {
      message: /image 0 has 5 values, not the 6 of 1×2 pixels/,
    },
  );
  await t.throwsAsync(
    run(async i => ({ pixels: i ? new Float32Array(6) : new Uint8Array(6) })),
    {
      message: /some images are bytes and some are floats/,
    },
  );
});
