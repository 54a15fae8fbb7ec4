/** Perturbations of images. */

import path from 'node:path';
import { optionError } from '../../base/errors';
import { readNpy } from '../../base/npy';

/** What is added to each resized image. */
export interface Perturbation {
  height: number;
  width: number;
  /** `[height, width, 3]` in units of 0..255. */
  values: Float32Array;
  /** What the report calls it. */
  name?: string;
}

/**
 * Reads a perturbation: a `.npy` file of floats `[height, width, 3]` in units of 0..255. What is no such array is
 * refused with `ERR_NETDISSECT_OPTION`.
 */
export function readPerturbation(file: string): Perturbation {
  const { shape, data } = readNpy(file);
  if (shape.length !== 3 || shape[2] !== 3)
    throw optionError(
      `expected an array of shape (height, width, 3) in ${file} but found (${shape.join(', ')}); a perturbation has a value for each pixel and colour`,
    );
  const values = Float32Array.from(data);
  const bad = values.findIndex(value => !Number.isFinite(value));
  if (bad >= 0)
    throw optionError(
      `expected finite numbers in ${file} but found ${data[bad]} at [${Math.floor(bad / 3 / shape[1])}, ${Math.floor(bad / 3) % shape[1]}, ${bad % 3}]`,
    );
  return { height: shape[0], width: shape[1], values, name: path.basename(file) };
}
