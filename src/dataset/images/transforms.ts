/** Between pixels and what a model takes. */

import type { Normalization } from './normalization';

/** RGB bytes with a perturbation of their size added: values `[height, width, 3]` from 0 to 255, not rounded. */
export function perturb(pixels: Uint8Array, perturbation: Float32Array): Float32Array {
  const values = new Float32Array(pixels.length);
  for (let i = 0; i < values.length; i++) values[i] = Math.max(0, Math.min(255, pixels[i] + perturbation[i]));
  return values;
}

/** Values `[height, width, 3]` from 0 to 255 as the engine normalises bytes, in float32: `[3, height, width]`. */
export function normalize(values: Float32Array, { mean, deviation }: Normalization): Float32Array {
  const { fround } = Math;
  const plane = values.length / 3;
  const out = new Float32Array(values.length);
  for (let c = 0; c < 3; c++) {
    const m = fround(mean[c]);
    const d = fround(deviation[c]);
    for (let i = 0; i < plane; i++) out[c * plane + i] = fround(fround(values[i * 3 + c] / 255) - m) / d;
  }
  return out;
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
