/** Which images of a data set are used. */

import { shuffled } from '../base/shuffle';

export interface Selection {
  /** A whole number from 0 to 2³² - 1; without it the order stays. */
  shuffle?: number;
  /** The most to take. */
  size?: number;
}

/** The first `size` rows, of all rows shuffled where `shuffle` is a seed. */
export function select<Row>(rows: readonly Row[], { shuffle, size }: Selection): Row[] {
  return (shuffle === undefined ? rows : shuffled(rows, shuffle)).slice(0, size);
}
