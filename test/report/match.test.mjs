// Units that respond alike, matched one to one by their largest activations on the same images.
import fs from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { dissect } from '../../lib/index.js';
import match from '../../lib/report/match.js';
import read from '../../lib/report/read.js';
import { temporaryFolder } from '../helpers/broden.mjs';
import { openModel } from '../helpers/dissection.mjs';
import { LENGTH, noise } from '../helpers/noise.mjs';
import { npyOf } from '../helpers/npy.mjs';
import { randomSource } from '../helpers/random.mjs';
import { report } from '../helpers/report.mjs';

const { matchSides, sameImages } = match;
const IMAGES = 8;
const SKY = { label: 'sky', cat: 'object' };

/** A side whose units have these activations, a list for each. */
async function sideOf(folder, run, maxima, change = whole => whole) {
  const whole = report(maxima.map(() => ({ 2: 50 })));
  whole.layers[0].maxima = 'maxima.npy';
  whole.top_images = [{ imgnum: 3, file: 'three.jpg' }];
  await fs.mkdir(path.join(folder, run, 'conv1'), { recursive: true });
  const values = Float32Array.from(maxima.flat());
  await fs.writeFile(
    path.join(folder, run, 'conv1/maxima.npy'),
    npyOf([maxima.length, maxima[0].length], values),
  );
  const changed = change(whole);
  return { run: path.join(folder, run), report: changed, layer: changed.layers[0] };
}

function pearson(one, other) {
  const mean = values => values.reduce((sum, value) => sum + value) / values.length;
  const [x, y] = [mean(one), mean(other)];
  const sum = of => one.reduce((total, _, i) => total + of(one[i] - x, other[i] - y), 0);
  const both = Math.sqrt(sum(a => a * a) * sum((_, b) => b * b));
  return both > 0 ? sum((a, b) => a * b) / both : 0;
}

/** All ways to give each of `few` one of `many`. */
function* choices(few, many, taken = []) {
  if (taken.length === few) return yield taken;
  for (let i = 0; i < many; i++) if (!taken.includes(i)) yield* choices(few, many, [...taken, i]);
}

test('the pairs have the largest sum of correlations that any have', async t => {
  const folder = await temporaryFolder(t);
  const random = randomSource(5);
  const values = units =>
    Array.from({ length: units }, () => Array.from({ length: IMAGES }, () => Math.fround(random.uniform())));
  for (const [few, many] of [
    [1, 1],
    [2, 5],
    [4, 6],
    [5, 5],
  ])
    for (const swapped of [false, true]) {
      const [small, large] = [values(few), values(many)];
      small[0].fill(0.1); // never changes
      const sides = [await sideOf(folder, 'a', small), await sideOf(folder, 'b', large)];
      const [pairs] = await matchSides(swapped ? sides.reverse() : sides);
      t.is(pairs.length, few);
      for (const { units, correlation, labels } of pairs) {
        const [u, v] = swapped ? [...units].reverse() : units;
        t.true(Math.abs(correlation - pearson(small[u], large[v])) < 1e-12);
        t.deepEqual(labels, [SKY, SKY]);
      }
      const sums = [...choices(few, many)].map(taken =>
        taken.reduce((sum, v, u) => sum + pearson(small[u], large[v]), 0),
      );
      const own = pairs.reduce((sum, { correlation }) => sum + correlation, 0);
      t.true(Math.abs(own - Math.max(...sums)) < 1e-9);
      t.deepEqual(
        pairs.map(({ correlation }) => correlation),
        pairs.map(({ correlation }) => correlation).sort((a, b) => b - a),
      );
    }
});

