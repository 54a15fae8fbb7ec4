// The scores beside IoU, against pixels counted one by one.
import test from 'ava';
import scoreModule from '../../lib/score/score.js';
import scorersModule from '../../lib/score/scorers.js';
import { randomSource } from '../helpers/random.mjs';

const { SCORERS } = scorersModule;
const { scoreLayer } = scoreModule;
const LABELS = 3;
const UNITS = 4;
const concepts = Array.from({ length: LABELS }, (_, i) => ({
  number: i + 1,
  name: `l${i}`,
  category: 'any',
}));

/** Whether each of 500 pixels has each label and is in each unit's mask, and the tally of that. */
function made(seed) {
  const random = randomSource(seed);
  const pixels = Array.from({ length: 500 }, () => ({
    labels: concepts.map((_, l) => +(random.uniform() < 0.1 * (l + 1))),
    masks: Array.from({ length: UNITS }, () => 0),
  }));
  for (const { labels, masks } of pixels)
    for (let u = 0; u < UNITS; u++) masks[u] = random.below(3) ? labels[u % LABELS] : random.below(2);
  const sum = of => pixels.reduce((total, pixel) => total + of(pixel), 0);
  const tally = {
    labelPixels: Float64Array.from(concepts, (_, l) => sum(p => p.labels[l])),
    categoryPixels: Float64Array.from({ length: UNITS }, (_, u) => sum(p => p.masks[u])),
    intersections: Float64Array.from({ length: LABELS * UNITS }, (_, at) =>
      sum(p => p.labels[Math.floor(at / UNITS)] * p.masks[at % UNITS]),
    ),
    categoryArea: Float64Array.of(500),
  };
  return { pixels, tally };
}

const PLAIN = {
  phi(x, y) {
    const mean = values => values.reduce((a, b) => a + b, 0) / values.length;
    const [mx, my] = [mean(x), mean(y)];
    const product = (a, ma, b, mb) => mean(a.map((v, i) => (v - ma) * (b[i] - mb)));
    return product(x, mx, y, my) / Math.sqrt(product(x, mx, x, mx) * product(y, my, y, my));
  },
  cosine(x, y) {
    const dot = (a, b) => a.reduce((sum, v, i) => sum + v * b[i], 0);
    return dot(x, y) / Math.sqrt(dot(x, x) * dot(y, y));
  },
  f1(x, y) {
    const count = of => x.filter((v, i) => of(v, y[i])).length;
    const hit = count((a, b) => a && b);
    const [precision, recall] = [hit / count(a => a), hit / count((_, b) => b)];
    return (2 * precision * recall) / (precision + recall);
  },
};

for (const [name, plain] of Object.entries(PLAIN))
  test(`${name} is that of the pixels`, t => {
    for (const seed of [1, 2, 3]) {
      const { pixels, tally } = made(seed);
      const scores = SCORERS[name].score(tally, concepts, ['any']);
      for (let l = 0; l < LABELS; l++)
        for (let u = 0; u < UNITS; u++) {
          const expected = plain(
            pixels.map(({ masks }) => masks[u]),
            pixels.map(({ labels }) => labels[l]),
          );
          const found = scores[l * UNITS + u];
          t.true(Math.abs(found - expected) < 1e-12, `${found} is not ${expected}`);
        }
    }
  });

test('cases on paper: apart, the same, everywhere, nothing', t => {
  const of = (lc, cc, ic, area) =>
    Object.fromEntries(
      ['phi', 'cosine', 'f1'].map(name => [
        name,
        SCORERS[name].score(
          {
            labelPixels: Float64Array.of(lc),
            categoryPixels: Float64Array.of(cc),
            intersections: Float64Array.of(ic),
            categoryArea: Float64Array.of(area),
          },
          [concepts[0]],
          ['any'],
        )[0],
      ]),
    );
  t.deepEqual(of(50, 50, 0, 100), { phi: -1, cosine: 0, f1: 0 });
  t.deepEqual(of(50, 50, 50, 100), { phi: 1, cosine: 1, f1: 1 });
  t.deepEqual(of(100, 25, 25, 100), { phi: 0, cosine: 0.5, f1: 0.4 }, 'a label that covers everything');
  t.deepEqual(of(0, 25, 0, 100), { phi: 0, cosine: 0, f1: 0 }, 'no pixel carries the label');
  t.deepEqual(of(25, 0, 0, 100), { phi: 0, cosine: 0, f1: 0 }, 'a unit without masks');
});

test('auprc: the best label is the one that is highest over the share of images with it', t => {
  const tally = {
    labelPixels: Float64Array.of(1, 1, 1),
    categoryPixels: Float64Array.of(1, 1),
    intersections: new Float64Array(6),
    labelImages: Float64Array.of(9, 2, 10), // of 10: nearly all, few, all
    categoryImages: Float64Array.of(10),
    averagePrecision: Float64Array.of(0.95, 0.9, 0.7, 0.1, 0, 0),
  };
  const { best, bestScore } = scoreLayer(tally, concepts, ['any'], 0, SCORERS.auprc);
  t.deepEqual([...best], [1, -1], 'the second unit is under chance with both');
  t.deepEqual([...bestScore], [0.7, 0]);
});
