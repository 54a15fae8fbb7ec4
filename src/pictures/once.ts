/**
 * Pictures that are stored once: each image that is among a unit's top images, and its labels, in the report's folder
 * `images`; the masks of a unit, one under the other, in the layer's folder `masks`. Whoever shows them lays a mask over its
 * image.
 */

import path from 'node:path';
import sharp from 'sharp';
import { inOrder } from '../base/in-order';
import { writeFile, writeFolder } from '../base/write';
import type { NativeDissection } from '../native/native';
import { topImages } from '../report/json';
import { LABEL_COLORS, labelColor } from '../report/looks';
import type { TopImage } from '../report/types';
import type { ImageCache } from './image-cache';
import { encodeIndexedPng } from './png';
import { MASK_PALETTE } from './strips';

export interface OnceOptions {
  /** The report's folder. */
  folder: string;
  layers: { dirname: string; topImages: Int32Array; units: number }[];
  images: ImageCache;
  imageSize: readonly [height: number, width: number];
  /** The categories' names by their numbers; none where nothing was labelled. */
  categories: readonly string[];
  /** Pictures encoded at once. */
  workers: number;
  onDrawn: () => void;
  signal?: AbortSignal;
}

/** Writes `images/N.jpg`, `images/N.png` of labels, and `LAYER/masks/U.png`. */
export async function writeOnce(dissection: NativeDissection, options: OnceOptions): Promise<TopImage[]> {
  const { folder, layers, workers, onDrawn, signal } = options;
  const masks = layers.flatMap(({ units }, layer) =>
    Array.from({ length: units }, (_, unit) => ({ layer, unit })),
  );
  await writeFolder(path.join(folder, 'images'));
  for (const { dirname } of layers) await writeFolder(path.join(folder, dirname, 'masks'));
  // Memory to draw a unit's masks into, which are as many in every layer: new memory for each would keep the garbage
  // collector busy.
  const canvases: Uint8Array[] = [];
  // Evenly mixed: an image keeps its encoder busy, masks the engine and another encoder.
  const tasks = [
    ...evenly(topImages(layers), ({ imgnum }) => writeImage(dissection, imgnum, options)),
    ...evenly(masks, ({ layer, unit }) => writeMasks(dissection, layer, unit, canvases, options)),
  ].sort((a, b) => a.share - b.share);
  const write = (at: number) => {
    signal?.throwIfAborted();
    return tasks[at].run();
  };
  const shown: TopImage[] = [];
  for await (const image of inOrder(tasks.length, write, workers, 2 * workers)) {
    if (image) shown.push(image);
    onDrawn();
  }
  return shown;
}

/** A task for each item, and which share of the items comes before it. */
function evenly<Item>(items: readonly Item[], task: (item: Item) => Promise<TopImage | undefined>) {
  return items.map((item, at) => ({ share: at / items.length, run: () => task(item) }));
}

async function writeMasks(
  dissection: NativeDissection,
  layer: number,
  unit: number,
  canvases: Uint8Array[],
  { folder, layers, imageSize: [height, width] }: OnceOptions,
): Promise<undefined> {
  const { dirname, topImages, units } = layers[layer];
  const rows = (topImages.length / units) * height;
  const canvas = canvases.pop() ?? new Uint8Array(rows * (1 + Math.ceil(width / 4)));
  await dissection.drawMasks(layer, unit, canvas);
  const png = await encodeIndexedPng(width, rows, MASK_PALETTE, canvas, 'masks');
  canvases.push(canvas);
  await writeFile(path.join(folder, dirname, 'masks', `${unit}.png`), png);
}

async function writeImage(
  dissection: NativeDissection,
  imgnum: number,
  { folder, images, imageSize: [height, width], categories }: OnceOptions,
): Promise<TopImage> {
  const at = (ending: string) => path.join(folder, 'images', `${imgnum}.${ending}`);
  const pixels = await images.get(imgnum);
  const jpeg = await sharp(pixels, { raw: { width, height, channels: 3 } })
    // The table is a tenth smaller than the usual one and no worse to look at; codes of its own would take half as long again for 4 %.
    .jpeg({ quality: 75, quantisationTable: 3, optimiseCoding: false })
    .toBuffer();
  await writeFile(at('jpg'), jpeg);
  if (categories.length === 0) return { imgnum };
  const sheet = await dissection.drawLabels(imgnum, LABEL_COLORS);
  if (sheet.categories.length === 0) return { imgnum, categories: [], labels: [] };
  const palette = {
    depth: sheet.depth,
    colors: [
      [0, 0, 0, 0] as const,
      ...Array.from(sheet.colors, index => [...labelColor(index), 255] as const),
    ],
  };
  const rows = sheet.categories.length * sheet.height;
  await writeFile(at('png'), await encodeIndexedPng(sheet.width, rows, palette, sheet.scanlines, 'labels'));
  return {
    imgnum,
    categories: Array.from(sheet.categories, category => categories[category]),
    labels: [...sheet.labels],
  };
}
