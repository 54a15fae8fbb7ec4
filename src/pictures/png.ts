/**
 * PNG files of palette indices that are already known: an encoder for photographs would first search for a
 * palette, which takes many times longer. Source: the PNG specification (ISO/IEC 15948).
 */

import { promisify } from 'node:util';
import zlib from 'node:zlib';

const deflate = promisify(zlib.deflate);
const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
const INDEXED = 3;

export interface Palette {
  /** Bits of an index. */
  depth: 1 | 2 | 4 | 8;
  /** Red, green, blue and alpha of each index. */
  colors: readonly (readonly [number, number, number, number])[];
}

/**
 * What repeats in masks and label maps is in the rows above, of which 4 KiB hold several unless they are very wide: so
 * small a window takes less memory, and its codes are shorter. A chunk is the memory for what comes out: more than a usual
 * file needs is slow to get, and several are put together where a file is larger.
 */
const NEAR = { windowBits: 12, memLevel: 7, chunkSize: 2 ** 14 };
const EFFORTS = {
  /** Runs of equal bytes alone are sought, which with rows filtered by the one above takes half the time. */
  strips: { level: 3, strategy: zlib.constants.Z_RLE, chunkSize: 2 ** 18 },
  masks: { ...NEAR, level: 6 },
  /** Two thirds of the time of level 6 for a tenth more bytes, of which there are fewer than of masks. */
  labels: { ...NEAR, level: 4 },
};

/** `scanlines`: for each row a filter byte, then its indices, the leftmost in the highest bits. */
export async function encodeIndexedPng(
  width: number,
  height: number,
  { depth, colors }: Palette,
  scanlines: Uint8Array,
  effort: keyof typeof EFFORTS,
): Promise<Buffer> {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([depth, INDEXED, 0, 0, 0], 8);
  return Buffer.concat([
    SIGNATURE,
    chunk('IHDR', header),
    chunk('PLTE', Buffer.from(colors.flatMap(color => color.slice(0, 3)))),
    chunk('tRNS', Buffer.from(colors.map(([, , , alpha]) => alpha))),
    chunk('IDAT', await deflate(scanlines, EFFORTS[effort])),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(data.length);
  const check = Buffer.alloc(4);
  check.writeUInt32BE(zlib.crc32(body));
  return Buffer.concat([length, body, check]);
}
