// A whole run over a data set of 8×8 images, compared with the reference.
import path from 'node:path';
import { dissect, loadModel, retainLayers } from '../../lib/index.js';
import { modelFixture } from '../fixtures/models.mjs';
import { referenceDissect } from '../reference.mjs';
import { temporaryFolder } from './broden.mjs';
import { byNumber, sameResults } from './native.mjs';

export async function openModel(t, layers = ['plain']) {
  const model = await loadModel(modelFixture('in_place').files.scripted, { device: 'cpu' });
  t.teardown(() => model.close());
  retainLayers(model, layers);
  return model;
}

/** Bytes `[height, width, 3]` as the model takes them; float32, one operation at a time. */
export function normalised(pixels, { mean, deviation }) {
  const plane = pixels.length / 3;
  const floats = new Float32Array(pixels.length);
  for (let c = 0; c < 3; c++)
    for (let i = 0; i < plane; i++) {
      const scaled = Math.fround(Math.fround(pixels[i * 3 + c]) / Math.fround(255));
      floats[c * plane + i] = Math.fround(
        Math.fround(scaled - Math.fround(mean[c])) / Math.fround(deviation[c]),
      );
    }
  return floats;
}

/** Pixels of the label with that number. */
export const pixelsOf = ({ labels, layers }, number) =>
  layers[0].tally.labelPixels[labels.findIndex(label => label.number === number)];

/** A label map as label numbers. */
function numbers(map, size) {
  if (typeof map === 'number' || map instanceof Uint16Array) return map;
  const channels = map.length / size;
  return Uint16Array.from({ length: size }, (_, i) =>
    channels < 3 ? map[i * channels] : map[i * channels] + 256 * map[i * channels + 1],
  );
}

/** Dissects layer `plain` of the small model and fails where a number differs from the reference's. */
export async function sameAsReference(t, dataset, options = {}) {
  const model = await openModel(t);
  const results = await dissect(path.join(await temporaryFolder(t), 'out'), model, dataset, {
    quantileThreshold: 0.05,
    examplesPerUnit: 2,
    forwardSize: 1,
    ...options,
  });
  const items = await Promise.all(Array.from({ length: dataset.length }, (_, i) => dataset.get(i, true)));
  const activations = [];
  for (const { pixels } of items) {
    const floats = pixels instanceof Float32Array ? pixels : normalised(pixels, dataset.normalization);
    activations.push((await model.forward(floats, [1, 3, ...dataset.imageSize]))[0].values);
  }
  const labelCategory = new Int32Array(Math.max(...dataset.labels.map(label => label.number)) + 1).fill(-1);
  for (const { number, category } of dataset.labels)
    labelCategory[number] = dataset.categories.indexOf(category);
  const { labelPixels, categoryPixels, intersections, ...rest } = referenceDissect({
    activations,
    shape: results.layers[0].shape,
    segmentations: items.map(({ segmentation }) =>
      segmentation.maps.map(map => numbers(map, segmentation.height * segmentation.width)),
    ),
    segSize: items.map(({ segmentation }) => [segmentation.height, segmentation.width]),
    labelCategory,
    categories: dataset.categories.length,
    quantile: 0.05,
    topImages: 2,
  });
  sameResults(t, results.layers[0], rest);
  sameResults(
    t,
    byNumber(
      results.layers[0].tally,
      results.labels.map(label => label.number),
    ),
    {
      labelPixels,
      categoryPixels,
      intersections,
    },
  );
  return results;
}
