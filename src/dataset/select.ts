/** Which images of a data set are used. */

/** The first `size` rows. */
export function select<Row>(rows: readonly Row[], { size }: { size?: number }): Row[] {
  return rows.slice(0, size);
}
