/**
 * How sure an IoU is. Images are what is sampled, not pixels: the standard error of a ratio of sums over images, by
 * linearisation. Source: Cochran, *Sampling Techniques* (3rd ed., 1977), ch. 6.
 */

/** Sums over N images of i, the pixels of mask and label, and U, those of either. */
export interface RatioSums {
  images: number;
  /** Images with the label. */
  labelled: number;
  /** Σ U, Σ i², Σ i · U, Σ U². */
  union: number;
  intersectionSquares: number;
  products: number;
  unionSquares: number;
}

/** The standard error of an IoU, Σ i / Σ U; null where one image, or one with the label, says nothing of it. */
export function standardError(
  iou: number,
  { images, labelled, union, intersectionSquares, products, unionSquares }: RatioSums,
): number | null {
  if (images < 2 || labelled < 2 || !(union > 0)) return null;
  const residuals = intersectionSquares - 2 * iou * products + iou * iou * unionSquares;
  return Math.sqrt((images / (images - 1)) * Math.max(0, residuals)) / union;
}
