// Intervals and smaller quantiles of a dissection, against plain references.
import test from 'ava';
import best from '../../lib/score/best.js';
import iou from '../../lib/score/iou.js';
import { percentile, philox, replicates, weight } from '../helpers/bootstrap.mjs';
import { byNumber, identityModel, nativeDissect, nativeOptions, sameResults } from '../helpers/native.mjs';
import { randomInput, VALUES } from '../helpers/random.mjs';
import { referenceDissect } from '../reference.mjs';

const ROUTES = {
  'in memory': {},
  'from the temporary file, some units at a time': { memory: 40_000 },
  'image by image': { piece: 1, batchSize: 7 },
};

const input = randomInput(21, {
  shape: [9, 7, 7],
  images: 40,
  size: i => [20 + (i % 3), 30],
  value: VALUES['after a ReLU'],
});
const numbers = [...input.labelCategory.keys()].filter(number => input.labelCategory[number] >= 0);
const concepts = numbers.map(number => ({
  number,
  name: `${number}`,
  category: `${input.labelCategory[number]}`,
}));
const categories = ['0', '1', '2'];

/** Each unit's labels by IoU, the best first. */
function choicesOf(results, most) {
  const rows = numbers.map(number => number);
  const units = input.shape[0];
  const pick = (values, width) =>
    Float64Array.from(rows.flatMap(n => [...values.slice(n * width, (n + 1) * width)]));
  const scores = iou.iou.score(
    {
      labelPixels: pick(results.labelPixels, 1),
      categoryPixels: results.categoryPixels,
      intersections: pick(results.intersections, units),
    },
    concepts,
    categories,
  );
  return best.bestChoices(scores, units, best.byNumber(concepts), most);
}

test("the plain generator is the paper's: its known answers", t => {
  const hex = words => words.map(word => word.toString(16).padStart(8, '0')).join(' ');
  t.is(hex(philox([0, 0, 0, 0], [0, 0])), '6627e8d5 e169c58d bc57ac4c 9b00dbd8');
  const ones = 0xffffffff;
  t.is(hex(philox([ones, ones, ones, ones], [ones, ones])), '408f276d 41c83b0e a20bc7c6 6d5451fd');
  t.is(
    hex(philox([0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], [0xa4093822, 0x299f31d0])),
    'd16cfe09 94fdcceb 5001e420 24126ea1',
  );
});

for (const [name, options] of Object.entries(ROUTES))
  test(`intervals and wins are a plain bootstrap's, ${name}`, async t => {
    const model = await identityModel(t);
    const { dissection, ...results } = await nativeDissect(model, input, { ...options, keep: true });
    const { most, rows } = choicesOf(results, 4);
    const count = 200;
    const drawn = await dissection.resample(0, rows, { replicates: count, seed: 1 });
    // the counts of each image alone
    const images = input.activations.map((activation, x) =>
      referenceDissect({
        ...input,
        activations: [activation],
        segmentations: [input.segmentations[x]],
        segSize: [input.segSize[x]],
        levels: results.levels,
        topImages: 1,
      }),
    );
    const units = input.shape[0];
    for (let unit = 0; unit < units; unit++) {
      const chosen = [...rows.subarray(unit * most, (unit + 1) * most)];
      const ious = chosen.map(row => {
        if (row < 0) return undefined;
        const number = numbers[row];
        const category = input.labelCategory[number];
        return replicates(
          images.map(({ labelPixels, categoryPixels, intersections }) => {
            const i = intersections[number * units + unit];
            return [i, categoryPixels[category * units + unit] + labelPixels[number] - i];
          }),
          count,
        );
      });
      const wins = chosen.map(() => 0);
      for (let b = 0; b < count; b++) {
        const order = [...chosen.keys()].filter(k => ious[k]?.[b] > 0);
        order.sort((p, q) => ious[q][b] - ious[p][b] || chosen[p] - chosen[q]);
        if (order.length > 0) wins[order[0]]++;
      }
      const at = unit * most;
      t.deepEqual([...drawn.wins.subarray(at, at + most)], wins, `unit ${unit}`);
      for (const [k, values] of ious.entries()) {
        t.is(drawn.low[at + k], values ? percentile(values, 0.025) : 0);
        t.is(drawn.high[at + k], values ? percentile(values, 0.975) : 0);
      }
    }
  });

