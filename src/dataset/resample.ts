/**
 * Resizing as Pillow's `Image.resize((width, height), Image.BILINEAR)` does it, to the byte: a triangle filter as
 * wide as the scale, 22-bit fixed-point weights, rows first, each pass rounded to bytes. Models are trained on
 * images that were resized so; libvips' linear kernel differs, by half a pixel where it enlarges.
 */

/** A part of an image, in its pixels and fractions of them. */
export interface Window {
  top: number;
  left: number;
  height: number;
  width: number;
}

const PRECISION = 22;
const HALF = 1 << (PRECISION - 1);

interface Filter {
  /** Of each output pixel, the first input pixel and the one after the last. */
  starts: Int32Array;
  ends: Int32Array;
  /** `[output, taps]`. */
  weights: Int32Array;
  taps: number;
}

/** The filter of one axis: `count` pixels from `length` ones, of which they show `extent` from `first` on. */
function triangle(length: number, first: number, extent: number, count: number): Filter {
  const scale = extent / count;
  const support = Math.max(scale, 1);
  const taps = Math.ceil(support) * 2 + 1;
  const starts = new Int32Array(count);
  const ends = new Int32Array(count);
  const weights = new Int32Array(count * taps);
  const exact = new Float64Array(taps);
  for (let i = 0; i < count; i++) {
    const centre = first + (i + 0.5) * scale;
    const start = Math.max(0, Math.trunc(centre - support + 0.5));
    const end = Math.min(length, Math.trunc(centre + support + 0.5));
    let sum = 0;
    for (let k = start; k < end; k++) {
      const weight = Math.max(0, 1 - Math.abs((k - centre + 0.5) * (1 / support)));
      exact[k - start] = weight;
      sum += weight;
    }
    for (let k = 0; k < end - start; k++)
      weights[i * taps + k] = Math.trunc(0.5 + (exact[k] / sum) * 2 ** PRECISION);
    starts[i] = start;
    ends[i] = end;
  }
  return { starts, ends, weights, taps };
}

/** Rows `first` to `last` of the image `[rows, length, 3]`, filtered to `[last - first, starts.length, 3]`. */
function filterRows(pixels: Uint8Array, length: number, first: number, last: number, filter: Filter) {
  const { starts, ends, weights, taps } = filter;
  const count = starts.length;
  const out = new Uint8ClampedArray((last - first) * count * 3);
  let at = 0;
  for (let y = first; y < last; y++) {
    const row = y * length;
    for (let x = 0; x < count; x++) {
      let r = HALF;
      let g = HALF;
      let b = HALF;
      let k = x * taps;
      const end = (row + ends[x]) * 3;
      for (let p = (row + starts[x]) * 3; p < end; p += 3) {
        const weight = weights[k++];
        r = (r + Math.imul(pixels[p], weight)) | 0;
        g = (g + Math.imul(pixels[p + 1], weight)) | 0;
        b = (b + Math.imul(pixels[p + 2], weight)) | 0;
      }
      out[at++] = r >> PRECISION;
      out[at++] = g >> PRECISION;
      out[at++] = b >> PRECISION;
    }
  }
  return new Uint8Array(out.buffer);
}

/** Rows of `bytes` each, the first of them row `first` of the image, filtered to `starts.length` rows. */
function filterColumns(pixels: Uint8Array, bytes: number, first: number, filter: Filter): Uint8Array {
  const { starts, ends, weights, taps } = filter;
  const out = new Uint8ClampedArray(starts.length * bytes);
  const sums = new Int32Array(bytes);
  for (let y = 0; y < starts.length; y++) {
    sums.fill(HALF);
    // two rows at a time: half the loads and stores of the sums
    for (let k = starts[y]; k < ends[y]; k += 2) {
      const pair = k + 1 < ends[y];
      const p = (k - first) * bytes;
      const q = pair ? p + bytes : p;
      const at = y * taps + k - starts[y];
      const a = weights[at];
      const b = pair ? weights[at + 1] : 0;
      for (let i = 0; i < bytes; i++)
        sums[i] = (sums[i] + Math.imul(pixels[p + i], a) + Math.imul(pixels[q + i], b)) | 0;
    }
    const row = y * bytes;
    for (let i = 0; i < bytes; i++) out[row + i] = sums[i] >> PRECISION;
  }
  return new Uint8Array(out.buffer);
}

/**
 * A window of RGB bytes `[sourceHeight, sourceWidth, 3]` as bytes `[height, width, 3]`; as Pillow's `box`. What
 * has the size already is given back as it is.
 */
export function resample(
  pixels: Uint8Array,
  [sourceHeight, sourceWidth]: readonly [number, number],
  window: Window,
  [height, width]: readonly [number, number],
): Uint8Array {
  const columns = triangle(sourceHeight, window.top, window.height, height);
  const resizeRows = width !== sourceWidth || window.width !== width;
  const resizeColumns = height !== sourceHeight || window.height !== height;
  const first = resizeColumns && resizeRows ? columns.starts[0] : 0;
  const last = resizeColumns && resizeRows ? columns.ends[height - 1] : sourceHeight;
  const rows = resizeRows
    ? filterRows(pixels, sourceWidth, first, last, triangle(sourceWidth, window.left, window.width, width))
    : pixels;
  return resizeColumns ? filterColumns(rows, width * 3, first, columns) : rows;
}
