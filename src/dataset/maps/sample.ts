/** Label maps at another size. */

import type { Segmentation } from '../../native/native';

/** Maps of label numbers at another size: of each pixel the label where its centre lies. */
export function sample(
  { height, width, maps }: Segmentation,
  [rows, columns]: readonly [height: number, width: number],
): Segmentation {
  const under = (i: number, count: number, source: number) =>
    Math.floor(((2 * i + 1) * source) / (2 * count));
  const xs = Int32Array.from({ length: columns }, (_, x) => under(x, columns, width));
  const sampled = (maps as Uint16Array[]).map(map => {
    const numbers = new Uint16Array(rows * columns);
    for (let y = 0, i = 0; y < rows; y++) {
      const row = under(y, rows, height) * width;
      for (let x = 0; x < columns; x++) numbers[i++] = map[row + xs[x]];
    }
    return numbers;
  });
  return { height: rows, width: columns, maps: sampled };
}
