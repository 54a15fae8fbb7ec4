/** Resizing as Pillow does it; the addon does the work, on a thread of Node's pool. */

import { native, type Window } from '../native';

/**
 * A window of RGB bytes `[sourceHeight, sourceWidth, 3]` as bytes `[height, width, 3]`; as Pillow's `box`. What
 * has the size already is given back as it is, without the addon.
 */
export async function resample(
  pixels: Uint8Array,
  sourceSize: readonly [height: number, width: number],
  window: Window,
  size: readonly [height: number, width: number],
): Promise<Uint8Array> {
  const [height, width] = size;
  const same = [sourceSize, [window.height, window.width]].every(([h, w]) => h === height && w === width);
  return same ? pixels : native().resample(pixels, sourceSize, window, size);
}
