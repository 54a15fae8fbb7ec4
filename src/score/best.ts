/** Which concepts fit a unit best. */

/** The labels of each unit with the highest scores over 0, the best first. */
export interface Choices {
  /** How many rows each unit has. */
  most: number;
  /** Rows of the tally, `[units, most]`; -1 where no more have a score over 0. */
  rows: Int32Array;
}

/** @param order the rows in the order in which equal scores go */
export function bestChoices(
  scores: Float64Array,
  units: number,
  order: readonly number[],
  most: number,
): Choices {
  const rows = new Int32Array(units * most).fill(-1);
  for (let unit = 0; unit < units; unit++) rows.set(bestRows(unit, scores, units, order, most), unit * most);
  return { most, rows };
}

/** The rows with the highest scores over 0, the best first; of equal ones that which comes first. */
export function bestRows(
  unit: number,
  scores: Float64Array,
  units: number,
  order: readonly number[],
  most: number,
): number[] {
  const score = (row: number) => scores[row * units + unit];
  const best: number[] = [];
  for (const row of order) {
    if (!(score(row) > 0)) continue;
    let place = best.length;
    while (place > 0 && score(best[place - 1]) < score(row)) place--;
    if (place === most) continue;
    best.splice(place, 0, row);
    if (best.length > most) best.pop();
  }
  return best;
}

/** The rows of some concepts in the order of their numbers. */
export function byNumber(concepts: readonly { number: number }[]): number[] {
  return [...concepts.keys()].sort((a, b) => concepts[a].number - concepts[b].number);
}
