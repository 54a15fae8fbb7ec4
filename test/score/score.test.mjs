import test from 'ava';
import score from '../../lib/score/score.js';

const { scoreLayer } = score;

const categories = ['color', 'object'];
const labels = [
  { number: 1, name: 'red', category: 'color' },
  { number: 2, name: 'sky', category: 'object' },
  { number: 4, name: 'road', category: 'object' },
];

/** A tally of 3 labels by 2 units and 2 categories, from rows of numbers. */
function tally({ labelPixels, categoryPixels, intersections }) {
  return {
    labelPixels: Float64Array.from(labelPixels),
    categoryPixels: Float64Array.from(categoryPixels.flat()),
    intersections: Float64Array.from(intersections.flat()),
  };
}

const plain = {
  labelPixels: [40, 60, 10],
  categoryPixels: [
    [20, 0],
    [30, 50],
  ],
  intersections: [
    [10, 0],
    [5, 50],
    [4, 0],
  ],
};

function scores(changes, threshold = 0.04, concepts = labels) {
  return scoreLayer(tally({ ...plain, ...changes }), concepts, categories, threshold);
}

test("the IoU is ic / (cc + lc - ic), with cc of the label's category", t => {
  t.deepEqual([...scores().scores], [10 / 50, 0, 5 / 85, 50 / 60, 4 / 36, 0]);
});

test('the best label of a unit is the one with the highest IoU', t => {
  const { best, bestScore } = scores();
  t.deepEqual([...best], [0, 1]);
  t.deepEqual([...bestScore], [10 / 50, 50 / 60]);
});

test('a tie goes to the lower label number, in whatever order the labels come', t => {
  const tied = {
    labelPixels: [0, 60, 60],
    intersections: [
      [0, 0],
      [7, 0],
      [7, 9],
    ],
  };
  t.deepEqual([...scores(tied).best], [1, 2]);
  const turned = Object.fromEntries(Object.entries(tied).map(([name, rows]) => [name, rows.toReversed()]));
  t.deepEqual([...scores(turned, 0.04, labels.toReversed()).best], [1, 0]);
});

test('a label that no pixel carries is never chosen', t => {
  const { scores: all, best } = scores({ labelPixels: [0, 0, 0], intersections: plain.intersections });
  t.true(all.every(value => value === 0));
  t.deepEqual([...best], [-1, -1]);
});

test('a unit whose every IoU is 0 has no label', t => {
  const { best, bestScore, interpretable } = scores({ intersections: Array(3).fill([0, 0]) }, -1);
  t.deepEqual([...best, ...bestScore], [-1, -1, 0, 0]);
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
      [1, 1],
      [0, 0],
      [0, 0],
    ],
  };
  t.deepEqual([...scores({ ...at, labelPixels: [25, 0, 0] }).interpretable], [0, 0]);
  t.deepEqual([...scores({ ...at, labelPixels: [24, 0, 0] }).interpretable], [1, 1]);
});

test('counts beyond 32 bits keep their ratio', t => {
  const { bestScore } = scores({
    labelPixels: [3e12, 0, 0],
    categoryPixels: [
      [2e12, 1e12],
      [0, 0],
    ],
    intersections: [
      [1e12, 1e12],
      [0, 0],
      [0, 0],
    ],
  });
  t.deepEqual([...bestScore], [1 / 4, 1 / 3]);
});

test('another score takes the place of the IoU', t => {
  const precision = {
    name: 'precision',
    score: ({ intersections, categoryPixels }) =>
      intersections.map((both, i) => both / categoryPixels[(i < 2 ? 0 : 2) + (i % 2)] || 0),
  };
  const { best, bestScore } = scoreLayer(tally(plain), labels, categories, 0.04, precision);
  t.deepEqual([...best], [0, 1]);
  t.deepEqual([...bestScore], [10 / 20, 50 / 50]);
});
