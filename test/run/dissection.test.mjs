// The engine against the plain reference: levels, top images and every count are equal, not close.
import { execFile } from 'node:child_process';
import test from 'ava';
import { identityModel, nativeDissect, nativeOptions, sameResults } from '../helpers/native.mjs';
import { randomInput, VALUES } from '../helpers/random.mjs';
import { referenceDissect } from '../reference.mjs';

const SHAPES = {
  'square maps': { shape: [5, 6, 6], images: 12, size: [23, 23] },
  'non-square maps': { shape: [4, 5, 9], images: 10, size: [17, 40] },
  '1×1 maps': { shape: [6, 1, 1], images: 25, size: [9, 7] },
  'one row': { shape: [3, 1, 8], images: 9, size: [12, 30] },
  'one column': { shape: [3, 8, 1], images: 9, size: [30, 12] },
  'maps larger than the segmentation': { shape: [3, 30, 26], images: 6, size: [7, 11] },
  'maps as large as the segmentation': { shape: [3, 16, 16], images: 6, size: [16, 16] },
  'maps wider than a word': { shape: [2, 3, 70], images: 6, size: [5, 140] },
  'segmentations as wide as a word': { shape: [3, 7, 7], images: 8, size: [20, 64] },
  'segmentations wider than a word': { shape: [3, 7, 7], images: 8, size: [20, 113] },
  'segmentations of different sizes': {
    shape: [3, 5, 5],
    images: 12,
    size: i =>
      [
        [20, 20],
        [13, 31],
        [70, 66],
      ][i % 3],
  },
  'one image': { shape: [4, 9, 9], images: 1, size: [30, 30] },
  'one value a unit': { shape: [4, 1, 1], images: 1, size: [3, 3] },
};

let seed = 1;
for (const [shapeName, shape] of Object.entries(SHAPES))
  test(`${shapeName}: equal to the reference for every kind of activations`, async t => {
    const model = await identityModel(t);
    for (const [valueName, value] of Object.entries(VALUES)) {
      const input = randomInput(seed++, { ...shape, value });
      sameResults(t, await nativeDissect(model, input), referenceDissect(input), valueName);
    }
  });

test('every quantile: the linear rule in float64', async t => {
  const model = await identityModel(t);
  for (const quantile of [0.005, 0.0001, 0.01, 1 / 3, 0.5, 0.9, 0.999]) {
    const input = randomInput(seed++, { ...SHAPES['square maps'], value: VALUES.normal, quantile });
    sameResults(t, await nativeDissect(model, input), referenceDissect(input), `quantile ${quantile}`);
  }
});

test('many images: buffers are cut, cells are pruned, and nothing changes', async t => {
  const model = await identityModel(t);
  const input = randomInput(77, {
    shape: [3, 6, 6],
    images: 600,
    size: [10, 10],
    value: VALUES.normal,
    quantile: 0.02,
  });
  const expected = referenceDissect(input);
  const tight = await nativeDissect(model, input, { memory: 40_000 });
  t.true(tight.profile.prune > 0, 'cells were pruned');
  t.true(tight.profile.spilledBytes > 0, 'blocks were spilled');
  sameResults(t, tight, expected, 'tight memory');
  sameResults(t, await nativeDissect(model, input), expected, 'ample memory');
});

test('where the buffers of one pass do not fit, two or more passes give the same', async t => {
  const model = await identityModel(t);
  for (const [name, value] of Object.entries(VALUES)) {
    // 2 units × 0.9 of 50 × 60 × 60 values would take 1.9 MB, bins of 16 bits 1 MB, of 11 bits 32 KB
    const input = randomInput(seed++, { shape: [2, 60, 60], images: 50, size: [9, 9], value, quantile: 0.9 });
    const once = await nativeDissect(model, input);
    t.is(once.passes, 1);
    const twice = await nativeDissect(model, input, { memory: 2_200_000 });
    const thrice = await nativeDissect(model, input, { memory: 100_000 });
    t.deepEqual([twice.passes, thrice.passes], [2, 3]);
    const { passes, profile, ...results } = once;
    const numbers = Object.fromEntries(
      Object.entries(results).filter(([, values]) => ArrayBuffer.isView(values)),
    );
    sameResults(t, twice, numbers, name);
    sameResults(t, thrice, numbers, name);
  }
});

