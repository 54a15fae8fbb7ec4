/**
 * PNG files as the numbers that stand in them. sharp, like every viewer, gives colours: a palette is looked up, and
 * fewer than 8 bits are stretched to 0 … 255. In a label map the index is the label. So a palette PNG is handed
 * to sharp as what its pixels are without the palette: a grey one.
 */

import fs from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import sharp from 'sharp';

export interface PngValues {
  height: number;
  width: number;
  /** Without alpha 1 of a grey or palette PNG, 3 of a coloured one. */
  channels: number;
  /** 8 or 16. */
  bits: number;
  /** `[height, width, channels]`, as they stand in the file. */
  data: Uint8Array | Uint16Array;
}

const SIGNATURE = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');
const PALETTE = 3;
const COLOUR = 2; // a bit

/**
 * Reads a PNG file's numbers. A palette PNG gives its indices.
 *
 * @throws Error where the file is no PNG or is damaged
 */
export async function readPngValues(file: string): Promise<PngValues> {
  const png = await fs.readFile(file);
  if (!png.subarray(0, 8).equals(SIGNATURE) || png.toString('latin1', 12, 16) !== 'IHDR')
    throw new Error('it is no PNG file');
  const depth = png[24];
  const type = png[25];
  const image = sharp(type === PALETTE ? withoutPalette(png) : png, { ignoreIcc: true });
  const wide = depth === 16;
  const grey = type === PALETTE || !(type & COLOUR);
  image.toColourspace(grey ? (wide ? 'grey16' : 'b-w') : wide ? 'rgb16' : 'srgb');
  const { data, info } = await image
    .raw({ depth: wide ? 'ushort' : 'uchar' })
    .toBuffer({ resolveWithObject: true });
  const { height, width, channels } = info;
  if (wide)
    return {
      height,
      width,
      channels,
      bits: 16,
      data: new Uint16Array(data.buffer.slice(data.byteOffset, data.byteOffset + data.length)),
    };
  const stretched = depth < 8 ? 255 / (2 ** depth - 1) : 1;
  if (stretched > 1) for (let i = 0; i < data.length; i++) data[i] /= stretched;
  return { height, width, channels, bits: 8, data };
}

/** The same pixels as a grey PNG, without the chunks that say how they look. */
function withoutPalette(png: Buffer): Buffer {
  const header = Buffer.from(png.subarray(8, 33));
  header[17] = 0; // grey
  header.writeUInt32BE(crc32(header.subarray(4, 21)), 21);
  const chunks: Uint8Array[] = [SIGNATURE, header];
  for (let at = 33; at + 12 <= png.length; ) {
    const end = at + 12 + png.readUInt32BE(at);
    const name = png.toString('latin1', at + 4, at + 8);
    if (name === 'IDAT' || name === 'IEND') chunks.push(png.subarray(at, end));
    at = end;
  }
  return Buffer.concat(chunks);
}
