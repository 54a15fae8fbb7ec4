/**
 * What a layer would find by chance: each mask is laid over the labels of another image (a decoy), which keeps how active
 * a unit is, where in the picture it likes to be, and how often and where labels are, and breaks what links them. As
 * targets and decoys in proteomics: Elias and Gygi, Nature Methods 4 (2007).
 */

import { shuffled } from '../base/shuffle';

/** A permutation of 0 to n - 1 without fixed points, which the seed determines; n is at least 2. */
export function derangement(n: number, seed: number): Uint32Array {
  const order = shuffled(
    Array.from({ length: n }, (_, image) => image),
    seed,
  );
  const partner = new Uint32Array(n);
  order.forEach((image, place) => {
    partner[image] = order[(place + 1) % n];
  });
  return partner;
}

export interface Chance {
  /** How many units a decoy has over the threshold: mean over the decoys, and their deviation (0 of one). */
  expected: number;
  deviation: number;
  /** Of each unit: the smallest share of units found by chance that a threshold under its score leaves, `[units]`. */
  q: Float64Array;
}

/**
 * @param scores each unit's best score, `[units]`
 * @param decoys each unit's best score in each decoy, `[decoys][units]`; at least one
 */
export function chance(scores: Float64Array, decoys: readonly Float64Array[], threshold: number): Chance {
  const counts = decoys.map(decoy => decoy.reduce((sum, score) => sum + Number(score > threshold), 0));
  const expected = counts.reduce((sum, count) => sum + count, 0) / counts.length;
  const squares = counts.reduce((sum, count) => sum + (count - expected) ** 2, 0);
  const deviation = counts.length > 1 ? Math.sqrt(squares / (counts.length - 1)) : 0;

  const found = Float64Array.from(scores).sort();
  const chances = Float64Array.from(decoys.flatMap(decoy => [...decoy])).sort();
  const over = (sorted: Float64Array, value: number) => sorted.length - upperBound(sorted, value);
  const share = (tau: number) =>
    Math.min(1, over(chances, tau) / decoys.length / Math.max(1, over(found, tau)));
  // The share changes at scores alone; of the thresholds from one to the next it is that at the first.
  const steps = Float64Array.from(new Set([0, ...found, ...chances])).sort();
  const least = new Float64Array(steps.length);
  let smallest = 1;
  for (const [i, tau] of steps.entries()) {
    smallest = Math.min(smallest, share(tau));
    least[i] = smallest;
  }
  const q = Float64Array.from(scores, score => {
    const below = lowerBound(steps, score); // how many are less
    return below === 0 ? 1 : least[below - 1];
  });
  return { expected, deviation, q };
}

/** How many of ascending values are at most, or less than, one. */
function upperBound(sorted: Float64Array, value: number): number {
  return partition(sorted, other => other <= value);
}
function lowerBound(sorted: Float64Array, value: number): number {
  return partition(sorted, other => other < value);
}
function partition(sorted: Float64Array, first: (value: number) => boolean): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (first(sorted[middle])) low = middle + 1;
    else high = middle;
  }
  return low;
}
