/** Which images of a data set are used. */

export interface Selection {
  /** A whole number from 0 to 2³² - 1; without it the order stays. */
  shuffle?: number;
  /** The most to take. */
  size?: number;
}

/** Random numbers from 0 to below 1 that a seed determines: mulberry32, by Tommy Ettinger. */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * The first `size` rows, of all rows shuffled where `shuffle` is a seed: Fisher and Yates' shuffle, from the last
 * row down. The same seed gives the same order on every machine.
 */
export function select<Row>(rows: readonly Row[], { shuffle, size }: Selection): Row[] {
  const order = [...rows];
  if (shuffle !== undefined) {
    const random = randomNumbers(shuffle);
    for (let last = order.length - 1; last > 0; last--) {
      const other = Math.floor(random() * (last + 1));
      [order[last], order[other]] = [order[other], order[last]];
    }
  }
  return order.slice(0, size);
}
