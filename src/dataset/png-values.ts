/**
 * PNG files as the numbers that stand in them. sharp, like every viewer, gives colours: a palette is looked up, and
 * fewer than 8 bits are stretched to 0 … 255. In a label map the index is the label. So a palette PNG is handed
 * to sharp as what its pixels are without the palette: a grey one.
 */

import fs from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import sharp from 'sharp';
import { HEADER_END, PALETTE, pngChunks, pngHeader, readPlainPng } from './png';

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

const COLOUR = 2; // a bit of the colour type
const ALPHA = 4; // another

/**
 * Reads a PNG file's numbers. A palette PNG gives its indices.
 *
 * @throws Error where the file is no PNG or is damaged
 */
export async function readPngValues(file: string): Promise<PngValues> {
  const png = await fs.readFile(file);
  const header = pngHeader(png);
  if (!header) throw new Error('it is no PNG file');
  const { bits: depth, type } = header;
  const plain = type & ALPHA ? undefined : await readPlainPng(png);
  if (plain) return { ...plain, bits: 8 };
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
  const header = Buffer.from(png.subarray(0, HEADER_END));
  header[25] = 0; // grey
  header.writeUInt32BE(crc32(header.subarray(12, 29)), 29);
  const chunks: Uint8Array[] = [header];
  for (const { name, whole } of pngChunks(png)) if (name === 'IDAT' || name === 'IEND') chunks.push(whole);
  return Buffer.concat(chunks);
}
