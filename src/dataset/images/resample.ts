/** Resizing as Pillow does it; the addon does the work, on a thread of Node's pool. */

import { NetdissectError, optionError } from '../../base/errors';
import { native, type Window } from '../../native/native';

/**
 * A window of RGB bytes `[sourceHeight, sourceWidth, 3]` as bytes `[height, width, 3]`. What has the size already is
 * given back as it is, without the addon.
 */
export async function resample(
  pixels: Uint8Array,
  sourceSize: readonly [height: number, width: number],
  window: Window,
  size: readonly [height: number, width: number],
): Promise<Uint8Array> {
  const [height, width] = size;
  const bytes = 3 * sourceSize[0] * sourceSize[1];
  if (pixels.length !== bytes) throw new Error(`it has ${pixels.length} bytes of pixels, not ${bytes}`);
  if ([sourceSize, [window.height, window.width]].every(([h, w]) => h === height && w === width))
    return pixels;
  try {
    const out = new Uint8Array(3 * height * width);
    await native().resample(pixels, sourceSize, window, size, out);
    return out;
  } catch (cause) {
    if (cause instanceof NetdissectError) throw cause;
    throw optionError(
      `memory does not hold images of ${height}×${width} pixels; choose a smaller image size`,
      cause,
    );
  }
}
