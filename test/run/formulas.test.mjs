// Formulas of a dissection: counted pixel by pixel from plain masks, and the best of all by trying all.
import fs from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { dissect } from '../../lib/index.js';
import { percentile, replicates } from '../helpers/bootstrap.mjs';
import { temporaryFolder } from '../helpers/broden.mjs';
import { openModel } from '../helpers/dissection.mjs';
import { identityModel, nativeDissect, nativeOptions } from '../helpers/native.mjs';
import { randomInput, randomSource, VALUES } from '../helpers/random.mjs';
import { referenceUpsample } from '../reference.mjs';

const ROUTES = {
  'in memory': {},
  'from the temporary file, some units at a time': { memory: 60_000 },
  'image by image': { piece: 1, batchSize: 7 },
};

const input = randomInput(24, {
  shape: [6, 5, 5],
  images: 30,
  size: i => [14 + (i % 3), 17],
  value: VALUES.normal,
});
const numbers = [...input.labelCategory.keys()].filter(number => input.labelCategory[number] >= 0);
const units = input.shape[0];

/** Of each image with labels: each pixel's set of label rows, and whether each unit's mask has it. */
function plainPixels(levels) {
  const [, height, width] = input.shape;
  return input.activations.flatMap((activation, x) => {
    const [rows, columns] = input.segSize[x];
    const sets = Array.from({ length: rows * columns }, (_, p) => {
      const found = input.segmentations[x].map(map => (typeof map === 'number' ? map : map[p]));
      return new Set(found.map(number => numbers.indexOf(number)).filter(row => row >= 0));
    });
    if (sets.every(set => set.size === 0)) return [];
    const masks = Array.from({ length: units }, (_, unit) => {
      const map = activation.subarray(unit * height * width, (unit + 1) * height * width);
      return [...referenceUpsample(map, [height, width], [rows, columns])].map(value => value > levels[unit]);
    });
    return [{ x, sets, masks }];
  });
}

const holds = (set, [a, b, c], [first, second]) => {
  const join = (inside, row, operator) =>
    row < 0 ? inside : [inside || set.has(row), inside && set.has(row), inside && !set.has(row)][operator];
  return join(join(set.has(a), b, first), c, second);
};

/** `[i, U]` of each image. */
function countsOf(images, unit, rows, operators) {
  return images.map(({ sets, masks }) => {
    let [both, either] = [0, 0];
    for (const [p, set] of sets.entries()) {
      const inside = holds(set, rows, operators);
      both += inside && masks[unit][p] ? 1 : 0;
      either += inside || masks[unit][p] ? 1 : 0;
    }
    return [both, either];
  });
}

/** All formulas of up to a length, in the order of ties. */
function* allFormulas(length) {
  const rows = [...numbers.keys()];
  for (const a of rows)
    yield [
      [a, -1, -1],
      [0, 0],
    ];
  for (let n = 2; n <= length; n++)
    for (const a of rows)
      for (const b of rows)
        for (const c of n === 3 ? rows : [-1])
          for (const first of [0, 1, 2])
            for (const second of n === 3 ? [0, 1, 2] : [0])
              if (a !== b && a !== c && b !== c && (first === 2 || a < b))
                yield [
                  [a, b, c],
                  [first, second],
                ];
}

