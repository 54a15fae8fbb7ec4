/** The window that `resize: 'crop'` takes of an image, and the same window of its label maps. */

import type { Segmentation } from '../native';

export interface Window {
  top: number;
  left: number;
  height: number;
  width: number;
}

/** The largest centred part of `sourceHeight` × `sourceWidth` pixels that has the shape of `imageSize`. */
export function cropWindow(
  sourceHeight: number,
  sourceWidth: number,
  [imageHeight, imageWidth]: readonly [number, number],
): Window {
  const scale = Math.max(imageHeight / sourceHeight, imageWidth / sourceWidth);
  const height = Math.max(1, Math.min(sourceHeight, Math.round(imageHeight / scale)));
  const width = Math.max(1, Math.min(sourceWidth, Math.round(imageWidth / scale)));
  const top = Math.floor((sourceHeight - height) / 2);
  return { top, left: Math.floor((sourceWidth - width) / 2), height, width };
}

/** The window of the label maps, which have the size that the window is of. */
export function cutSegmentation(
  { height, width, maps }: Segmentation,
  window: Window,
  _sourceSize: readonly [number, number],
): Segmentation {
  const cut = (map: Uint8Array | Uint16Array) => {
    const channels = map.length / (height * width);
    const rows = Array.from({ length: window.height }, (_, y) => {
      const at = ((window.top + y) * width + window.left) * channels;
      return [...map.subarray(at, at + window.width * channels)];
    });
    return (map.constructor as typeof Uint16Array).from(rows.flat());
  };
  return {
    height: window.height,
    width: window.width,
    maps: maps.map(map => (typeof map === 'number' ? map : cut(map))),
  };
}
