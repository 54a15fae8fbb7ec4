/**
 * The pictures of every unit: strips of its top images under the mask (`top`), plain (`orig`), as labels
 * (`seg`) and the mask alone (`mask`). The engine draws them, sharp and zlib encode them.
 */

import path from 'node:path';
import sharp from 'sharp';
import { inOrder } from '../base/in-order';
import { writeFile, writeFolder } from '../base/write';
import type { NativeDissection, NativeStripStyle } from '../native/native';
import { STRIP_GAP } from '../report/page';
import { encodeIndexedPng, type Palette } from './png';

const BORDER = [200, 200, 0] as const;
const LABEL_COLORS = 254;

const STYLE: NativeStripStyle = { gap: STRIP_GAP, border: BORDER, labelColors: LABEL_COLORS };

const MASK_PALETTE: Palette = {
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
    ...Array.from({ length: LABEL_COLORS }, (_, i) => {
      const [r, g, b] = hsl((i * 137.508) % 360, 0.85 - 0.3 * ((i >> 2) % 2), [0.55, 0.4, 0.7, 0.28][i % 4]);
      return [r, g, b, 255] as const;
    }),
  ],
};

function hsl(hue: number, saturation: number, lightness: number): [number, number, number] {
  const channel = (n: number) => {
    const k = (n + hue / 30) % 12;
    const swing = saturation * Math.min(lightness, 1 - lightness);
    return Math.round(255 * (lightness - swing * Math.max(-1, Math.min(k - 3, 9 - k, 1))));
  };
  return [channel(0), channel(8), channel(4)];
}

/** Keeps decoded images up to a number of bytes, those used least recently going first. */
export class ImageCache {
  readonly #kept = new Map<number, Promise<Uint8Array>>();
  readonly #most: number;

  constructor(
    private readonly read: (image: number) => Promise<Uint8Array>,
    imageBytes: number,
    bytes: number,
  ) {
    this.#most = Math.max(1, Math.floor(bytes / imageBytes));
  }

  get(image: number): Promise<Uint8Array> {
    const kept = this.#kept.get(image) ?? this.read(image);
    this.#kept.delete(image);
    this.#kept.set(image, kept);
    if (this.#kept.size > this.#most) this.#kept.delete(this.#kept.keys().next().value!);
    return kept;
  }
}

export interface StripsOptions {
  /** The unit's top images in rank order, `[units, top]`, of each layer. */
  layers: { folder: string; topImages: Int32Array; units: number }[];
  images: ImageCache;
  /** Whether to write each first image alone as well. */
  single: boolean;
  /** Strips encoded at once. */
  workers: number;
  onUnit: () => void;
  signal?: AbortSignal;
}

/** Writes `U-top.jpg`, `U-orig.jpg`, `U-seg.png` (where there are labels) and `U-mask.png` of every unit. */
export async function writeStrips(dissection: NativeDissection, options: StripsOptions): Promise<void> {
  // Memory to draw into, for a unit each: new memory for every unit would keep the garbage collector busy.
  const canvases: Uint8Array[] = [];
  for (const [layer, { folder, topImages, units }] of options.layers.entries()) {
    await writeFolder(folder);
    const top = topImages.length / units;
    const write = async (unit: number) => {
      options.signal?.throwIfAborted();
      const numbers = [...topImages.subarray(unit * top, (unit + 1) * top)];
      const pixels = await Promise.all(numbers.map(image => options.images.get(image)));
      const canvas = canvases.pop() ?? new Uint8Array(dissection.stripBytes(top, STYLE));
      await writeUnit(dissection, layer, unit, pixels, canvas, path.join(folder, `${unit}-`));
      if (options.single)
        await writeUnit(dissection, layer, unit, pixels.slice(0, 1), canvas, path.join(folder, `s-${unit}-`));
      canvases.push(canvas);
    };
    for await (const _ of inOrder(units, write, options.workers, 2 * options.workers)) options.onUnit();
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
    encodeIndexedPng(width, height, palette, canvas.subarray(...strip)).then(bytes =>
      writeFile(`${prefix}${name}.png`, bytes),
    );
  await Promise.all([
    jpeg(top, 'top'),
    jpeg(orig, 'orig'),
    png(mask, MASK_PALETTE, 'mask'),
    seg ? png(seg, LABEL_PALETTE, 'seg') : undefined,
  ]);
}