for (const [name, options] of Object.entries(ROUTES))
  test(`the formulas are the best of all, with their pixels and intervals, ${name}`, async t => {
    const model = await identityModel(t);
    const { dissection, levels } = await nativeDissect(model, input, { ...options, keep: true });
    const count = 100;
    const [found] = await dissection.formulas({ length: 3, seconds: 60, replicates: count, seed: 3 });
    t.is(dissection.searched, units);
    t.is(found.best.length, 3);
    const images = plainPixels(levels);
    for (let unit = 0; unit < units; unit++) {
      t.is(found.gap[unit], 0);
      t.is(
        found.maskPixels[unit],
        images.reduce((sum, { masks }) => sum + masks[unit].filter(Boolean).length, 0),
      );
      const of = ({ rows, operators }) => [
        [...rows.subarray(3 * unit, 3 * unit + 3)],
        [...operators.subarray(2 * unit, 2 * unit + 2)],
      ];
      for (const [k, formulas] of found.best.entries()) {
        let best = { score: 0 };
        for (const formula of allFormulas(k + 1)) {
          const counts = countsOf(images, unit, ...formula);
          const both = counts.reduce((sum, [i]) => sum + i, 0);
          const score = both / counts.reduce((sum, [, u]) => sum + u, 0);
          if (score > best.score) best = { score, both, formula };
        }
        t.deepEqual(of(formulas), best.formula, `unit ${unit}, length ${k + 1}`);
        t.is(formulas.both[unit], best.both);
        const size = images.reduce(
          (sum, { sets }) => sum + sets.filter(set => holds(set, ...best.formula)).length,
          0,
        );
        t.is(formulas.size[unit], size);
      }
      const formula = of(found.best[2]);
      const alone = countsOf(images, unit, ...formula);
      const all = Array.from({ length: input.activations.length }, () => [0, 0]);
      for (const [i, { x }] of images.entries()) all[x] = alone[i];
      const ious = replicates(all, count, 3);
      t.is(found.low[unit], percentile(ious, 0.025));
      t.is(found.high[unit], percentile(ious, 0.975));
      t.is(found.images[unit], images.filter(({ sets }) => sets.some(set => holds(set, ...formula))).length);
    }
  });

/** A data set in which a unit of the sample's kind sees one of many overlapping labels. */
function overlapping(length, labels) {
  const random = randomSource(4);
  const items = Array.from({ length }, () => ({
    pixels: Uint8Array.from({ length: 192 }, () => random.below(256)),
    segmentation: {
      height: 16,
      width: 16,
      maps: Array.from({ length: 3 }, () => {
        const number = 1 + random.below(labels);
        return Uint16Array.from({ length: 256 }, () => (random.below(3) ? number : 1 + random.below(labels)));
      }),
    },
  }));
  return {
    length,
    imageSize: [8, 8],
    labels: Array.from({ length: labels }, (_, i) => ({ number: i + 1, name: `l${i + 1}`, category: 'any' })),
    categories: ['any'],
    get: async i => items[i],
  };
}

test('a time that is too short leaves formulas of two labels, and a gap', async t => {
  const model = await identityModel(t);
  const { dissection } = await nativeDissect(model, input, { keep: true });
  const [found] = await dissection.formulas({ length: 3, seconds: 0, replicates: 0, seed: 1 });
  const [exact] = await dissection.formulas({ length: 3, seconds: 60, replicates: 0, seed: 1 });
  const score = ({ best, maskPixels }, k, unit) =>
    best[k].both[unit] / (maskPixels[unit] + best[k].size[unit] - best[k].both[unit]);
  for (let unit = 0; unit < units; unit++) {
    t.is(score(found, 1, unit), score(exact, 1, unit));
    t.true(score(found, 2, unit) + found.gap[unit] >= score(exact, 2, unit) - 1e-12);
  }
  t.true(found.gap.some(gap => gap > 0));
});

test('the report has formulas in words, as a tree, with what they gain', async t => {
  const { report } = await dissect(
    path.join(await temporaryFolder(t), 'out'),
    await openModel(t),
    overlapping(20, 6),
    { images: false, formulas: 3, quantileThreshold: 0.1 },
  );
  t.like(report.settings, { formulas: 3, formula_seconds: 600 });
  const [{ units: all }] = report.layers;
  for (const { formula } of all) {
    const { iou, gain, gap, fc, mc, ic, shorter, low, high, length, structure, text } = formula;
    t.is(iou, ic / (fc + mc - ic));
    t.is(gain, iou - shorter[0].iou);
    t.is(gap, 0);
    t.true(low <= high);
    t.deepEqual(
      shorter.map(s => s.length <= 2),
      [true, true],
    );
    t.true(shorter[0].iou <= shorter[1].iou && shorter[1].iou <= iou);
    const words = (tree, inner = false) =>
      typeof tree === 'number'
        ? `l${tree}`
        : `${inner ? '(' : ''}${words(tree[1], true)} ${tree[0]} l${tree[2]}${inner ? ')' : ''}`;
    t.is(text, words(structure));
    t.is(length, text.match(/l\d/g).length);
  }
  t.true(all.some(({ formula }) => formula.length === 3));
});