test('on request levels are estimated in one pass, within the rank error that is told', async t => {
  const model = await identityModel(t);
  for (const [name, value] of Object.entries(VALUES)) {
    const input = randomInput(seed++, { shape: [2, 60, 60], images: 50, size: [9, 9], value, quantile: 0.9 });
    const n = 50 * 60 * 60;
    const exact = await nativeDissect(model, input);
    t.is(exact.rankError, undefined, 'ample memory: nothing is estimated');
    const estimate = await nativeDissect(model, input, { memory: 100_000, approximate: true });
    t.is(estimate.passes, 1);
    t.true(estimate.rankError >= 0 && estimate.rankError <= 1, name);
    let least = 0; // the rank error that the levels have
    for (let unit = 0; unit < 2; unit++) {
      const values = input.activations.map(activation => activation.subarray(unit * 3600, (unit + 1) * 3600));
      const count = predicate =>
        values.reduce((sum, map) => sum + map.reduce((s, v) => s + predicate(v), 0), 0);
      const [under, equal] = [count(v => v < estimate.levels[unit]), count(v => v === estimate.levels[unit])];
      const wanted = (1 - 0.9) * (n - 1);
      least = Math.max(least, under - wanted - 1, wanted - under - equal);
    }
    t.true(least / n <= estimate.rankError, `${name}: ${least / n} over ${estimate.rankError}`);
    if (name === 'all zero') t.deepEqual([...estimate.levels, estimate.rankError], [0, 0, 0]);
    t.deepEqual(estimate.topImages, exact.topImages, name);
    // Masks and counts are exact for the levels that there are.
    const { levels, ...counts } = referenceDissect({ ...input, levels: estimate.levels });
    sameResults(t, estimate, counts, name);
  }
});

test('the result is the same for any number of threads, batch size and forward size', async t => {
  const input = randomInput(5, {
    shape: [37, 7, 7],
    images: 110,
    size: [20, 20],
    value: VALUES['after a ReLU'],
  });
  const expected = referenceDissect(input);
  for (const threads of [1, 2, 3]) {
    const model = await identityModel(t, threads);
    for (const batchSize of [1, 7, 100])
      for (const piece of [1, 8, 100])
        sameResults(
          t,
          await nativeDissect(model, input, { batchSize, piece }),
          expected,
          `${threads} ${batchSize} ${piece}`,
        );
  }
});

test('every instruction set gives the same results', async t => {
  const run = simd =>
    new Promise((resolve, reject) => {
      const env = { ...process.env, NETDISSECT_SIMD: simd };
      execFile(
        process.execPath,
        [`${import.meta.dirname}/../helpers/digest.mjs`],
        { env },
        (error, stdout, stderr) => (error ? reject(new Error(stderr)) : resolve(JSON.parse(stdout))),
      );
    });
  const portable = await run('portable');
  t.is(portable.simd, 'portable');
  for (const simd of ['avx2', '']) {
    const other = await run(simd);
    t.log(`portable and ${other.simd}`);
    t.is(other.digest, portable.digest);
  }
});

test('fewer images than top images', async t => {
  const model = await identityModel(t);
  const input = randomInput(9, {
    shape: [3, 4, 4],
    images: 3,
    size: [5, 5],
    value: VALUES.normal,
    topImages: 20,
  });
  const result = await nativeDissect(model, input);
  t.is(result.topImages.length, 9);
  sameResults(t, result, referenceDissect(input));
});

test('without labels there are levels and top images', async t => {
  const model = await identityModel(t);
  const input = randomInput(10, { shape: [3, 4, 4], images: 9, size: [5, 5], value: VALUES.normal });
  const dissection = await model.dissect({
    ...nativeOptions(input),
    labelNumbers: undefined,
    keepMasks: false,
  });
  const pixels = new Float32Array(9 * 48);
  input.activations.forEach((values, i) => {
    pixels.set(values, i * 48);
  });
  await dissection.observe({ first: 0, count: 9, pixels });
  await dissection.finish();
  const { layers } = await dissection.results();
  const { levels, topImages, topActivations } = referenceDissect(input);
  sameResults(t, layers[0], { levels, topImages, topActivations });
});

for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])
  test(`an activation of ${bad} stops the run, naming layer, unit and image`, async t => {
    const model = await identityModel(t);
    const input = randomInput(11, { shape: [6, 4, 4], images: 30, size: [5, 5], value: VALUES.normal });
    input.activations[17][3 * 16 + 5] = bad;
    input.activations[21][0] = bad;
    await t.throwsAsync(nativeDissect(model, input), {
      code: 'ERR_NETDISSECT_ACTIVATION',
      message: "layer 'units', unit 3: a NaN or infinite activation on image 17",
    });
  });

