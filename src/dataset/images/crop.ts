/** The window that `resize: 'crop'` takes of an image, and the same window of its label maps. */

import type { Segmentation, Window } from '../../native/native';

/** To the nearest whole number, halves to the even one, as Python's `round` does. */
function round(value: number): number {
  const floor = Math.floor(value);
  return value - floor === 0.5 ? floor + (floor % 2) : Math.round(value);
}

/**
 * What of an image is kept where it is resized until it covers `imageSize` and its centre is cut, in pixels of
 * the source. The roundings are those of torchvision's `Resize(n)` and `CenterCrop(n)`: the longer side of the
 * resized image is rounded down to whole pixels, the margins to the nearest.
 */
export function cropWindow(
  sourceHeight: number,
  sourceWidth: number,
  [height, width]: readonly [height: number, width: number],
): Window {
  const tall = height * sourceWidth < width * sourceHeight; // rows are left over, or columns
  const resizedHeight = tall ? Math.floor((width * sourceHeight) / sourceWidth) : height;
  const resizedWidth = tall ? width : Math.floor((height * sourceWidth) / sourceHeight);
  return {
    top: (round((resizedHeight - height) / 2) * sourceHeight) / resizedHeight,
    left: (round((resizedWidth - width) / 2) * sourceWidth) / resizedWidth,
    height: (height * sourceHeight) / resizedHeight,
    width: (width * sourceWidth) / resizedWidth,
  };
}

/** A stretch of an axis of `source` pixels as whole pixels of an axis of `length`, at least one. */
function wholePixels(first: number, extent: number, source: number, length: number): [number, number] {
  const start = Math.min(Math.round((first * length) / source), length - 1);
  const end = Math.min(Math.round(((first + extent) * length) / source), length);
  return [start, Math.max(end, start + 1)];
}

/** The label maps of an image of the given size, cut to a window of that image and at their own resolution. */
export function cutSegmentation(
  { height, width, maps }: Segmentation,
  window: Window,
  [sourceHeight, sourceWidth]: readonly [height: number, width: number],
): Segmentation {
  const [top, bottom] = wholePixels(window.top, window.height, sourceHeight, height);
  const [left, right] = wholePixels(window.left, window.width, sourceWidth, width);
  const cut = (map: Uint8Array | Uint16Array) => {
    const channels = map.length / (height * width);
    const row = (right - left) * channels;
    const out = new (map instanceof Uint16Array ? Uint16Array : Uint8Array)((bottom - top) * row);
    for (let y = top; y < bottom; y++) {
      const from = (y * width + left) * channels;
      out.set(map.subarray(from, from + row), (y - top) * row);
    }
    return out;
  };
  return {
    height: bottom - top,
    width: right - left,
    maps: maps.map(map => (typeof map === 'number' ? map : cut(map))),
  };
}
