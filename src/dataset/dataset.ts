/** What a dissection asks of a data set. */

import type { Segmentation } from '../native/native';
import type { Label } from '../score/results';
import type { Normalization } from './images/normalization';

/** One image with its label maps. */
export interface Item {
  /**
   * RGB bytes `[height, width, 3]`, which are scaled to [0, 1] and normalised, or float32 `[3, height, width]`,
   * normalised as the model wants it. All images of a data set come as one or as the other.
   */
  pixels: Uint8Array | Float32Array;
  /** Opacity `[height, width]` beside bytes, for models of four channels; an image without it is opaque. */
  alpha?: Uint8Array;
  /** Wanted where `get` is called with `segmentation`; an image without it has no labels. */
  segmentation?: Segmentation;
}

/**
 * A segmentation data set: images with label maps. `openDataset` gives one for files; any object of this shape is
 * one, too. `dissect` checks it, and rejects with `ERR_NETDISSECT_DATASET` where it makes no sense.
 *
 * @example
 * const dataset = {
 *   length: 2,
 *   imageSize: [8, 8],
 *   categories: ['side'],
 *   labels: [{ number: 1, name: 'left', category: 'side' }],
 *   async get(index, segmentation) {
 *     const pixels = new Uint8Array(8 * 8 * 3).fill(100 * index);
 *     if (!segmentation) return { pixels };
 *     // the left half is label 1; 0 is no label
 *     return { pixels, segmentation: { height: 1, width: 2, maps: [Uint16Array.of(1, 0)] } };
 *   },
 * };
 */
export interface DissectionDataset {
  /** How many images there are. */
  readonly length: number;
  /** The size that all images have, in pixels. */
  readonly imageSize: readonly [height: number, width: number];
  /** The labels, numbered from 1 to 65535, each number once; gaps are fine, and the list may be empty. */
  readonly labels: readonly Label[];
  /** The labels' categories, each once, in the order in which the report has them. */
  readonly categories: readonly string[];
  /** How images that come as bytes are normalised; {@link IMAGENET_NORMALIZATION} where absent. */
  readonly normalization?: Normalization;
  /** Said of the data in the report's `settings`. */
  readonly settings?: Record<string, unknown>;
  /**
   * The image `index`, counted from 0, with its label maps where `segmentation` is true, and where `alpha` is true with its
   * opacity, if it has any. Called for several
   * images at once, and more than once for an image: it gives the same each time.
   */
  get(index: number, segmentation: boolean, alpha?: boolean): Promise<Item>;
  /** The image as RGB bytes `[height, width, 3]` for the pictures; needed where `get` gives floats. */
  picture?(index: number): Promise<Uint8Array>;
  /** The image's label maps alone, whole, for statistics: where this is there the image need not be read for them. */
  labelMaps?(index: number): Promise<Segmentation>;
  /**
   * A text that no other data set has, nor this one once its images are others or come otherwise; needed where an
   * observation is kept.
   */
  readonly fingerprint?: string | undefined;
  /** What the report calls the data set. */
  readonly name?: string;
  /** The image's path within the data set, for the report. */
  fileOf?(index: number): string;
  /** What messages call the image. */
  nameOf?(index: number): string;
}
