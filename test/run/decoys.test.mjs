// What chance would find: masks over the labels of other images, against the plain reference.
import path from 'node:path';
import test from 'ava';
import { dissect } from '../../lib/index.js';
import chance from '../../lib/score/chance.js';
import iou from '../../lib/score/iou.js';
import { temporaryFolder } from '../helpers/broden.mjs';
import { openModel } from '../helpers/dissection.mjs';
import { byNumber, identityModel, nativeDissect, nativeOptions, sameResults } from '../helpers/native.mjs';
import { randomInput, randomSource, VALUES } from '../helpers/random.mjs';
import { referenceDissect } from '../reference.mjs';

const { derangement } = chance;

for (const [name, options] of Object.entries({
  'in memory': {},
  'from the temporary file': { memory: 1000 },
  'image by image': { piece: 1, batchSize: 7 },
}))
  test(`the counts with other images' labels are the reference's, ${name}`, async t => {
    const model = await identityModel(t);
    const input = randomInput(21, {
      shape: [9, 7, 7],
      images: 40,
      size: i => [20 + (i % 3), 30],
      value: VALUES['after a ReLU'],
    });
    const numbers = [...input.labelCategory.keys()].filter(number => input.labelCategory[number] >= 0);
    const { dissection, ...results } = await nativeDissect(model, input, { ...options, keep: true });
    const partners = [1, 2, 3].map(seed => derangement(40, seed));
    const paired = await dissection.countPaired(Uint32Array.from(partners.flatMap(all => [...all])));
    t.is(paired.length, 3);
    for (const [p, [counts]] of paired.entries()) {
      const partner = partners[p];
      const pick = values => Array.from(partner, image => values[image]);
      const expected = referenceDissect({
        ...input,
        levels: results.levels,
        segmentations: pick(input.segmentations),
        segSize: pick(input.segSize),
      });
      const { labelPixels, ...rest } = byNumber(
        { labelPixels: new Float64Array(numbers.length), ...counts },
        numbers,
      );
      t.is(labelPixels.length, expected.labelPixels.length);
      sameResults(t, rest, {
        categoryPixels: expected.categoryPixels,
        intersections: expected.intersections,
      });
    }
    t.deepEqual(
      (await dissection.results()).layers[0].levels,
      results.levels,
      'the results are as they were',
    );
  });

test('partners that there are not, and decoys before all is counted, are refused', async t => {
  const model = await identityModel(t);
  const input = randomInput(5, { shape: [2, 3, 3], images: 4, size: [5, 5], value: VALUES.normal });
  const code = 'ERR_NETDISSECT_USAGE';
  const fresh = await model.dissect(nativeOptions(input));
  await t.throwsAsync(fresh.countPaired(Uint32Array.of(1, 2, 3, 0)), { code });
  const { dissection } = await nativeDissect(model, input, { keep: true });
  for (const wrong of [[1, 2, 3], [1, 2, 3, 4], [1, 2, 3, 0, 0], []])
    await t.throwsAsync(dissection.countPaired(Uint32Array.from(wrong)), {
      code,
      message: /every image needs another one/,
    });
  await t.throwsAsync(dissection.countPaired(new Uint32Array(4 * 2 ** 16)), {
    code,
    message: /^labels are counted \d+ times over at most$/,
  });
});

/** Images of noise; a unit's mask has to do with a label only where `linked`. */
function noise(seed, length, linked) {
  const random = randomSource(seed);
  const items = Array.from({ length }, () => {
    const side = random.below(2);
    const pixels = Uint8Array.from({ length: 192 }, (_, i) => {
      const x = Math.floor(i / 3) % 8;
      return random.below(120) + (x < 4 === (side === 0) ? 130 : 0);
    });
    const label = linked ? side : random.below(2);
    return {
      pixels,
      segmentation: {
        height: 2,
        width: 2,
        maps: [Uint16Array.of(...[0, 1, 0, 1].map(x => (x === label ? 1 + x : 0)))],
      },
    };
  });
  return {
    length,
    imageSize: [8, 8],
    labels: ['left', 'right'].map((name, i) => ({ number: i + 1, name, category: 'side' })),
    categories: ['side'],
    get: async i => items[i],
  };
}

