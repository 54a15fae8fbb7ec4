import test from 'ava';
import { referenceDissect, referenceMask, referenceQuantile, referenceUpsample } from './reference.mjs';

/*
 * The case that most of these tests share. One unit, 2 x 2 cells, two images, label maps of 4 x 4.
 *
 *   image 0:  0  4     image 1:  1  2
 *             8 12               3  7
 *
 * On the 4 x 4 grid s = 4/2 = 2 and o = 1/2, so rows (and columns) 0 1 2 3 read at c = 0 (clamped), 1/4, 3/4, 1 (clamped).
 * The cells of image 0 are 4 apart along x and 8 apart along y, hence
 *
 *             x: +0  +1  +3  +4
 *   y:  +0        0   1   3   4
 *       +2        2   3   5   6
 *       +6        6   7   9  10
 *       +8        8   9  11  12
 */
const first = Float32Array.of(0, 4, 8, 12);
const second = Float32Array.of(1, 2, 3, 7);
const upsampled = [0, 1, 3, 4, 2, 3, 5, 6, 6, 7, 9, 10, 8, 9, 11, 12];

test('upsamples so that pixel centres line up, and repeats the border', t => {
  t.deepEqual([...referenceUpsample(first, [2, 2], [4, 4])], upsampled);
});

test('gives the cells themselves on their own grid', t => {
  t.deepEqual([...referenceUpsample(second, [2, 2], [2, 2])], [1, 2, 3, 7]);
});

test('masks what lies strictly over the level', t => {
  const mask = [...referenceMask(first, [2, 2], 5, [4, 4])];
  // 5 itself is not over 5.
  t.deepEqual(mask, [0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1]);
});

test('interpolates between order statistics', t => {
  // Sorted 0 1 2 3 4 7 8 12: h = 0.75 * 7 = 5.25, so a quarter of the way from 7 to 8.
  t.is(referenceQuantile([...first, ...second], 0.25), 7.25);
  t.is(referenceQuantile([3], 0.005), 3);
  t.is(referenceQuantile([5, 1], 0), 5);
  // Numbers are sorted as numbers: h = 0.5 * 2 = 1.
  t.is(referenceQuantile([10, -1, 9], 0.5), 9);
});

/*
 * Labels 1 and 2 are of category 0, label 3 of category 1, label 4 is a gap, label 5 of category 2.
 * Image 0 carries a map of labels 1 and 2, label 3 all over, and a third map of label 4 but for label 1 at its first
 * pixel, where the first map has label 1 too. Image 1 carries a map without labels, and label 5 all over.
 */
const labelCategory = Int32Array.of(-1, 0, 0, 1, -1, 2);
const quarters = Uint16Array.of(1, 1, 0, 0, 1, 1, 0, 0, 2, 2, 1, 1, 2, 2, 1, 1);
const corner = new Uint16Array(16).fill(4);
corner[0] = 1;

const dissected = overrides =>
  referenceDissect({
    activations: [first, second],
    shape: [1, 2, 2],
    segmentations: [
      [quarters, 3, corner],
      [new Uint16Array(16), 5],
    ],
    segSize: [
      [4, 4],
      [4, 4],
    ],
    labelCategory,
    categories: ['object', 'scene', 'texture'],
    quantile: 0.25,
    topImages: 2,
    ...overrides,
  });

test('dissects the case worked out on paper', t => {
  const result = dissected();
  t.deepEqual([...result.levels], [7.25]);
  t.deepEqual([...result.topImages], [0, 1]);
  t.deepEqual([...result.topActivations], [12, 7]);
  // Label 1 has two quarters of 4 pixels, the corner counted once; the gap has none.
  t.deepEqual([...result.labelPixels], [0, 8, 4, 16, 0, 16]);
  // Over 7.25 on image 0: 9 10 in the third row, 8 9 11 12 in the last. Nothing on image 1, so none for category 2.
  t.deepEqual([...result.categoryPixels], [6, 6, 0]);
  // In the lower left quarter (label 2) lie 8 and 9, in the lower right one (label 1) 9 10 11 12.
  t.deepEqual([...result.intersections], [0, 4, 2, 6, 0, 0]);
});

test('lays out units, labels and categories row by row', t => {
  // Unit 0 as before; unit 1 is its negative: sorted -12 -8 -7 -4 -3 -2 -1 0, level = -2 + 0.25 = -1.75.
  const both = values => Float32Array.of(...values, ...values.map(value => 0 - value));
  const result = dissected({ activations: [both(first), both(second)], shape: [2, 2, 2] });
  t.deepEqual([...result.levels], [7.25, -1.75]);
  t.deepEqual([...result.topImages], [0, 1, 0, 1]);
  t.deepEqual([...result.topActivations], [12, 7, 0, -1]);
  // Image 0 is over -1.75 at the first two pixels, 0 and -1, both of label 1. Image 1 read in the same way:
  //   x: rows 1 1.25 1.75 2 and 3 4 6 7; between them a quarter: 1.5 ... 3.25; so only -1 and -1.25 and -1.5 are over it:
  //   row 0: -1 -1.25 -1.75 -2; row 1: -1.5 -1.9375 ...; three pixels.
  t.deepEqual([...result.categoryPixels], [6, 2, 6, 2, 0, 3]);
  t.deepEqual([...result.intersections], [0, 0, 4, 2, 2, 0, 6, 2, 0, 0, 0, 3]);
});

