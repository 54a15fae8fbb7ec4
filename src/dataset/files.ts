/** What data sets have in common whose images are files. */

import fs from 'node:fs';
import { NetdissectError } from '../errors';
import type { Segmentation } from '../native';
import type { Label } from '../results';
import { cropWindow, cutSegmentation } from './crop';
import { type DissectionDataset, IMAGENET_NORMALIZATION, type Item, type Normalization } from './dataset';
import { readImage } from './transforms';

/** Turns RGB bytes `[height, width, 3]` into float32 `[3, height, width]`. */
export type TransformImage = (pixels: Uint8Array, height: number, width: number) => Float32Array;

export interface FileDatasetOptions {
  /** The images' size, one number or `[height, width]`; images of another size are resized. Default 227. */
  imageSize?: number | readonly [height: number, width: number];
  /** `stretch`ed to the image size, or the centre `crop`ped that has its shape. Default `stretch`. */
  resize?: 'stretch' | 'crop';
  /** Default `train`. */
  split?: string;
  /** The categories to take labels from; all of the data set by default. */
  categories?: readonly string[];
  /** The most images to take. */
  size?: number;
  /** A normalisation (done natively), or a function. ImageNet's normalisation by default. */
  transformImage?: Normalization | TransformImage;
}

/** A data set of image files; what the label maps are is a matter of its kind. */
export abstract class FileDataset implements DissectionDataset {
  readonly imageSize: readonly [height: number, width: number];
  readonly normalization: Normalization;
  readonly settings: Record<string, unknown>;
  abstract readonly labels: readonly Label[];
  abstract readonly categories: readonly string[];
  abstract readonly length: number;
  readonly #transform?: TransformImage;
  readonly #resize: 'stretch' | 'crop';

  constructor({
    imageSize = 227,
    split = 'train',
    size,
    transformImage,
    resize = 'stretch',
  }: FileDatasetOptions) {
    if (size !== undefined && !(size >= 1))
      throw new NetdissectError(
        'ERR_NETDISSECT_OPTION',
        `expected a number from 1 on for size but received ${size}`,
      );
    this.imageSize = typeof imageSize === 'number' ? [imageSize, imageSize] : imageSize;
    this.#resize = resize;
    if (typeof transformImage === 'function') this.#transform = transformImage;
    this.normalization =
      transformImage && typeof transformImage !== 'function' ? transformImage : IMAGENET_NORMALIZATION;
    this.settings = {
      split,
      normalization: this.#transform ? 'function' : this.normalization,
    };
  }

  /** The image's file. */
  abstract nameOf(index: number): string;
  /** What names the image's files: `line 3 of index.csv`; nothing where they are found in a folder. */
  protected abstract namedIn(index: number): string | undefined;
  /** The image's label maps, whole: `get` cuts them where images are cut. */
  protected abstract segmentation(index: number): Promise<Segmentation>;

  async get(index: number, segmentation: boolean): Promise<Item> {
    const picture = this.picture(index);
    const maps = segmentation ? this.#maps(index) : undefined;
    const [bytes, segmentationMaps] = await Promise.all([picture, maps]);
    const [height, width] = this.imageSize;
    const pixels = this.#transform ? this.#transform(bytes, height, width) : bytes;
    if (pixels.length !== height * width * 3)
      throw new NetdissectError(
        'ERR_NETDISSECT_OPTION',
        `transformImage must give ${height * width * 3} values (3 × ${height} × ${width}) but gave ${pixels.length}`,
      );
    return { pixels, segmentation: segmentationMaps };
  }

  async picture(index: number): Promise<Uint8Array> {
    const file = this.nameOf(index);
    try {
      return await readImage(file, this.imageSize, { resize: this.#resize });
    } catch (cause) {
      throw this.unreadable('image', file, index, cause);
    }
  }

  async #maps(index: number): Promise<Segmentation> {
    const maps = await this.segmentation(index);
    if (this.#resize === 'stretch') return maps;
    const { height, width } = maps;
    return cutSegmentation(maps, cropWindow(height, width, this.imageSize), [height, width]);
  }

  protected unreadable(kind: string, file: string, index: number, cause: unknown): NetdissectError {
    const why = fs.existsSync(file)
      ? `is damaged (${(cause as Error).message.split('\n')[0]})`
      : 'is missing';
    const line = this.namedIn(index);
    return damaged(
      line
        ? `${kind} ${file}, named in ${line}, ${why}; restore it or remove the line`
        : `${kind} ${file} ${why}; restore it or remove it`,
      cause,
    );
  }
}

/** An error that says what is wrong with a data set. */
export function damaged(message: string, cause?: unknown): NetdissectError {
  return new NetdissectError('ERR_NETDISSECT_DATASET', message, { cause });
}
