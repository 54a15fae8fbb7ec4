import test from 'ava';
import interval from '../../lib/score/interval.js';
import { percentile, weight } from '../helpers/bootstrap.mjs';
import { randomSource } from '../helpers/random.mjs';

const { labelSet, standardError } = interval;

/** The sums over images of i and U, and their IoU. */
function sumsOf(images) {
  const sum = of => images.reduce((total, [i, u]) => total + of(i, u), 0);
  const union = sum((_, u) => u);
  return {
    iou: sum(i => i) / union,
    images: images.length,
    labelled: images.length,
    union,
    intersectionSquares: sum(i => i * i),
    products: sum((i, u) => i * u),
    unionSquares: sum((_, u) => u * u),
  };
}

const se = images => {
  const { iou, ...sums } = sumsOf(images);
  return standardError(iou, sums);
};

test('a case on paper: residuals of i from IoU · U', t => {
  // IoU 6 / 12; residuals 2 - 2, 1 - 2, 3 - 2: sqrt(3/2 · (0 + 1 + 1)) / 12
  t.is(
    se([
      [2, 4],
      [1, 4],
      [3, 4],
    ]),
    Math.sqrt(3) / 12,
  );
});

test('where every image has the same IoU there is no error', t => {
  t.is(
    se([
      [1, 2],
      [3, 6],
      [10, 20],
    ]),
    0,
  );
});

test('one image, or a label on one image alone, has none that is known', t => {
  t.is(se([[1, 2]]), null);
  const { iou, ...sums } = sumsOf([
    [1, 2],
    [0, 5],
  ]);
  t.is(standardError(iou, { ...sums, labelled: 1 }), null);
  t.is(standardError(0, { ...sums, union: 0 }), null);
});

/** An image of a population whose IoU is 1 / 5: of 40 to 60 pixels each is in both one time in five. */
function image(random) {
  const chance = 0.1 + 0.2 * random.uniform();
  const u = 40 + random.below(21);
  let i = 0;
  for (let pixel = 0; pixel < u; pixel++) i += random.uniform() < chance ? 1 : 0;
  return [i, u];
}

test('of 2,000 samples some 95 % have the true IoU within 1.96 standard errors', t => {
  const random = randomSource(7);
  let covered = 0;
  for (let trial = 0; trial < 2000; trial++) {
    const { iou, ...sums } = sumsOf(Array.from({ length: 60 }, () => image(random)));
    covered += Math.abs(iou - 0.2) <= 1.96 * standardError(iou, sums) ? 1 : 0;
  }
  t.log(`${covered / 20} %`);
  t.true(covered > 0.92 * 2000 && covered < 0.98 * 2000, `${covered}`);
});

test("it is a bootstrap's deviation", t => {
  const random = randomSource(8);
  const images = Array.from({ length: 400 }, () => image(random));
  const replicates = Array.from(
    { length: 600 },
    () => sumsOf(images.map(() => images[random.below(400)])).iou,
  );
  const mean = replicates.reduce((sum, iou) => sum + iou, 0) / replicates.length;
  const deviation = Math.sqrt(
    replicates.reduce((sum, iou) => sum + (iou - mean) ** 2, 0) / (replicates.length - 1),
  );
  const ratio = se(images) / deviation;
  t.log(`${ratio.toFixed(3)}`);
  t.true(ratio > 0.9 && ratio < 1.1, `${ratio}`);
});

// Of the definition; test/run/worth.test.mjs holds the engine to it.
test("of 2,000 samples some 95 % have the true IoU in a bootstrap's interval", t => {
  const [count, images] = [400, 60];
  const weights = Array.from({ length: count }, (_, b) =>
    Uint8Array.from({ length: images }, (_, x) => weight(1, b, x)),
  );
  const random = randomSource(9);
  let covered = 0;
  for (let trial = 0; trial < 2000; trial++) {
    const sample = Array.from({ length: images }, () => image(random));
    const ious = weights.map(w => {
      let [both, either] = [0, 0];
      for (let x = 0; x < images; x++) {
        both += w[x] * sample[x][0];
        either += w[x] * sample[x][1];
      }
      return both / either;
    });
    covered += percentile(ious, 0.025) <= 0.2 && percentile(ious, 0.975) >= 0.2 ? 1 : 0;
  }
  t.log(`${covered / 20} %`);
  t.true(covered > 0.92 * 2000 && covered < 0.98 * 2000, `${covered}`);
});

test('a label set is the fewest labels that win 95 of 100 replicates', t => {
  t.deepEqual(labelSet(Int32Array.of(96, 4, 0), 100), [0]);
  t.deepEqual(labelSet(Int32Array.of(94, 3, 3), 100), [0, 1]);
  t.deepEqual(
    labelSet(Int32Array.of(10, 5, 80, 5), 100),
    [2, 0, 1],
    'by wins, of equal ones the better choice',
  );
  t.is(labelSet(Int32Array.of(0, 60, 0), 100), null, 'where too many replicates have no IoU at all');
  t.is(labelSet(Int32Array.of(0, 0), 100), null);
});
