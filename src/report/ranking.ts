/** Orders of a layer's units. */

import type { Ranking } from './types';

export function ranked(head: Omit<Ranking, 'score' | 'ranking'>, score: number[]): Ranking {
  return { ...head, score, ranking: Array.from(score.keys()).sort((a, b) => score[a] - score[b]) };
}

/** The values with their sign changed; subtraction, as a minus would make -0 of 0. */
export function negated(values: Float64Array): number[] {
  return Array.from(values, value => 0 - value);
}
