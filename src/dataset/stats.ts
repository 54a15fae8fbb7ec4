/** What is in a data set: images and pixels of each label and category, and the sizes of its label maps. */

import { setImmediate as turn } from 'node:timers/promises';
import { inOrder } from '../base/in-order';
import type { Segmentation } from '../native/native';
import type { Label } from '../score/results';
import { checkDataset } from './check';
import type { DissectionDataset } from './dataset';
import { damaged } from './files';

/** On how much something is. */
export interface Amount {
  images: number;
  /** Pixels of label maps; a pixel counts once, however many of the image's maps have the same there. */
  pixels: number;
  /** The part of all pixels, from 0 to 1. */
  share: number;
}

export interface DatasetStats {
  images: number;
  /** Pixels of the label maps' grids, each image's once. */
  pixels: number;
  /** The sizes of label maps, most images first. */
  sizes: { height: number; width: number; images: number }[];
  /** In the data set's order. */
  categories: (Amount & { category: string; labels: number })[];
  /** Most pixels first, those on no image included. */
  labels: (Amount & Label)[];
  /** Numbers over 0 in label maps that are no label, most pixels first. */
  unnamed: (Amount & { number: number })[];
}

export interface ReadOptions {
  onProgress?: (progress: { done: number; total: number }) => void;
  signal?: AbortSignal;
}

/** Pixels counted before anything else has its turn. */
const SOME = 2 ** 22;

/** Images read at once, and how many more may wait. */
export const AT_ONCE = 4;
export const AHEAD = 16;

/** Reads all label maps, and of images whose files are apart nothing else. */
export async function datasetStats(
  dataset: DissectionDataset,
  { onProgress, signal }: ReadOptions = {},
): Promise<DatasetStats> {
  checkDataset(dataset);
  const counter = new LabelCounter(dataset);
  let done = 0;
  for await (const segmentation of inOrder(dataset.length, i => labelMaps(dataset, i), AT_ONCE, AHEAD)) {
    signal?.throwIfAborted();
    await counter.add(segmentation, nameOf(dataset, done), signal);
    done++;
    onProgress?.({ done, total: dataset.length });
  }
  return counter.stats();
}

export function nameOf(dataset: DissectionDataset, index: number): string {
  return dataset.nameOf?.(index) ?? `image ${index}`;
}

async function labelMaps(dataset: DissectionDataset, index: number): Promise<Segmentation | undefined> {
  if (dataset.labelMaps) return dataset.labelMaps(index);
  return (await dataset.get(index, true)).segmentation;
}

/** Counts label maps, image by image. */
export class LabelCounter {
  readonly #dataset: DissectionDataset;
  readonly #labels: Tally;
  readonly #categories: Tally;
  /** By label number the place of its category plus one, 0 where it is no label. */
  readonly #categoryOf = new Uint32Array(65536);
  readonly #sizes = new Map<string, DatasetStats['sizes'][number]>();
  #images = 0;
  #pixels = 0;

  constructor(dataset: DissectionDataset) {
    this.#dataset = dataset;
    this.#labels = new Tally(65536);
    this.#categories = new Tally(dataset.categories.length + 1);
    for (const { number, category } of dataset.labels)
      this.#categoryOf[number] = dataset.categories.indexOf(category) + 1;
  }

  /** Adds an image; throws where a map has not as many pixels as it should, calling the image `name`. */
  async add(segmentation: Segmentation | undefined, name: string, signal?: AbortSignal): Promise<void> {
    const { height, width, maps } = segmentation ?? { height: 0, width: 0, maps: [] };
    const pixels = height * width;
    const numbers = maps.map(map => labelNumbers(map, pixels));
    if (numbers.includes(undefined))
      throw damaged(
        `${name} has a label map that is neither a number from 0 to 65535 nor an array of ${height} × ${width} pixels`,
      );
    for (let i = 0; i < pixels; i++) {
      if (i % SOME === SOME - 1) {
        await turn();
        signal?.throwIfAborted();
      }
      const pixel = this.#pixels + i;
      for (const map of numbers as (Uint8Array | Uint16Array)[]) {
        const number = map[i];
        if (number === 0) continue;
        this.#labels.add(number, pixel, this.#images);
        this.#categories.add(this.#categoryOf[number], pixel, this.#images);
      }
    }
    this.#pixels += pixels;
    this.#images++;
    if (segmentation) {
      const size = this.#sizes.get(`${height}×${width}`) ?? { height, width, images: 0 };
      size.images++;
      this.#sizes.set(`${height}×${width}`, size);
    }
  }

  stats(): DatasetStats {
    const { labels, categories } = this.#dataset;
    const share = (pixels: number) => (this.#pixels > 0 ? pixels / this.#pixels : 0);
    const amount = (tally: Tally, key: number): Amount => {
      const pixels = tally.pixels[key];
      return { images: tally.images[key], pixels, share: share(pixels) };
    };
    type Numbered = Amount & { number: number };
    const byPixels = (a: Numbered, b: Numbered) => b.pixels - a.pixels || a.number - b.number;
    const unnamed: Numbered[] = [];
    for (const [number, images] of this.#labels.images.entries())
      if (images > 0 && this.#categoryOf[number] === 0)
        unnamed.push({ number, ...amount(this.#labels, number) });
    return {
      images: this.#images,
      pixels: this.#pixels,
      sizes: [...this.#sizes.values()].sort((a, b) => b.images - a.images),
      categories: categories.map((category, c) => ({
        category,
        labels: labels.filter(label => label.category === category).length,
        ...amount(this.#categories, c + 1),
      })),
      labels: labels.map(label => ({ ...label, ...amount(this.#labels, label.number) })).sort(byPixels),
      unnamed: unnamed.sort(byPixels),
    };
  }
}

/** Pixels and images by key, each counted once a key. */
class Tally {
  readonly pixels: Float64Array;
  readonly images: Float64Array;
  readonly #lastPixel: Float64Array;
  readonly #lastImage: Float64Array;

  constructor(keys: number) {
    this.pixels = new Float64Array(keys);
    this.images = new Float64Array(keys);
    this.#lastPixel = new Float64Array(keys).fill(-1);
    this.#lastImage = new Float64Array(keys).fill(-1);
  }

  add(key: number, pixel: number, image: number): void {
    if (this.#lastPixel[key] === pixel) return;
    this.#lastPixel[key] = pixel;
    this.pixels[key]++;
    if (this.#lastImage[key] === image) return;
    this.#lastImage[key] = image;
    this.images[key]++;
  }
}

/** A map as label numbers, undefined where it is none. */
function labelNumbers(
  map: Segmentation['maps'][number],
  pixels: number,
): Uint8Array | Uint16Array | undefined {
  if (typeof map === 'number')
    return Number.isInteger(map) && map >= 0 && map <= 65535 ? new Uint16Array(pixels).fill(map) : undefined;
  if (map instanceof Uint16Array) return map.length === pixels ? map : undefined;
  const channels = map.length / pixels;
  if (channels === 1) return map;
  if (!Number.isInteger(channels) || channels < 1) return undefined;
  const high = channels >= 3;
  return Uint16Array.from(
    { length: pixels },
    (_, i) => map[i * channels] + (high ? 256 * map[i * channels + 1] : 0),
  );
}
