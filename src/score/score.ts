/** Which concept fits each unit best, and whether the unit counts as a detector of it. */

import { byNumber } from './best';
import { iou } from './iou';
import type { Concept, Counts } from './results';
import type { Scorer } from './scorer';

/** The scores of one layer's units. */
export interface Scores {
  /** The score of concept and unit, `[concepts, units]`. */
  scores: Float64Array;
  /** The row of the concept with the highest score, `[units]`; -1 where none is over 0, or over its baseline. */
  best: Int32Array;
  /** That score, `[units]`. */
  bestScore: Float64Array;
  /** 1 where it is over the threshold, `[units]`. */
  interpretable: Uint8Array;
}

/**
 * Scores every unit of a layer against every concept that any pixel carries.
 *
 * @param concepts what the tally's rows are; a tie goes to the lower number
 * @param categories the names of the tally's category rows, in their order
 * @param threshold what a unit's best score must exceed, strictly, to be interpretable
 */
export function scoreLayer<T extends Counts>(
  tally: T,
  concepts: readonly Concept[],
  categories: readonly string[],
  threshold: number,
  scorer: Scorer<T> = iou,
): Scores {
  const scores = scorer.score(tally, concepts, categories);
  const units =
    concepts.length > 0
      ? scores.length / concepts.length
      : tally.categoryPixels.length / Math.max(1, categories.length);
  const baseline = scorer.baseline?.(tally, concepts, categories);
  const best = new Int32Array(units).fill(-1);
  const bestScore = new Float64Array(units);
  const highest = new Float64Array(units); // over the baseline
  for (const row of byNumber(concepts))
    for (let unit = 0; unit < units; unit++) {
      const score = scores[row * units + unit];
      const over = baseline ? score - baseline[row] : score;
      if (over > highest[unit]) {
        highest[unit] = over;
        bestScore[unit] = score;
        best[unit] = row;
      }
    }
  return {
    scores,
    best,
    bestScore,
    interpretable: Uint8Array.from(bestScore, score => +(score > threshold)),
  };
}
