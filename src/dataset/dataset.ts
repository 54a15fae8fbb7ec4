/** What a dissection asks of a data set. */

import type { Segmentation } from '../native';
import type { Label } from '../results';

/** One image with its label maps. */
export interface Item {
  /** RGB bytes `[height, width, 3]`, or float32 `[3, height, width]`, normalised as the model wants it. */
  pixels: Uint8Array | Float32Array;
  /** Present where labels were asked for. */
  segmentation?: Segmentation;
}

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

/** A segmentation data set: images with label maps. `BrodenDataset` is one. */
export interface DissectionDataset {
  /** How many images there are. */
  readonly length: number;
  /** The size that all images have. */
  readonly imageSize: readonly [height: number, width: number];
  readonly labels: readonly Label[];
  /** The labels' categories, in their order. */
  readonly categories: readonly string[];
  /** How images that come as bytes are normalised; {@link IMAGENET_NORMALIZATION} where absent. */
  readonly normalization?: Normalization;
  /** Said of the data in the report's `settings`. */
  readonly settings?: Record<string, unknown>;
  /** The image `index`, with its label maps where `segmentation` is true. */
  get(index: number, segmentation: boolean): Promise<Item>;
  /** The image as RGB bytes `[height, width, 3]` for the pictures; needed where `get` gives floats. */
  picture?(index: number): Promise<Uint8Array>;
  /** What messages call the image. */
  nameOf?(index: number): string;
}
