/** What a centred crop leaves of an image or a label map. */

/** A label map: one number a pixel, row by row. */
export interface NumberMap {
  height: number;
  width: number;
  data: Uint16Array;
}

export interface Window {
  top: number;
  left: number;
  height: number;
  width: number;
}

/** The largest centred part of `height` × `width` pixels that has the shape of `imageSize`. */
export function coverWindow(
  height: number,
  width: number,
  [imageHeight, imageWidth]: readonly [number, number],
): Window {
  const scale = Math.max(imageHeight / height, imageWidth / width);
  const rows = Math.max(1, Math.min(height, Math.round(imageHeight / scale)));
  const columns = Math.max(1, Math.min(width, Math.round(imageWidth / scale)));
  return {
    top: Math.floor((height - rows) / 2),
    left: Math.floor((width - columns) / 2),
    height: rows,
    width: columns,
  };
}

/** A window of a map, sampled at the nearest pixels to `size`; by default as it is. */
export function cutWindow(
  map: NumberMap,
  window: Window,
  [height, width]: readonly [number, number] = [window.height, window.width],
): NumberMap {
  const data = new Uint16Array(height * width);
  const column = Int32Array.from(
    { length: width },
    (_, x) => window.left + Math.floor(((x + 0.5) * window.width) / width),
  );
  for (let y = 0; y < height; y++) {
    const row = (window.top + Math.floor(((y + 0.5) * window.height) / height)) * map.width;
    for (let x = 0; x < width; x++) data[y * width + x] = map.data[row + column[x]];
  }
  return { height, width, data };
}
