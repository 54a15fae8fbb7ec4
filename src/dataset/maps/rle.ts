/**
 * COCO's run lengths: how many pixels, column by column, lie outside, inside, outside, ... by turns. The compressed
 * form is a string of characters with five bits each, low bits first; from the fourth number on it
 * holds the difference to the number two before.
 */

import type { LabelMaps } from './region';

const FIRST = 48; // '0', the character of the value 0
const MORE = 32;
const SIGN = 16;

/** The run lengths in a compressed string; throws an Error with a reason. */
export function decompressRuns(text: string): number[] {
  const runs: number[] = [];
  for (let at = 0; at < text.length; ) {
    let value = 0;
    let scale = 1;
    let bits: number;
    do {
      bits = text.charCodeAt(at++) - FIRST;
      if (Number.isNaN(bits)) throw new Error('the string ends within a number');
      if (!(bits >= 0 && bits < 2 * MORE))
        throw new Error(`the string has '${text[at - 1]}' as character ${at}`);
      value += (bits % MORE) * scale;
      scale *= MORE;
    } while (bits & MORE);
    if (bits & SIGN) value -= scale;
    runs.push(runs.length > 2 ? value + runs[runs.length - 2] : value);
  }
  return runs;
}

/** Flips the columns where the runs enter and leave them. */
export function flipRuns(runs: Int32Array, into: LabelMaps): void {
  let x = 0;
  let y = 0;
  for (let i = 0; i < runs.length; i++) {
    let left = runs[i];
    while (left > 0) {
      const end = Math.min(into.height, y + left);
      if (i % 2) {
        into.flip(x, y);
        into.flip(x, end);
      }
      left -= end - y;
      y = end;
      if (y === into.height) {
        y = 0;
        x++;
      }
    }
  }
}