test('without formulas, or labels, there are none', async t => {
  const run = async options =>
    (
      await dissect(path.join(await temporaryFolder(t), 'out'), await openModel(t), overlapping(5, 3), {
        images: false,
        ...options,
      })
    ).report;
  t.false('formula' in (await run({})).layers[0].units[0]);
  t.false('formula' in (await run({ formulas: 2, labels: false })).layers[0].units[0]);
  const short = (await run({ formulas: 2, bootstrap: 0 })).layers[0].units[0].formula;
  t.is(short.shorter.length, 1);
  t.false('low' in short);
});

test('a search is aborted within a second, and leaves nothing', async t => {
  const controller = new AbortController();
  const outdir = path.join(await temporaryFolder(t), 'out');
  let aborted = 0;
  const running = dissect(outdir, await openModel(t), overlapping(60, 60), {
    images: false,
    formulas: 3,
    signal: controller.signal,
    onProgress: ({ phase, done }) => {
      if (phase !== 'formula' || done === 0 || aborted) return;
      aborted = performance.now();
      controller.abort(new Error('enough'));
    },
  });
  await t.throwsAsync(running, { message: 'enough' });
  t.false(fs.existsSync(outdir));
  t.true(aborted > 0 && performance.now() - aborted < 1000);
});

test('formulas that take more than the memory are left out with a notice, and the rest is there', async t => {
  const notices = [];
  const { report } = await dissect(
    path.join(await temporaryFolder(t), 'out'),
    await openModel(t),
    overlapping(10, 6),
    { images: false, formulas: 3, memory: 5000, onNotice: notice => notices.push(notice) },
  );
  t.true(
    notices.some(notice =>
      /^formulas are left out: (formulas of 6 labels take \d+ MiB|the labels of these images overlap in more than \d+ ways)/.test(
        notice,
      ),
    ),
    `${notices}`,
  );
  t.false('formula' in report.layers[0].units[0]);
  t.true('labels' in report.layers[0].units[0]);
});

test('labels that overlap in too many ways, and formulas out of order, are refused', async t => {
  const model = await identityModel(t);
  const { dissection } = await nativeDissect(model, input, { keep: true, memory: 2000 });
  const request = { length: 3, seconds: 1, replicates: 0, seed: 1 };
  await t.throwsAsync(dissection.formulas(request), {
    code: 'ERR_NETDISSECT_OPTION',
    message: /^the labels of these images overlap in more than \d+ ways/,
  });
  const fresh = await model.dissect(nativeOptions(input));
  await t.throwsAsync(fresh.formulas(request), { code: 'ERR_NETDISSECT_USAGE' });
});

test('images none of which has a label have no formulas', async t => {
  const model = await identityModel(t);
  const bare = { ...input, segmentations: input.segmentations.map(() => [0]) };
  const { dissection } = await nativeDissect(model, bare, { keep: true });
  const [found] = await dissection.formulas({ length: 3, seconds: 60, replicates: 10, seed: 1 });
  t.true(found.best.every(({ rows }) => rows.every(row => row === -1)));
  t.true(found.maskPixels.every(pixels => pixels === 0));
});

test('a time without end is one', async t => {
  const model = await identityModel(t);
  const { dissection } = await nativeDissect(model, input, { keep: true });
  const [found] = await dissection.formulas({
    length: 3,
    seconds: Number.MAX_SAFE_INTEGER,
    replicates: 0,
    seed: 1,
  });
  t.true(found.gap.every(gap => gap === 0));
  t.is(dissection.searched, units, 'and units are counted anew');
});
