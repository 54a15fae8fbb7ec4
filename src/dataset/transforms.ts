/** Between image files, pixels and what a model takes. */

import sharp from 'sharp';
import type { Normalization } from './dataset';

/**
 * Reads an image file as RGB bytes `[height, width, 3]`, resized where its size differs: bilinear with
 * antialiasing. Colour profiles are ignored, as they are where models are trained.
 */
export async function readImage(
  path: string,
  [height, width]: readonly [number, number],
  { resize = 'stretch' }: { resize?: 'stretch' | 'crop' } = {},
): Promise<Uint8Array> {
  const { data } = await sharp(path, { ignoreIcc: true })
    .resize(width, height, {
      fit: resize === 'crop' ? 'cover' : 'fill',
      kernel: 'linear',
      fastShrinkOnLoad: false,
    })
    .toColourspace('srgb')
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  return data;
}

/** A label map's pixels, channel by channel, as they are in the file. */
export interface LabelMapPixels {
  data: Uint8Array;
  height: number;
  width: number;
  channels: number;
}

export async function readLabelMap(path: string): Promise<LabelMapPixels> {
  const { data, info } = await sharp(path, { ignoreIcc: true }).raw().toBuffer({ resolveWithObject: true });
  return { data, height: info.height, width: info.width, channels: info.channels };
}

/** Turns a normalised image back into a picture: `ReverseNormalize(mean, deviation)`. */
export class ReverseNormalize {
  constructor(
    readonly mean: Normalization['mean'],
    readonly deviation: Normalization['deviation'],
  ) {}

  /** Float32 `[3, height, width]` to RGB bytes `[height, width, 3]`. */
  recover(pixels: Float32Array): Uint8Array {
    const plane = pixels.length / 3;
    const bytes = new Uint8Array(pixels.length);
    for (let c = 0; c < 3; c++)
      for (let i = 0; i < plane; i++) {
        const value = (pixels[c * plane + i] * this.deviation[c] + this.mean[c]) * 255;
        bytes[i * 3 + c] = Math.max(0, Math.min(255, Math.round(value)));
      }
    return bytes;
  }
}
