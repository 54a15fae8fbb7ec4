/**
 * Painting regions of labels: a region is given by the places at which its columns change between outside and
 * inside, which is what outlines and run lengths have in common, and painted row by row, as label maps lie in memory.
 */

import type { Segmentation } from '../../native/native';

/** Label maps under work, as few as there are different labels on one pixel. */
export class LabelMaps {
  readonly #maps: Uint16Array[] = [];
  /** `[height, width]`, 1 where a column changes between outside and inside. */
  readonly #flips: Uint8Array;
  /** Of each column, whether the row above was inside. */
  readonly #inside: Uint8Array;
  #left = Number.POSITIVE_INFINITY;
  #right = -1;
  #top = Number.POSITIVE_INFINITY;
  #bottom = -1;

  constructor(
    readonly height: number,
    readonly width: number,
  ) {
    this.#flips = new Uint8Array(height * width);
    this.#inside = new Uint8Array(width);
  }

  /** From row `y` on, column `x` is inside where it was outside, and the other way round; `y` may be `height`. */
  flip(x: number, y: number): void {
    if (y < this.height) this.#flips[y * this.width + x] ^= 1;
    if (x < this.#left) this.#left = x;
    if (x > this.#right) this.#right = x;
    if (y < this.#top) this.#top = y;
    if (y > this.#bottom) this.#bottom = y;
  }

  /** Paints what is inside with a label over 0, beside the labels that are there, and begins a new region. */
  paint(label: number): void {
    const [left, right] = [this.#left, this.#right];
    const last = Math.min(this.#bottom, this.height - 1);
    const [flips, inside] = [this.#flips, this.#inside];
    this.#maps[0] ??= new Uint16Array(this.height * this.width);
    const [lowest] = this.#maps;
    for (let y = this.#top; y <= last; y++) {
      const row = y * this.width;
      for (let x = left; x <= right; x++) {
        const i = row + x;
        if (flips[i]) {
          flips[i] = 0;
          inside[x] ^= 1;
        }
        if (!inside[x] || lowest[i] === label) continue;
        if (lowest[i] === 0) lowest[i] = label;
        else this.#stack(i, label);
      }
    }
    inside.fill(0);
    this.#left = this.#top = Number.POSITIVE_INFINITY;
    this.#right = this.#bottom = -1;
  }

  /** Puts a label into the first map that has it or has none at the pixel. */
  #stack(i: number, label: number): void {
    let m = 1;
    while (m < this.#maps.length && this.#maps[m][i] !== 0 && this.#maps[m][i] !== label) m++;
    this.#maps[m] ??= new Uint16Array(this.height * this.width);
    this.#maps[m][i] = label;
  }

  segmentation(): Segmentation {
    return { height: this.height, width: this.width, maps: this.#maps };
  }
}