test('sides are matched with the first, where both have maxima of the same images', async t => {
  const folder = await temporaryFolder(t);
  const values = [[1, 2, 3, 4, 5, 6, 7, 8]];
  const a = await sideOf(folder, 'a', values);
  const b = await sideOf(folder, 'b', values);
  const none = await sideOf(folder, 'c', values, whole => {
    delete whole.layers[0].maxima;
    return whole;
  });
  const one = [{ units: [0, 0], correlation: 1, labels: [SKY, SKY] }];
  t.deepEqual(await matchSides([a, b]), [one]);
  t.deepEqual(await matchSides([a, none, b]), [null, one]);
  t.is(await matchSides([a, none]), undefined);
  t.is(await matchSides([none, a, b]), undefined);
  const withFiles = (...files) => ({
    report: { ...a.report, top_images: files.map((file, imgnum) => ({ imgnum, file })) },
  });
  t.true(sameImages(withFiles('x', 'y'), withFiles('x')));
  t.false(sameImages(withFiles('x', 'y'), withFiles('x', 'z')));
  t.false(sameImages(a, { report: { ...a.report, images: 9 } }));
  t.false(sameImages(withFiles(undefined), withFiles(undefined)), 'nothing shows that they are the same');
  t.false(sameImages(withFiles('x'), withFiles()));
  t.false(sameImages({ report: {} }, { report: {} }), 'the Python package says neither');
  t.false(
    sameImages({ report: { images: 1, top_images: 5 } }, { report: { images: 1, top_images: [null] } }),
  );
});

test('what is not what the report says is refused', async t => {
  const folder = await temporaryFolder(t);
  const a = await sideOf(folder, 'a', [[1, 2, 3, 4, 5, 6, 7, 8]]);
  for (const [values, message] of [
    [[[1, 2, 3]], /expected 1×8 finite float32 values in .*maxima\.npy but found an array of 1×3/],
    [[[1, 2, 3, 4, 5, 6, 7, Number.NaN]], /expected 1×8 finite float32 values in .* but found NaN; dissect/],
  ])
    await t.throwsAsync(
      sideOf(folder, 'b', values).then(b => matchSides([a, b])),
      {
        code: 'ERR_NETDISSECT_REPORT',
        message,
      },
    );
  const b = await sideOf(folder, 'b', [[1, 2, 3, 4, 5, 6, 7, 8]]);
  await fs.writeFile(path.join(b.run, 'conv1/maxima.npy'), 'PK');
  await t.throwsAsync(matchSides([a, b]), { message: /maxima\.npy is no \.npy file/ });
  await fs.rm(path.join(b.run, 'conv1/maxima.npy'));
  await t.throwsAsync(matchSides([a, b]), { message: /maxima\.npy is missing/ });
});

test('a dissection writes what units are matched by: each image has the activation that its top images have', async t => {
  const folder = await temporaryFolder(t);
  const model = await openModel(t);
  const options = { decoys: 0, bootstrap: 0, images: false, maxima: true };
  const dataset = () => ({ ...noise(), fileOf: i => `${i}.jpg` });
  const sides = [];
  for (const [name, more] of Object.entries({ counted: {}, unlabelled: { labels: false } })) {
    const run = path.join(folder, name);
    await dissect(run, model, dataset(), { ...options, ...more });
    const whole = await read.readReport(run);
    const [layer] = whole.layers;
    t.is(layer.maxima, 'maxima.npy');
    const bytes = await fs.readFile(path.join(run, layer.dirname, layer.maxima));
    const values = new Float32Array(
      bytes.buffer.slice(bytes.byteOffset + bytes.length - 4 * LENGTH * layer.units.length),
    );
    for (const { unit, top } of layer.units) {
      for (const { imgnum, maxact } of top) t.is(values[unit * LENGTH + imgnum], maxact);
      t.is(Math.max(...values.subarray(unit * LENGTH, (unit + 1) * LENGTH)), top[0].maxact);
    }
    sides.push({ run, report: whole, layer });
  }
  const [pairs] = await matchSides(sides);
  t.is(pairs.length, sides[0].layer.units.length);
  for (const { units, correlation } of pairs) if (correlation !== 0) t.is(units[0], units[1]);
});
