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
  const { layers, workers, onDrawn, signal } = options;
  const numbers = topImages(layers).map(({ imgnum }) => imgnum);
  const shown: TopImage[] = [];
  await writeFolder(path.join(options.folder, 'images'));
  const write = (at: number) => {
    signal?.throwIfAborted();
    return writeImage(dissection, numbers[at], options);
  };
  for await (const image of inOrder(numbers.length, write, workers, 2 * workers)) {
    shown.push(image);
    onDrawn();
  }
  for (const [layer, { dirname, topImages, units }] of layers.entries()) {
    const folder = path.join(options.folder, dirname, 'masks');
    await writeFolder(folder);
    const top = topImages.length / units;
    const [height, width] = options.imageSize;
    const write = async (unit: number) => {
      signal?.throwIfAborted();
      const scanlines = await dissection.drawMasks(layer, unit, top);
      const png = await encodeIndexedPng(width, top * height, MASK_PALETTE, scanlines, 'small');
      await writeFile(path.join(folder, `${unit}.png`), png);
    };
    for await (const _ of inOrder(units, write, workers, 2 * workers)) onDrawn();
  }
  return shown;
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
    depth: 8 as const,
    colors: [
      [0, 0, 0, 0] as const,
      ...Array.from(sheet.colors, index => [...labelColor(index), 255] as const),
    ],
  };
  const rows = sheet.categories.length * sheet.height;
  await writeFile(at('png'), await encodeIndexedPng(sheet.width, rows, palette, sheet.scanlines, 'small'));
  return {
    imgnum,
    categories: Array.from(sheet.categories, category => categories[category]),
    labels: [...sheet.labels],
  };
}
