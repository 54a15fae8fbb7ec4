/**
 * Masks as the numbers that stand in their files, PNG and grey TIFF. sharp, like every viewer, gives colours: a palette is looked up, and
 * fewer than 8 bits are stretched to 0 … 255. In a label map the index is the label. So a palette PNG is handed
 * to sharp as what its pixels are without the palette: a grey one.
 */

import fs from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import sharp from 'sharp';
import { fileStat } from '../../base/read';
import { UnreadableFile } from '../images/pixels';
import { HEADER_END, PALETTE, pngChunks, pngHeader, readPlainPng } from '../images/png';
import { isTiff, readTiffValues } from './tiff-values';
import { type MaskValues, numbersOf } from './values';

const JPEG = Buffer.of(0xff, 0xd8);
const COLOUR = 2; // a bit of the colour type
const ALPHA = 4; // another

/**
 * Reads a mask's numbers. A palette PNG gives its indices.
 *
 * @throws UnreadableFile where it is of another kind, and other errors where it is damaged
 */
export async function readMaskValues(file: string): Promise<MaskValues> {
  fileStat(file);
  const bytes = await fs.readFile(file);
  if (isTiff(bytes)) return (await readTiffValues(bytes)) ?? coloursOf(bytes);
  const header = pngHeader(bytes);
  if (!header)
    throw new UnreadableFile(
      bytes.subarray(0, 2).equals(JPEG)
        ? 'is a JPEG image, which does not keep numbers as they are; save it as PNG'
        : 'is neither a PNG nor a TIFF image',
    );
  return readPngValues(bytes, header);
}

async function readPngValues(
  png: Buffer,
  header: NonNullable<ReturnType<typeof pngHeader>>,
): Promise<MaskValues> {
  const { bits: depth, type } = header;
  const plain = type & ALPHA ? undefined : await readPlainPng(png);
  if (plain) return { ...plain, bits: 8 };
  const image = sharp(type === PALETTE ? withoutPalette(png) : png, { ignoreIcc: true });
  const values = await numbersOf(image, type === PALETTE || !(type & COLOUR), depth);
  const stretched = depth < 8 ? 255 / (2 ** depth - 1) : 1;
  if (stretched > 1) for (let i = 0; i < values.data.length; i++) values.data[i] /= stretched;
  return values;
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

/** Reads a mask's colours, a palette's, too: bytes `[height, width, 3]`. */
export async function readMaskColours(file: string): Promise<MaskValues> {
  fileStat(file);
  return coloursOf(await fs.readFile(file));
}

function coloursOf(bytes: Buffer): Promise<MaskValues> {
  return numbersOf(sharp(bytes, { ignoreIcc: true }).removeAlpha(), false, 8);
}
