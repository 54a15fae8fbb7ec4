/**
 * PNG files of 8 bits that are not interlaced, as label maps are: inflated by zlib and unfiltered here, a fifth of the
 * time that sharp takes for files this small. Source: Portable Network Graphics (PNG) Specification, W3C, sections
 * 9 and 11.2.
 */

import { setImmediate as turn } from 'node:timers/promises';
import { promisify } from 'node:util';
import zlib from 'node:zlib';
import type { Pixels } from './pixels';

const inflate = promisify<Buffer, zlib.ZlibOptions, Buffer>(zlib.inflate);

/** Up to the name of the first chunk. */
const SIGNATURE = Buffer.from('\x89PNG\r\n\x1a\n\0\0\0\rIHDR', 'latin1');
/** Where the first chunk ends. */
export const HEADER_END = 33;

/** So many bytes are inflated sooner than handed to another thread. */
const AT_ONCE = 2 ** 18;

/** Bytes unfiltered before anything else has its turn. */
const SOME = 2 ** 24;

/** Colour types: RGB, and indices. */
export const COLOURED = 2;
export const PALETTE = 3;

/** The channels of colour types; a palette's indices are one, grey with alpha is left to others. */
const CHANNELS: Record<number, number> = { 0: 1, [COLOURED]: 3, [PALETTE]: 1, 6: 4 };

/** As sharp has it. */
const MOST_PIXELS = 0x3fff * 0x3fff;

/** What the first chunk of a PNG file says; undefined where the file is none. Throws where its size is impossible. */
export function pngHeader(png: Buffer) {
  if (png.length < HEADER_END || png.compare(SIGNATURE, 0, 16, 0, 16) !== 0) return undefined;
  const width = png.readUInt32BE(16);
  const height = png.readUInt32BE(20);
  if (width === 0 || height === 0) throw new Error(`it says that its size is ${height}×${width}`);
  if (width * height > MOST_PIXELS) throw new Error('it exceeds the pixel limit');
  return {
    width,
    height,
    bits: png[24],
    type: png[25],
    interlaced: png[28] !== 0,
  };
}

/** The chunks of a PNG after its header. */
export function* pngChunks(png: Buffer): Generator<{ name: string; data: Buffer; whole: Buffer }> {
  for (let at = HEADER_END; at + 12 <= png.length; ) {
    const end = at + 12 + png.readUInt32BE(at);
    const name = png.toString('latin1', at + 4, at + 8);
    yield { name, data: png.subarray(at + 8, end - 4), whole: png.subarray(at, end) };
    at = end;
  }
}

/** The numbers of a plain PNG, a palette's indices; undefined where it is not plain. Rejects where it is damaged. */
export async function readPlainPng(png: Buffer): Promise<Pixels | undefined> {
  const header = pngHeader(png);
  const channels = CHANNELS[header?.type ?? -1];
  if (!header || !channels || header.bits !== 8 || header.interlaced) return undefined;
  const { height, width } = header;
  const row = width * channels;
  const parts: Buffer[] = [];
  for (const { name, data } of pngChunks(png)) if (name === 'IDAT') parts.push(data);
  const size = height * (row + 1);
  const packed = parts.length === 1 ? parts[0] : Buffer.concat(parts);
  // in one piece: putting many together takes as long as inflating them, and twice the memory; what does not come is
  // never touched
  const options = { maxOutputLength: size, chunkSize: Math.max(size, 64) };
  const filtered = size <= AT_ONCE ? zlib.inflateSync(packed, options) : await inflate(packed, options);
  if (filtered.length !== size) throw new Error(`it has ${filtered.length} bytes of pixels, not ${size}`);
  const some = Math.max(1, Math.floor(SOME / row));
  for (let top = 0; top < height; top += some) {
    if (top > 0) await turn();
    unfilter(filtered, top, Math.min(height, top + some), row, channels);
  }
  return { height, width, channels, data: filtered.subarray(0, height * row) };
}

/**
 * Undoes the filter that the first byte of each row names; a loop for each, as this is where the time goes. In place: a row
 * goes before where it came from.
 */
function unfilter(filtered: Uint8Array, top: number, bottom: number, row: number, channels: number): void {
  const above = new Uint8Array(row); // the row before the first
  for (let y = top; y < bottom; y++) {
    const from = y * (row + 1) + 1;
    const source = filtered.subarray(from, from + row);
    const line = filtered.subarray(y * row, (y + 1) * row);
    const up = y === 0 ? above : filtered.subarray((y - 1) * row, y * row);
    switch (filtered[from - 1]) {
      case 0:
        line.set(source);
        break;
      case 1:
        for (let i = 0; i < channels; i++) line[i] = source[i];
        for (let i = channels; i < row; i++) line[i] = source[i] + line[i - channels];
        break;
      case 2:
        for (let i = 0; i < row; i++) line[i] = source[i] + up[i];
        break;
      case 3:
        for (let i = 0; i < channels; i++) line[i] = source[i] + (up[i] >> 1);
        for (let i = channels; i < row; i++) line[i] = source[i] + ((line[i - channels] + up[i]) >> 1);
        break;
      case 4:
        for (let i = 0; i < channels; i++) line[i] = source[i] + up[i];
        for (let i = channels; i < row; i++)
          line[i] = source[i] + paeth(line[i - channels], up[i], up[i - channels]);
        break;
      default:
        throw new Error(`row ${y} has the filter ${filtered[from - 1]}, and there are 0 to 4`);
    }
  }
}

/** Whichever of the neighbours is nearest to left + up - upper left. */
function paeth(left: number, up: number, upperLeft: number): number {
  const p = up - upperLeft;
  const q = left - upperLeft;
  const toLeft = p < 0 ? -p : p;
  const toUp = q < 0 ? -q : q;
  const toUpperLeft = p + q < 0 ? -p - q : p + q;
  if (toLeft <= toUp && toLeft <= toUpperLeft) return left;
  return toUp <= toUpperLeft ? up : upperLeft;
}
