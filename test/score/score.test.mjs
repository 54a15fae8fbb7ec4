import test from 'ava';
import score from '../../lib/score/score.js';

const { scoreLayer } = score;

const categories = ['color', 'object'];
const labels = [
  { number: 1, name: 'red', category: 'color' },
  { number: 2, name: 'sky', category: 'object' },
  { number: 4, name: 'road', category: 'object' },
];

/** A tally of 5 label rows by 2 units and 2 categories, from rows of numbers. */
function tally({ labelPixels, categoryPixels, intersections }) {
  return {
    labelPixels: Float64Array.from(labelPixels),
    categoryPixels: Float64Array.from(categoryPixels.flat()),
    intersections: Float64Array.from(intersections.flat()),
  };
}

const plain = {
  labelPixels: [0, 40, 60, 0, 10],
  categoryPixels: [
    [20, 0],
    [30, 50],
  ],
  intersections: [
    [0, 0],
    [10, 0],
    [5, 50],
    [0, 0],
    [4, 0],
  ],
};

function scores(changes, threshold = 0.04, names = labels) {
  return scoreLayer(tally({ ...plain, ...changes }), names, categories, threshold);
}

test("the IoU is ic / (cc + lc - ic), with cc of the label's category", t => {
  t.deepEqual([...scores().iou], [0, 0, 10 / 50, 0, 5 / 85, 50 / 60, 0, 0, 4 / 36, 0]);
});

test('the best label of a unit is the one with the highest IoU', t => {
  const { bestLabel, bestIou } = scores();
  t.deepEqual([...bestLabel], [1, 2]);
  t.deepEqual([...bestIou], [10 / 50, 50 / 60]);
});

test('a tie goes to the lower label number, in whatever order the labels come', t => {
  const tied = {
    labelPixels: [0, 0, 60, 0, 60],
    intersections: [
      [0, 0],
      [0, 0],
      [7, 0],
      [0, 0],
      [7, 9],
    ],
  };
  t.deepEqual([...scores(tied).bestLabel], [2, 4]);
  t.deepEqual([...scores(tied, 0.04, labels.toReversed()).bestLabel], [2, 4]);
});

test('label 0 and numbers without a name are never scored', t => {
  const { iou, bestLabel } = scores({
    labelPixels: [500, 40, 60, 90, 10],
    intersections: [
      [20, 50],
      [0, 0],
      [0, 0],
      [30, 50],
      [1, 1],
    ],
  });
  t.deepEqual([...iou.subarray(0, 2), ...iou.subarray(6, 8)], [0, 0, 0, 0]);
  t.deepEqual([...bestLabel], [4, 4]);
});

test('a label that no pixel carries is never chosen', t => {
  const { iou, bestLabel } = scores({ labelPixels: [0, 0, 0, 0, 0], intersections: plain.intersections });
  t.true(iou.every(value => value === 0));
  t.deepEqual([...bestLabel], [0, 0]);
});

test('a unit whose every IoU is 0 has no label', t => {
  const { bestLabel, bestIou, interpretable } = scores({ intersections: Array(5).fill([0, 0]) }, -1);
  t.deepEqual([...bestLabel, ...bestIou], [0, 0, 0, 0]);
  t.deepEqual([...interpretable], [1, 1], 'the threshold alone decides');
});

test('a unit is interpretable where its best IoU is strictly over the threshold', t => {
  // 1 / (1 + 25 - 1) is 0.04 exactly; one pixel of the label fewer is more than that.
  const at = {
    categoryPixels: [
      [1, 1],
      [1, 1],
    ],
    intersections: [
      [0, 0],
      [1, 1],
      [0, 0],
      [0, 0],
      [0, 0],
    ],
  };
  t.deepEqual([...scores({ ...at, labelPixels: [0, 25, 0, 0, 0] }).interpretable], [0, 0]);
  t.deepEqual([...scores({ ...at, labelPixels: [0, 24, 0, 0, 0] }).interpretable], [1, 1]);
});

test('counts beyond 32 bits keep their ratio', t => {
  const { bestIou } = scores({
    labelPixels: [0, 3e12, 0, 0, 0],
    categoryPixels: [
      [2e12, 1e12],
      [0, 0],
    ],
    intersections: [
      [0, 0],
      [1e12, 1e12],
      [0, 0],
      [0, 0],
      [0, 0],
    ],
  });
  t.deepEqual([...bestIou], [1 / 4, 1 / 3]);
});