test('after an error half-way a dissection is over, and says so', async t => {
  const model = await identityModel(t);
  const input = randomInput(12, { shape: [1, 2, 2], images: 2, size: [3, 3], value: VALUES.normal });
  const dissection = await model.dissect(nativeOptions(input, { piece: 1 }));
  const batch = { first: 0, count: 1, segmentations: [{ height: 1, width: 1, maps: [] }] };
  await dissection.observe({ ...batch, pixels: new Float32Array(4) });
  await t.throwsAsync(dissection.observe({ ...batch, first: 1, pixels: new Float32Array(4).fill(NaN) }), {
    code: 'ERR_NETDISSECT_ACTIVATION',
  });
  for (const call of ['finish', 'count', 'results', 'observe'])
    await t.throwsAsync(
      dissection[call](call === 'count' ? 1 : { ...batch, first: 1, pixels: new Float32Array(4) }),
      {
        code: 'ERR_NETDISSECT_USAGE',
        message: `${call} is out of order: the dissection is over, since it failed`,
      },
    );
});

test('batches come in order, with segmentations all or none', async t => {
  const model = await identityModel(t);
  const input = randomInput(12, { shape: [1, 2, 2], images: 2, size: [3, 3], value: VALUES.normal });
  const pixels = new Float32Array(4);
  const segmentations = [{ height: 1, width: 1, maps: [] }];
  const refused = async (dissection, batch, message) =>
    t.throwsAsync(dissection.observe({ count: 1, pixels, ...batch }), {
      code: 'ERR_NETDISSECT_USAGE',
      message,
    });
  const dissection = await model.dissect(nativeOptions(input, { piece: 1 }));
  await refused(dissection, { first: 1, segmentations }, 'image 0 comes next, not 1');
  await dissection.observe({ first: 0, count: 1, pixels, segmentations });
  await refused(dissection, { first: 0, segmentations }, 'image 1 comes next, not 0');
  await refused(dissection, { first: 1 }, 'either all batches have segmentations or none');
  const maskless = await model.dissect(nativeOptions(input, { piece: 1, keepMasks: false }));
  await refused(maskless, { first: 0, segmentations }, 'segmentations are for dissections that keep masks');
});

test('more or fewer images than announced are refused', async t => {
  const model = await identityModel(t);
  const input = randomInput(12, { shape: [1, 2, 2], images: 2, size: [3, 3], value: VALUES.normal });
  const dissection = await model.dissect(nativeOptions(input, { piece: 1 }));
  const batch = {
    first: 0,
    count: 1,
    pixels: new Float32Array(4),
    segmentations: [{ height: 1, width: 1, maps: [] }],
  };
  await dissection.observe(batch);
  await t.throwsAsync(dissection.finish(), {
    code: 'ERR_NETDISSECT_USAGE',
    message: /1 images were observed, not the 2/,
  });
  await dissection.observe({ ...batch, first: 1 });
  await t.throwsAsync(dissection.observe({ ...batch, first: 2 }), { code: 'ERR_NETDISSECT_USAGE' });
});

test('batches of other than whole pieces are refused, but for the last', async t => {
  const model = await identityModel(t);
  const input = randomInput(12, { shape: [1, 2, 2], images: 5, size: [3, 3], value: VALUES.normal });
  const dissection = await model.dissect(
    nativeOptions(input, { piece: 2, labelNumbers: undefined, keepMasks: false }),
  );
  const observe = (first, count) => dissection.observe({ first, count, pixels: new Float32Array(count * 4) });
  await t.throwsAsync(observe(0, 3), {
    code: 'ERR_NETDISSECT_USAGE',
    message: /batches must be of whole pieces of 2 images, but for the last/,
  });
});

test('buffers of the wrong size never reach the engine', async t => {
  const model = await identityModel(t);
  const input = randomInput(13, { shape: [3, 2, 2], images: 1, size: [3, 3], value: VALUES.normal });
  const dissection = await model.dissect(nativeOptions(input));
  const segmentation = maps => [{ height: 3, width: 3, maps }];
  const pixels = new Float32Array(12);
  const refuse = batch => t.throws(() => dissection.observe({ first: 0, count: 1, ...batch }), undefined);
  refuse({ pixels: new Float32Array(11), segmentations: segmentation([]) });
  refuse({ pixels: new Float64Array(12), segmentations: segmentation([]) });
  refuse({ pixels, segmentations: [] });
  refuse({ pixels, segmentations: segmentation([new Uint16Array(8)]) });
  refuse({ pixels, segmentations: segmentation([new Uint8Array(8)]) });
  refuse({ pixels, segmentations: [{ height: 0, width: 3, maps: [] }] });
});