test('orders images of equal strength by their number, and keeps no more than there are', t => {
  const maxima = [2, 5, 1, 5, 5];
  const activations = maxima.map(value => Float32Array.of(value, 0, 0, 0));
  const nothing = maxima.map(() => []);
  const same = { activations, segmentations: nothing, segSize: maxima.map(() => [1, 1]) };
  t.deepEqual([...dissected({ ...same, topImages: 4 }).topImages], [1, 3, 4, 0]);
  t.deepEqual([...dissected({ ...same, topImages: 9 }).topImages], [1, 3, 4, 0, 2]);
});

test('counts images of different sizes on their own grids', t => {
  const result = dissected({
    segSize: [
      [4, 4],
      [1, 2],
    ],
    segmentations: [[quarters], [Uint16Array.of(5, 2)]],
  });
  // Image 1 on 1 x 2: rows s = 1/2, o = -1/4, c = 1/2; columns as they are: (1 + 3) / 2 and (2 + 7) / 2, none over 7.25.
  t.deepEqual([...result.labelPixels], [0, 8, 5, 0, 0, 1]);
  t.deepEqual([...result.categoryPixels], [6, 0, 0]);
});

test('reads cells by the geometry of the layer', t => {
  // Cells at pixels 3, 7 and 11 of 12, in both directions alike; the rows are equal.
  const row = [0, 8, 0];
  const activation = Float32Array.of(...row, ...row, ...row);
  const geometry = { scale: [4, 4], offset: [3, 3] };
  const whole = referenceUpsample(activation, [3, 3], [12, 12], geometry, [12, 12]);
  t.deepEqual([...whole.subarray(0, 12)], [0, 0, 0, 0, 2, 4, 6, 8, 6, 4, 2, 0]);
  // 6 pixels for an image of 11: (6 - 1) / (11 - 1) = 1/2, so s = 2, o = 1.5 and c = -0.75 -0.25 0.25 0.75 1.25 1.75.
  const half = referenceUpsample(activation, [3, 3], [6, 6], geometry, [11, 11]);
  t.deepEqual([...half.subarray(0, 6)], [0, 0, 2, 6, 6, 2]);
  // Along y the same, the cells turned by 90 degrees.
  const turned = Float32Array.of(0, 0, 0, 8, 8, 8, 0, 0, 0);
  const tall = referenceUpsample(turned, [3, 3], [6, 2], { scale: [4, 1], offset: [3, 0] }, [11, 2]);
  t.deepEqual([...tall], [0, 0, 0, 0, 2, 2, 6, 6, 6, 6, 2, 2]);
});

test('rounds every step to float32', t => {
  // Half way from 2^24 to 2^24 + 2 lies 2^24 + 1, which float32 has not; it rounds to even, 2^24: not over 2^24.
  const activation = Float32Array.of(16777216, 16777218);
  t.deepEqual([...referenceUpsample(activation, [1, 2], [1, 1])], [16777216]);
  t.deepEqual([...referenceMask(activation, [1, 2], 16777216, [1, 1])], [0]);
  // The comparison is in float64: a level between two float32 numbers stays there.
  t.deepEqual([...referenceMask(activation, [1, 2], 16777215.5, [1, 1])], [1]);
});

test('masks no pixel whose four cells all are at the level or below', t => {
  // c = 1 - 2^-40, so i = 0 and f rounds to 1. b - a = 2^24 + 3 rounds to 2^24 + 4; less 1, that is 2^24 + 3 again, and
  // rounds to 2^24 + 4: over both cells.
  const activation = Float32Array.of(-1, 16777218);
  const geometry = { scale: [1, 1], offset: [0, 2 ** -40] };
  const args = [[2, 2], geometry, [2, 2]];
  t.deepEqual([...referenceUpsample(activation, [1, 2], ...args)], [-1, 16777220, -1, 16777220]);
  t.deepEqual([...referenceMask(activation, [1, 2], 16777218, ...args)], [0, 0, 0, 0]);
  t.deepEqual([...referenceMask(activation, [1, 2], 16777217, ...args)], [0, 1, 0, 1]);
});

test('refuses what is not finite', t => {
  const bad = Float32Array.of(1, 2, 3, 4, 5, Number.NaN, 7, 8);
  const good = new Float32Array(8);
  t.throws(() => dissected({ activations: [good, bad], shape: [2, 2, 2] }), {
    message: 'unit 1 of image 1 is NaN',
  });
});