test('cases on paper: a unit and a label on one image, equal labels, a label that covers everything', async t => {
  const model = await identityModel(t);
  const [a, b, c] = [1, 2, 3]; // a and b lie on the same pixels of the first image, c everywhere
  const labelCategory = Int32Array.of(-1, 0, 0, 0);
  const half = number => Uint16Array.of(number, number, 0, 0);
  const paper = {
    activations: [1, 0, 0].map(value => Float32Array.of(value, value, 0, 0)), // one unit; the upper half
    shape: [1, 2, 2],
    segmentations: [[half(a), half(b), c], [c], [c]],
    segSize: [1, 2, 3].map(() => [2, 2]),
    labelCategory,
    categories: 1,
    quantile: 0.3,
    topImages: 1,
  };
  const { dissection, ...results } = await nativeDissect(model, paper, { keep: true });
  t.deepEqual([...results.intersections], [0, 2, 2, 2]);
  t.deepEqual([...results.categoryPixels], [2]);
  const count = 100;
  const { low, high, wins } = await dissection.resample(0, Int32Array.of(0, 1, 2), {
    replicates: count,
    seed: 5,
  });
  const weights = Array.from({ length: count }, (_, b) => [0, 1, 2].map(x => weight(5, b, x)));
  const drawn = weights.filter(([first]) => first > 0);
  // a and b are all of the mask where the first image is drawn: 1, and a, the lower number, wins; else there is no IoU
  t.true(drawn.length > 50 && drawn.length < 75);
  t.deepEqual([...wins], [drawn.length, 0, 0]);
  t.deepEqual([low[0], high[0], low[1], high[1]], [0, 1, 0, 1]);
  // c: 2 w0 / (4 w0 + 4 w1 + 4 w2)
  const ious = weights.map(([w, v, u]) => (w + v + u > 0 ? (2 * w) / (4 * (w + v + u)) : 0));
  t.deepEqual([low[2], high[2]], [percentile(ious, 0.025), percentile(ious, 0.975)]);
});

for (const [name, options] of Object.entries(ROUTES))
  for (const kind of ['after a ReLU', 'few different values', 'all equal'])
    test(`levels and counts at smaller quantiles are the reference's, ${kind}, ${name}`, async t => {
      const model = await identityModel(t);
      const own = randomInput(22, { shape: [5, 6, 6], images: 30, size: [11, 9], value: VALUES[kind] });
      const { dissection } = await nativeDissect(model, own, { ...options, keep: true });
      for (const part of [2, 4, 8]) {
        const quantile = own.quantile / part;
        const [{ levels, ...counts }] = await dissection.countNarrow(quantile);
        const expected = referenceDissect({ ...own, quantile });
        const rows = numbers.length;
        const { labelPixels, ...rest } = byNumber(
          { labelPixels: new Float64Array(rows), ...counts },
          numbers,
        );
        sameResults(
          t,
          { levels, ...rest },
          {
            levels: expected.levels,
            categoryPixels: expected.categoryPixels,
            intersections: expected.intersections,
          },
        );
      }
    });

test('any number of threads gives the same of all of it', async t => {
  const all = [];
  for (const threads of [1, 2, 5]) {
    const model = await identityModel(t, threads);
    const { dissection, ...results } = await nativeDissect(model, input, { keep: true, keepMaxima: true });
    const { rows } = choicesOf(results, 4);
    all.push({
      narrow: await dissection.countNarrow(input.quantile / 4),
      drawn: await dissection.resample(0, rows, { replicates: 50, seed: 1 }),
      formulas: await dissection.formulas({ length: 3, seconds: 60, replicates: 50, seed: 1 }),
      precision: await dissection.averagePrecision(0),
      paired: await dissection.countPaired(
        Uint32Array.from(input.activations, (_, x) => input.activations.length - 1 - x),
      ),
    });
  }
  t.deepEqual(all[1], all[0]);
  t.deepEqual(all[2], all[0]);
});

test('a quantile that has no rank of its own is not told apart', async t => {
  const model = await identityModel(t);
  const few = randomInput(3, { shape: [2, 2, 2], images: 2, size: [4, 4], value: VALUES.normal });
  const { dissection } = await nativeDissect(model, few, { keep: true });
  t.deepEqual(await dissection.countNarrow(few.quantile / 2), [null]);
});

test('what is asked before all is counted, or wrongly, is refused', async t => {
  const model = await identityModel(t);
  const code = 'ERR_NETDISSECT_USAGE';
  const fresh = await model.dissect(nativeOptions(input));
  await t.throwsAsync(fresh.countNarrow(0.01), { code, message: /^countNarrow is out of order/ });
  await t.throwsAsync(fresh.resample(0, new Int32Array(9), { replicates: 10, seed: 1 }), { code });
  const { dissection } = await nativeDissect(model, input, { keep: true });
  const message = /every unit needs as many choices/;
  for (const choices of [new Int32Array(10), new Int32Array(9).fill(6)])
    await t.throwsAsync(dissection.resample(0, choices, { replicates: 10, seed: 1 }), { code, message });
});
