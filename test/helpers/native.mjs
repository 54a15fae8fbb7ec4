// Drives the engine with activations of the test's own: a model whose layer `units` gives back its input.
import { native } from '../../lib/native/native.js';
import { modelFile } from '../fixtures/models.mjs';

/** The identity model with an engine thread of its own. */
export async function identityModel(t, threads) {
  const model = new (native().NativeModel)(threads);
  t.teardown(() => model.close());
  await model.load(modelFile('identity_s.pt'), 'cpu');
  return model;
}

const labelNumbers = ({ labelCategory }) =>
  [...labelCategory.keys()].filter(number => labelCategory[number] >= 0);

/** The labels of `input` as the engine takes them. */
function labelOptions(input) {
  const numbers = labelNumbers(input);
  return {
    labelNumbers: Uint16Array.from(numbers),
    labelCategories: Int32Array.from(numbers, number => input.labelCategory[number]),
    categories: input.categories,
  };
}

/** Counts that have a row for each label as the reference has them, a row for every number. */
export function byNumber(
  { labelPixels, categoryPixels, intersections },
  numbers,
  rows = Math.max(...numbers) + 1,
) {
  const units = intersections.length / labelPixels.length;
  const all = {
    labelPixels: new Float64Array(rows),
    categoryPixels,
    intersections: new Float64Array(rows * units),
  };
  for (const [row, number] of numbers.entries()) {
    all.labelPixels[number] = labelPixels[row];
    all.intersections.set(intersections.subarray(row * units, (row + 1) * units), number * units);
  }
  return all;
}

/** Options of a dissection over the identity model; `input` as for referenceDissect. */
export function nativeOptions(input, options = {}) {
  const [channels, height, width] = input.shape;
  return {
    layers: ['units'],
    images: input.activations.length,
    channels,
    height,
    width,
    quantile: input.quantile,
    topImages: input.topImages,
    piece: 8,
    memory: 2 ** 29,
    spillFolder: '/tmp',
    keepMasks: true,
    scaleOffset: false,
    mean: [0, 0, 0],
    deviation: [1, 1, 1],
    ...(input.labelCategory && labelOptions(input)),
    ...options,
  };
}

/** Observes all images in batches of whole pieces, as often as is asked for; resolves to results in the reference's layout. */
export async function nativeDissect(model, input, { batchSize = 100, keep = false, ...options } = {}) {
  const [channels, height, width] = input.shape;
  const size = channels * height * width;
  const images = input.activations.length;
  const settings = nativeOptions(input, options);
  const dissection = await model.dissect(settings);
  const step = Math.ceil(batchSize / settings.piece) * settings.piece;
  for (let pass = 0; pass < dissection.passes; pass++) {
    for (let first = 0; first < images; first += step) {
      const count = Math.min(step, images - first);
      const pixels = new Float32Array(count * size);
      for (let i = 0; i < count; i++) pixels.set(input.activations[first + i], i * size);
      const segmentations = input.segmentations.slice(first, first + count).map((maps, i) => ({
        height: input.segSize[first + i][0],
        width: input.segSize[first + i][1],
        maps,
      }));
      await dissection.observe({ first, count, pixels, segmentations });
    }
    await dissection.finish();
  }
  while ((await dissection.count(5)) < images);
  const { labelPixels, layers } = await dissection.results();
  return {
    ...(keep && { dissection }),
    passes: dissection.passes,
    profile: dissection.profile(),
    ...layers[0],
    ...byNumber({ labelPixels, ...layers[0] }, labelNumbers(input)),
  };
}

/** Fails where any number differs from the reference's; -0 is 0. */
export function sameResults(t, actual, expected, message = '') {
  for (const [name, values] of Object.entries(expected)) {
    t.is(actual[name].length, values.length, `${message} ${name}: length`);
    const at = values.findIndex((value, i) => value !== actual[name][i]);
    t.is(at, -1, `${message} ${name}[${at}] is ${actual[name][at]}, not ${values[at]}`);
  }
}
