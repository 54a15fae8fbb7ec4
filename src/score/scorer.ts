/** Scores of units and concepts, each kind a function of what was counted. */

import type { Concept, Counts, Tally } from './results';

export interface Scorer<T extends Counts = Tally> {
  readonly name: string;
  /**
   * How well each unit's masks match each concept, `[concepts, units]`; 0 where nothing can be said.
   *
   * @param concepts what the tally's rows are
   * @param categories the names of the tally's category rows, in their order
   */
  score(tally: T, concepts: readonly Concept[], categories: readonly string[]): Float64Array;
  /**
   * What a unit that has nothing to do with each concept would score, `[concepts]`; absent where that is 0. The best
   * concept is the one whose score is highest over this.
   */
  baseline?(tally: T, concepts: readonly Concept[], categories: readonly string[]): Float64Array;
}

/** Pixels of a label and a unit, on images that carry a label of its category. */
export interface PairCounts {
  /** Of the label; over 0. */
  lc: number;
  /** Of the unit's masks; over 0. */
  cc: number;
  /** Of both. */
  ic: number;
  /** Of these images. */
  area: number;
}

/** A scorer of each pair's counts; 0 where no pixel carries the label, or no mask is there. */
export function countScorer(name: string, score: (counts: PairCounts) => number): Scorer {
  return {
    name,
    score({ labelPixels, categoryPixels, intersections, categoryArea }, concepts, categories) {
      const units = intersections.length / labelPixels.length;
      return intersections.map((ic, at) => {
        const row = Math.floor(at / units);
        const category = categories.indexOf(concepts[row].category);
        const lc = labelPixels[row];
        const cc = categoryPixels[category * units + (at % units)];
        return lc > 0 && cc > 0 ? score({ lc, cc, ic, area: categoryArea[category] }) : 0;
      });
    },
  };
}
