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

/** Whether images say how sure an IoU is: one alone, or one with the label, does not. */
export function hasInterval(images: number, labelled: number): boolean {
  return images >= 2 && labelled >= 2;
}

/** The standard error of an IoU, Σ i / Σ U; null where images do not say. */
export function standardError(
  iou: number,
  { images, labelled, union, intersectionSquares, products, unionSquares }: RatioSums,
): number | null {
  if (!hasInterval(images, labelled) || !(union > 0)) return null;
  const residuals = intersectionSquares - 2 * iou * products + iou * iou * unionSquares;
  return Math.sqrt((images / (images - 1)) * Math.max(0, residuals)) / union;
}

/**
 * The smallest set of choices, taken by how often they win a replicate (of equal ones the better choice first), whose
 * wins reach 95 % of the replicates; places among the choices. Null where all together do not: in so many replicates no
 * choice has an IoU, since those images with one were not drawn.
 *
 * @param wins of each choice, the best choice first
 */
export function labelSet(wins: Int32Array, replicates: number): number[] | null {
  const order = [...wins.keys()].filter(k => wins[k] > 0).sort((a, b) => wins[b] - wins[a] || a - b);
  let sum = 0;
  const last = order.findIndex(k => {
    sum += wins[k];
    return sum >= 0.95 * replicates;
  });
  return last < 0 ? null : order.slice(0, last + 1);
}
