/**
 * Grey TIFF files as the numbers that stand in them. Source: TIFF, Revision 6.0, Adobe, sections 2 and 8.
 */

import sharp from 'sharp';
import { UnreadableFile } from '../images/pixels';
import { type MaskValues, numbersOf } from './values';

const BITS = 258;
const COMPRESSION = 259;
/** None, LZW, deflate by its two numbers, and packed bits: those that keep numbers as they are. */
const EXACT = [1, 5, 8, 32946, 32773];
const PHOTOMETRIC = 262;
const EXTRA = 338; // samples such as opacity
const SAMPLE_FORMAT = 339;
const UNSIGNED = 1;
const WIDTH = 256;
const HEIGHT = 257;
/** What a value of the tag is: 0 is black. White may be 0, too, and values may be indices into a palette. */
const BLACK_IS_ZERO = 1;
const RGB = 2;
/** The type of 32-bit values; others are of 16. */
const LONG = 4;

export function isTiff(file: Buffer): boolean {
  return /^(II[*+]\0|MM\0[*+])$/.test(file.toString('latin1', 0, 4));
}

/** Undefined where it is in colour; throws an `UnreadableFile` where its values are none that masks have. */
export async function readTiffValues(file: Buffer): Promise<MaskValues | undefined> {
  const bits = tag(file, BITS) ?? 1;
  if (!EXACT.includes(tag(file, COMPRESSION) ?? 1))
    throw new UnreadableFile(
      'is a TIFF image of a compression that does not keep numbers as they are; save it as PNG',
    );
  const kind = tag(file, PHOTOMETRIC);
  const plain =
    !isBig(file) && (tag(file, SAMPLE_FORMAT) ?? UNSIGNED) === UNSIGNED && tag(file, EXTRA) === undefined;
  if (kind === RGB && plain && bits === 8) return undefined;
  if (kind !== BLACK_IS_ZERO || !plain || (bits !== 8 && bits !== 16))
    throw new UnreadableFile(
      'is a TIFF image that is not grey with 8 or 16 bits and black as 0; save it as PNG',
    );
  return numbersOf(sharp(file, { ignoreIcc: true }), true, bits);
}

/** The first image's size. */
export function tiffSize(file: Buffer): [height: number, width: number] | undefined {
  const [height, width] = [tag(file, HEIGHT), tag(file, WIDTH)];
  return height && width ? [height, width] : undefined;
}

const isBig = (file: Buffer) => file[2] === 43 || file[3] === 43;

/** The first value of a tag of the first image; undefined where there is none. */
function tag(file: Buffer, wanted: number): number | undefined {
  const little = file[0] === 0x49;
  const uint16 = (at: number) => (little ? file.readUInt16LE(at) : file.readUInt16BE(at));
  const uint32 = (at: number) => (little ? file.readUInt32LE(at) : file.readUInt32BE(at));
  if (isBig(file)) return undefined;
  const directory = uint32(4);
  for (let i = 0, at = directory + 2; i < uint16(directory); i++, at += 12) {
    if (uint16(at) !== wanted) continue;
    // up to four bytes of values stand in place of where they are
    if (uint16(at + 2) === LONG) return uint32(at + 8);
    return uint32(at + 4) <= 2 ? uint16(at + 8) : uint16(uint32(at + 8));
  }
  return undefined;
}