test('where labels have nothing to do with the images, about as many are found as are expected', async t => {
  const model = await openModel(t);
  const sums = { unlinked: [0, 0], linked: [0, 0] };
  const options = { images: false, report: false, quantileThreshold: 0.3, iouThreshold: 0.25, decoys: 10 };
  for (let seed = 1; seed <= 20; seed++)
    for (const kind of Object.keys(sums)) {
      const { report } = await dissect(
        path.join(await temporaryFolder(t), 'out'),
        model,
        noise(seed, 30, kind === 'linked'),
        options,
      );
      sums[kind][0] += report.layers[0].interpretable;
      sums[kind][1] += report.layers[0].expected_by_chance;
    }
  t.log(sums);
  const [found, expected] = sums.unlinked;
  t.true(
    found > 0 && Math.abs(found - expected) < 3 * Math.sqrt(expected),
    `${found} found, ${expected} expected`,
  );
  t.true(sums.linked[0] > sums.linked[1], `${sums.linked}`);
});

test('decoys are left out where there are none, no labels, or one image', async t => {
  const model = await openModel(t);
  const run = async (dataset, options) =>
    (await dissect(path.join(await temporaryFolder(t), 'out'), model, dataset, { images: false, ...options }))
      .report.layers[0];
  const absent = layer => {
    t.is(layer.expected_by_chance, undefined);
    t.true(layer.units.every(({ q }) => q === undefined));
  };
  absent(await run(noise(1, 5, true), { decoys: 0 }));
  absent(await run(noise(1, 5, true), { labels: false }));
  absent(await run(noise(1, 1, true), {}));
  const layer = await run(noise(1, 5, true), { labelsPerUnit: 1 });
  t.true(layer.units.every(({ q, labels }) => q >= 0 && q <= 1 && labels.length <= 1));
});

test("a unit's best labels have their counts, precision and recall, the best one first", async t => {
  const results = await dissect(
    path.join(await temporaryFolder(t), 'out'),
    await openModel(t),
    noise(3, 12, true),
    {
      images: false,
      quantileThreshold: 0.2,
    },
  );
  const [{ units }] = results.report.layers;
  const [{ tally }] = results.layers;
  const scores = iou.iou.score(tally, results.labels, results.categories);
  for (const { unit, labels, label, iou: best } of units) {
    t.is(labels.length, [0, 1].filter(row => scores[row * units.length + unit] > 0).length);
    if (labels.length > 0) t.like(labels[0], { label, iou: best });
    for (const entry of labels) {
      t.is(entry.iou, entry.ic / (entry.cc + entry.lc - entry.ic));
      t.is(entry.precision, entry.ic / entry.cc);
      t.is(entry.recall, entry.ic / entry.lc);
    }
    t.deepEqual(
      labels.map(({ iou: of }) => of),
      labels.map(({ iou: of }) => of).toSorted((a, b) => b - a),
    );
  }
});

test('as many decoys as are asked for, each the same whatever the others are', async t => {
  const model = await openModel(t);
  const decoysOf = async decoys => {
    const seen = [];
    const { layers } = await dissect(await temporaryFolder(t), model, noise(1, 30, false), {
      ...{ decoys, images: false, report: false, bootstrap: 0, quantileThreshold: 0.3 },
      onProgress: ({ phase, done }) => phase === 'decoy' && seen.push(done),
    });
    return { seen, decoys: layers[0].decoys };
  };
  const [none, three, seven] = [await decoysOf(0), await decoysOf(3), await decoysOf(7)];
  t.deepEqual([none.seen, three.seen, seven.seen], [[], [0, 1, 2, 3], [0, 1, 2, 3, 4, 5, 6, 7]]);
  t.is(none.decoys, undefined);
  t.is(seven.decoys.length, 7);
  t.deepEqual(three.decoys, seven.decoys.slice(0, 3));
  t.notDeepEqual(seven.decoys[5], seven.decoys[0]);
});
