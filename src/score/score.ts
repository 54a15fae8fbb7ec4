/**
 * From counted pixels to scores: how well each unit's masks match each label, which label fits a unit best
 * and whether the unit counts as a detector of it. Definitions: Bau, Zhou, Khosla, Oliva, Torralba, *Network
 * Dissection* (CVPR 2017). Sums were made in whole numbers before; all arithmetic here is float64.
 */

import type { Label, Tally } from './results';

/** The scores of one layer's units. */
export interface Scores {
  /** IoU of label and unit, `[labels, units]`, row by label number; 0 in rows that no label was scored for. */
  iou: Float64Array;
  /** The number of the label with the highest IoU, `[units]`; 0 where every IoU is 0. */
  bestLabel: Int32Array;
  /** The IoU of that label, `[units]`. */
  bestIou: Float64Array;
  /** 1 where the best IoU is over the threshold, `[units]`. */
  interpretable: Uint8Array;
}

/**
 * Scores every unit of a layer against every named label that any pixel carries:
 * `ic / (cc + lc - ic)`, with cc of the label's category.
 *
 * @param labels the named labels; other numbers in the tally are never scored
 * @param categories the names of the tally's category rows, in their order
 * @param iouThreshold what a unit's best IoU must exceed, strictly, to be interpretable
 */
export function scoreLayer(
  tally: Tally,
  labels: readonly Label[],
  categories: readonly string[],
  iouThreshold: number,
): Scores {
  const { labelPixels, categoryPixels, intersections } = tally;
  const units = intersections.length / labelPixels.length;
  const iou = new Float64Array(intersections.length);
  const bestLabel = new Int32Array(units);
  const bestIou = new Float64Array(units);
  // In ascending order, so that a tie stays with the lower number.
  for (const { number, category } of labels.toSorted((a, b) => a.number - b.number)) {
    const pixels = labelPixels[number];
    const row = categories.indexOf(category);
    if (!(pixels > 0) || row < 0) continue;
    for (let unit = 0; unit < units; unit++) {
      const both = intersections[number * units + unit];
      const either = categoryPixels[row * units + unit] + pixels - both;
      const score = either > 0 ? both / either : 0;
      iou[number * units + unit] = score;
      if (score > bestIou[unit]) {
        bestIou[unit] = score;
        bestLabel[unit] = number;
      }
    }
  }
  return { iou, bestLabel, bestIou, interpretable: Uint8Array.from(bestIou, best => +(best > iouThreshold)) };
}
