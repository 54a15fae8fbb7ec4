/** Scores of units and concepts, each kind a function of what was counted. */

import type { Concept, Counts } from './results';

export interface Scorer {
  readonly name: string;
  /**
   * How well each unit's masks match each concept, `[concepts, units]`; 0 where nothing can be said.
   *
   * @param concepts what the tally's rows are
   * @param categories the names of the tally's category rows, in their order
   */
  score(tally: Counts, concepts: readonly Concept[], categories: readonly string[]): Float64Array;
}
