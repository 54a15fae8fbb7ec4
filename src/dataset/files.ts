/** What data sets have in common whose images are files. */

import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { NetdissectError, optionError, requireText, sizeOf } from '../base/errors';
import { checked } from '../base/kinds';
import type { Segmentation } from '../native/native';
import type { Label } from '../score/results';
import type { DissectionDataset, Item } from './dataset';
import { cropWindow, cutSegmentation } from './images/crop';
import { IMAGENET_NORMALIZATION, type Normalization } from './images/normalization';
import type { Perturbation } from './images/perturbation';
import { UnreadableFile } from './images/pixels';
import { isTurned, type Resize, type ResizedImage, readImage } from './images/read-image';
import { normalize, perturb } from './images/transforms';
import { DATASET_OPTIONS } from './options';

/** Gets what is wrong with an entry of a table or list, which is then left out. */
export type OnProblem = (error: NetdissectError) => void;

/** Turns RGB bytes `[height, width, 3]` into float32 `[3, height, width]`. */
export type TransformImage = (pixels: Uint8Array, height: number, width: number) => Float32Array;

export interface FileDatasetOptions {
  /** The images' size, one number or `[height, width]`; images of another size are resized. Default 227. */
  imageSize?: number | readonly [height: number, width: number];
  /**
   * Whether an image of another shape is stretched, or resized until it covers the size and its centre cut, with the
   * same window of its label maps at their own resolution. Default `stretch`.
   */
  resize?: Resize;
  /** `train`, `val` or what else the data set has, or `all`. Default `train`. */
  split?: string;
  /** The categories to take labels from; all of the data set by default. */
  categories?: readonly string[];
  /** The most images to take. */
  size?: number;
  /** A seed from 0 to 2³² - 1: images are shuffled before `size` cuts. */
  shuffle?: number;
  /** Added to each resized image, its centre cut to the image's size; the sum is clipped to 0..255. */
  perturbation?: Perturbation;
  /**
   * A normalisation, or a function, which with a perturbation is given rounded bytes. ImageNet's normalisation by
   * default.
   */
  transformImage?: Normalization | TransformImage;
  /**
   * Gets what is wrong with a line of a table or list of names, or an entry of a COCO file, which is then left out; by
   * default it is thrown.
   */
  onProblem?: OnProblem;
}

/** What the first argument has to be. */
export const DIRECTORY = 'the path of a data set';

/** A data set of image files; what the label maps are is a matter of its kind. */
export abstract class FileDataset implements DissectionDataset {
  readonly imageSize: readonly [height: number, width: number];
  readonly normalization: Normalization;
  readonly settings: Record<string, unknown>;
  abstract readonly labels: readonly Label[];
  abstract readonly categories: readonly string[];
  abstract readonly length: number;
  readonly #directory: string;
  readonly #options: FileDatasetOptions;
  readonly #transform?: TransformImage;
  readonly #resize: Resize;
  /** Of the images' size. */
  readonly #perturbation?: Float32Array;

  /** A kind with another default says so: `super(directory, { ...options, resize: options.resize ?? 'crop' })`. */
  constructor(directory: string, options: FileDatasetOptions) {
    requireText(directory, DIRECTORY);
    for (const [name, { kind, default: byDefault }] of Object.entries(DATASET_OPTIONS))
      checked<unknown>(name, options[name as keyof FileDatasetOptions], kind, byDefault);
    const { imageSize = 227, resize = 'stretch', split = 'train', shuffle, transformImage } = options;
    this.#directory = directory;
    this.imageSize = sizeOf(imageSize, 'imageSize');
    this.#resize = resize;
    if (options.perturbation) this.#perturbation = centreOf(options.perturbation, this.imageSize);
    if (typeof transformImage === 'function') this.#transform = transformImage;
    this.normalization =
      transformImage && typeof transformImage !== 'function' ? transformImage : IMAGENET_NORMALIZATION;
    this.#options = options;
    this.settings = {
      split,
      ...(resize !== 'stretch' && { resize }),
      ...(shuffle !== undefined && { shuffle }),
      ...(options.perturbation && { perturbation: options.perturbation.name ?? 'array' }),
      normalization: this.#transform ? 'function' : this.normalization,
    };
  }

