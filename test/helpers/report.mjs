/**
 * Statistics small enough to score by hand. Every label has 100 pixels and every unit's mask 100 in each
 * category, so that `both` pixels in common give the IoU `both / (200 - both)`: 100 give 1, 50 give 1/3,
 * 10 give 1/19 and 7 give 7/193, the first below the threshold of 0.04.
 */

import json from '../../lib/report/json.js';

const { buildReport } = json;

export const categories = ['color', 'mood', 'object', 'part', 'era', 'scene', 'material', 'texture'];

/** Numbers with a gap, in no order. */
export const labels = [
  { number: 2, name: 'sky', category: 'object' },
  { number: 1, name: 'red', category: 'color' },
  { number: 3, name: 'road', category: 'object' },
  { number: 5, name: 'wheel', category: 'part' },
  { number: 6, name: 'street', category: 'scene' },
  { number: 7, name: 'wood', category: 'material' },
  { number: 8, name: 'dotted', category: 'texture' },
  { number: 9, name: 'calm', category: 'mood' },
  { number: 10, name: 'baroque', category: 'era' },
  { number: 11, name: 'street', category: 'object' },
];

export const context = {
  netname: 'TinyNet',
  meta: { epoch: 3 },
  quantile_threshold: 0.005,
  iou_threshold: 0.04,
  settings: { size: 8, imgsize: [32, 48] },
  images: 8,
  image_size: [32, 48],
};

/** The tally of units given as `{LABEL: pixels in common}`. */
export function tally(units, concepts = labels) {
  const intersections = new Float64Array(concepts.length * units.length);
  units.forEach((unit, u) => {
    for (const [number, both] of Object.entries(unit))
      intersections[concepts.findIndex(label => label.number === Number(number)) * units.length + u] = both;
  });
  return {
    labelPixels: new Float64Array(concepts.length).fill(100),
    categoryPixels: new Float64Array(categories.length * units.length).fill(100),
    intersections,
    categoryImages: new Float64Array(categories.length).fill(8),
    categoryArea: new Float64Array(categories.length).fill(1000),
    labelImages: new Float64Array(concepts.length).fill(4),
    intersectionSquares: intersections.map(both => both ** 2 / 4),
    products: intersections.map(both => (both * (200 - both)) / 4),
    unionSquares: intersections.map(both => (200 - both) ** 2 / 4),
  };
}

/** One layer's statistics: unit u has level u + 0.5 and the images u and u + 1 with activations 9.5 and 9. */
export function statistics(units, more) {
  return {
    layer: 'conv1',
    shape: [units.length, 4, 6],
    levels: Float64Array.from(units, (_, u) => u + 0.5),
    topImages: Int32Array.from(units.flatMap((_, u) => [u, u + 1])),
    topActivations: Float32Array.from(units.flatMap(() => [9.5, 9])),
    tokensDropped: 0,
    unitsLast: false,
    changedInPlace: false,
    tally: tally(units),
    ...more,
  };
}

/** Two decoys of three units. */
export const DECOYS = [
  { best: Int32Array.of(0, -1, -1), bestScore: Float64Array.of(0.05, 0, 0) },
  { best: Int32Array.of(2, 2, -1), bestScore: Float64Array.of(0.05, 0.06, 0) },
];

/** The report of one layer. */
export function report(units, more, set = { labels, categories }) {
  return buildReport([statistics(units, more)], set, context);
}

/** The report of one layer that was not counted against labels. */
export function unlabelled(units) {
  return report(units, { tally: null }, { labels: [], categories: [] });
}
