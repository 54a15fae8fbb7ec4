/**
 * The pictures of every unit: strips of its top images under the mask (`top`), plain (`orig`), as labels
 * (`seg`) and the mask alone (`mask`). The engine draws them, sharp and zlib encode them.
 */

import path from 'node:path';
import sharp from 'sharp';
import { inOrder } from '../base/in-order';
import { writeFile, writeFolder } from '../base/write';
import type { NativeDissection, NativeStripStyle } from '../native/native';
import { LABEL_COLORS, labelColor, STRIP_GAP } from '../report/looks';
import type { ImageCache } from './image-cache';
import { encodeIndexedPng, type Palette } from './png';

const BORDER = [200, 200, 0] as const;

const STYLE: NativeStripStyle = { gap: STRIP_GAP, border: BORDER, labelColors: LABEL_COLORS };

/** Of masks alone, and of those in strips. */
export const MASK_PALETTE: Palette = {
  depth: 2,
  colors: [
    [0, 0, 0, 178], // outside
    [0, 0, 0, 0], // inside
    [...BORDER, 255], // the border
    [255, 255, 255, 255], // between images
  ],
};

/** No label, white between images, then colours that differ most between neighbours. */
const LABEL_PALETTE: Palette = {
  depth: 8,
  colors: [
    [0, 0, 0, 255],
    [255, 255, 255, 255],
    ...Array.from({ length: LABEL_COLORS }, (_, i) => [...labelColor(i), 255] as const),
  ],
};

export interface StripsOptions {
  /** The unit's top images in rank order, `[units, top]`, of each layer. */
  layers: { dirname: string; topImages: Int32Array; units: number }[];
  /** The report's. */
  folder: string;
  images: ImageCache;
  /** Whether to write strips of all top images, and of each first image alone. */
  whole: boolean;
  single: boolean;
  /** Strips encoded at once. */
  workers: number;
  onDrawn: () => void;
  signal?: AbortSignal;
}

/** Writes `U-top.jpg`, `U-orig.jpg`, `U-seg.png` (where there are labels) and `U-mask.png` of every unit, or `s-U-…` alone. */
export async function writeStrips(dissection: NativeDissection, options: StripsOptions): Promise<void> {
  // Memory to draw into, for a unit each: new memory for every unit would keep the garbage collector busy.
  const canvases: Uint8Array[] = [];
  for (const [layer, { dirname, topImages, units }] of options.layers.entries()) {
    const folder = path.join(options.folder, dirname, 'image');
    await writeFolder(folder);
    const top = topImages.length / units;
    const write = async (unit: number) => {
      options.signal?.throwIfAborted();
      const numbers = [...topImages.subarray(unit * top, unit * top + (options.whole ? top : 1))];
      const pixels = await Promise.all(numbers.map(image => options.images.get(image)));
      const canvas = canvases.pop() ?? new Uint8Array(dissection.stripBytes(top, STYLE));
      if (options.whole)
        await writeUnit(dissection, layer, unit, pixels, canvas, path.join(folder, `${unit}-`));
      if (options.single)
        await writeUnit(dissection, layer, unit, pixels.slice(0, 1), canvas, path.join(folder, `s-${unit}-`));
      canvases.push(canvas);
    };
    for await (const _ of inOrder(units, write, options.workers, 2 * options.workers)) options.onDrawn();
  }
}

async function writeUnit(
  dissection: NativeDissection,
  layer: number,
  unit: number,
  pixels: Uint8Array[],
  canvas: Uint8Array,
  prefix: string,
): Promise<void> {
  const { width, height, top, orig, mask, seg } = await dissection.draw(layer, unit, pixels, canvas, STYLE);
  const jpeg = (strip: [number, number], name: string) =>
    sharp(canvas.subarray(...strip), { raw: { width, height, channels: 3 } })
      .jpeg({ quality: 80, optimiseCoding: false }) // half the time for 2 % more bytes
      .toBuffer()
      .then(bytes => writeFile(`${prefix}${name}.jpg`, bytes));
  const png = (strip: [number, number], palette: Palette, name: string) =>
    encodeIndexedPng(width, height, palette, canvas.subarray(...strip), 'strips').then(bytes =>
      writeFile(`${prefix}${name}.png`, bytes),
    );
  await Promise.all([
    jpeg(top, 'top'),
    jpeg(orig, 'orig'),
    png(mask, MASK_PALETTE, 'mask'),
    seg ? png(seg, LABEL_PALETTE, 'seg') : undefined,
  ]);
}