  get name(): string {
    return path.basename(path.resolve(this.#directory));
  }

  fileOf(index: number): string {
    const root = fs.statSync(this.#directory, { throwIfNoEntry: false })?.isFile()
      ? path.dirname(this.#directory)
      : this.#directory;
    return path.relative(root, this.nameOf(index)).split(path.sep).join('/');
  }

  /** Of the options, and of the file that says what is on the images; absent where a function is among the options. */
  get fingerprint(): string | undefined {
    return this.#transform ? undefined : fingerprintOf(this.#options, this.imageSize, this.labelFile);
  }

  /** The file that says which labels images have, where it is one. */
  protected get labelFile(): string | undefined {
    return undefined;
  }

  /** What a user should know of the data set, a sentence each. */
  readonly notices: string[] = [];

  /** The image's file. */
  abstract nameOf(index: number): string;
  /** What names the image's files: `line 3 of index.csv`; nothing where they are found in a folder. */
  protected abstract namedIn(index: number): string | undefined;
  /** The image's label maps, whole: `get` cuts them where images are cut. */
  protected abstract segmentation(index: number): Promise<Segmentation>;

  /** The size that the data set says the image has, where it does. */
  protected declaredSize(_index: number): readonly [height: number, width: number] | undefined {
    return undefined;
  }

  /** A size of the image's shape, where the data set has one: at another scale, perhaps. */
  protected shape(_index: number): readonly [height: number, width: number] | undefined {
    return undefined;
  }

  async get(index: number, segmentation: boolean, alpha = false): Promise<Item> {
    const [image, maps] = await Promise.all([
      this.#read(index, alpha),
      segmentation ? this.segmentation(index) : undefined,
    ]);
    return {
      pixels: this.#modelInput(image.data),
      ...(image.alpha && { alpha: image.alpha }),
      segmentation: maps && this.#resize === 'crop' ? this.#cut(maps, image) : maps,
    };
  }

  async labelMaps(index: number): Promise<Segmentation> {
    return this.segmentation(index);
  }

  async picture(index: number): Promise<Uint8Array> {
    const { data } = await this.#read(index);
    return this.#perturbation ? rounded(perturb(data, this.#perturbation)) : data;
  }

  async #read(index: number, alpha = false): Promise<ResizedImage> {
    const file = this.nameOf(index);
    try {
      const declared = this.declaredSize(index);
      const shape = declared ? undefined : this.shape(index);
      const image = await readImage(file, this.imageSize, this.#resize, {
        declared: declared ?? shape,
        alpha,
      });
      const [height, width] = image.sourceSize;
      if (declared && (height !== declared[0] || width !== declared[1]))
        throw damaged(
          `image ${file} is ${height}×${width} but ${this.namedIn(index)} says ${declared.join('×')}; restore the image, or correct what is said of it`,
        );
      if (shape && isTurned(image.sourceSize, shape)) {
        const line = this.namedIn(index);
        throw damaged(
          `image ${file} is ${height}×${width} but ${line ? `${line} says` : 'its label map is'} ${shape.join('×')}; turn one of them`,
        );
      }
      return image;
    } catch (cause) {
      throw this.unreadable('image', file, index, cause);
    }
  }

  #modelInput(bytes: Uint8Array): Item['pixels'] {
    const values = this.#perturbation && perturb(bytes, this.#perturbation);
    if (!this.#transform) return values ? normalize(values, this.normalization) : bytes;
    const [height, width] = this.imageSize;
    const pixels = this.#transform(values ? rounded(values) : bytes, height, width);
    if (pixels.length !== height * width * 3)
      throw optionError(
        `transformImage must give ${height * width * 3} values (3 × ${height} × ${width}) but gave ${pixels.length}`,
      );
    return pixels;
  }

  #cut(maps: Segmentation, { sourceSize }: ResizedImage): Segmentation {
    return cutSegmentation(maps, cropWindow(...sourceSize, this.imageSize), sourceSize);
  }

  /** Labels of the whole image: masks are compared with them on a grid of half its size, as in Broden. */
  protected wholeImage(labels: number[]): Segmentation {
    const [height, width] = this.imageSize.map(side => Math.max(1, side >> 1));
    return { height, width, maps: labels };
  }

  protected unreadable(kind: string, file: string, index: number, cause: unknown): NetdissectError {
    if (cause instanceof NetdissectError) return cause; // not the file's fault
    const why =
      cause instanceof UnreadableFile
        ? cause.message
        : fs.existsSync(file)
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

function rounded(values: Float32Array): Uint8Array {
  return Uint8Array.from(values, Math.round);
}

/** The centre of a perturbation, of the images' size. */
function centreOf(
  { height, width, values, name = 'the perturbation' }: Perturbation,
  [imageHeight, imageWidth]: readonly [number, number],
): Float32Array {
  if (values.length !== height * width * 3)
    throw optionError(
      `expected ${height * width * 3} values (${height} × ${width} × 3) in ${name} but found ${values.length}`,
    );
  if (height < imageHeight || width < imageWidth)
    throw optionError(
      `${name} is ${height}×${width}, smaller than the images of ${imageHeight}×${imageWidth}; make it larger or the images smaller`,
    );
  const top = Math.floor((height - imageHeight) / 2);
  const left = Math.floor((width - imageWidth) / 2);
  const centre = new Float32Array(imageHeight * imageWidth * 3);
  for (let y = 0; y < imageHeight; y++) {
    const from = ((top + y) * width + left) * 3;
    centre.set(values.subarray(from, from + imageWidth * 3), y * imageWidth * 3);
  }
  return centre;
}

/**
 * What `read` makes of each entry, but for undefined; what is wrong with one goes to `onProblem`, where there is one, and
 * the entry is left out.
 */
export function takeEach<Entry, Result>(
  entries: readonly Entry[],
  read: (entry: Entry, index: number) => Result | undefined,
  onProblem?: OnProblem,
): Result[] {
  const results: Result[] = [];
  for (const [i, entry] of entries.entries())
    try {
      const result = read(entry, i);
      if (result !== undefined) results.push(result);
    } catch (error) {
      if (!(error instanceof NetdissectError) || !onProblem) throw error;
      onProblem(error);
    }
  return results;
}

/** An error that says what is wrong with a data set. */
export function damaged(message: string, cause?: unknown): NetdissectError {
  return new NetdissectError('ERR_NETDISSECT_DATASET', message, { cause });
}

/** Options of data sets that choose images, labels and files: those have names, which are compared. */
const CHOICE = ['split', 'size', 'shuffle', 'categories', 'category', 'names', 'images'];

/** What options make of an image and its label map; its normalisation, which pictures do without, is compared beside it. */
function fingerprintOf(
  { perturbation, transformImage: _, resize = 'stretch', ...options }: FileDatasetOptions,
  imageSize: readonly number[],
  labelFile: string | undefined,
): string {
  const hash = createHash('sha256');
  if (labelFile !== undefined) hash.update(fs.readFileSync(labelFile));
  const made = Object.entries({ ...options, resize, imageSize }).filter(
    ([name, value]) => value !== undefined && typeof value !== 'function' && !CHOICE.includes(name),
  );
  hash.update(JSON.stringify(made.sort(([a], [b]) => (a < b ? -1 : 1))));
  if (perturbation) {
    const { buffer, byteOffset, byteLength } = perturbation.values;
    hash.update(new Uint8Array(buffer, byteOffset, byteLength));
  }
  return hash.digest('hex');
}
