/** How images that come as bytes are normalised. */

/** Mean and deviation of each channel, of images scaled to [0, 1]. */
export interface Normalization {
  mean: readonly [number, number, number];
  deviation: readonly [number, number, number];
}

/** What ImageNet models are trained with. */
export const IMAGENET_NORMALIZATION: Normalization = {
  mean: [0.485, 0.456, 0.406],
  deviation: [0.229, 0.224, 0.225],
};
