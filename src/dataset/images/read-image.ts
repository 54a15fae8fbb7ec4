/** Image files and label maps of up to 8 bits to pixels: decoded, turned, resized. */

import fs from 'node:fs';
import { promisify } from 'node:util';
import sharp from 'sharp';
import { fileStat, trouble } from '../../base/read';
import { cropWindow } from './crop';
import { type Pixels, UnreadableFile } from './pixels';
import { COLOURED, pngHeader, readPlainPng } from './png';
import { resample } from './resample';

/** How an image of another size or shape comes to the size that the model takes. */
export type Resize = 'stretch' | 'crop';

/** An image as the model wants it, and the size that its file has. */
export interface ResizedImage {
  /** RGB bytes of the size asked for. */
  data: Uint8Array;
  /** Opacity `[height, width]`, where it was asked for and the file has any. */
  alpha?: Uint8Array;
  sourceSize: [height: number, width: number];
}

/**
 * Reads an image file as RGB bytes, those of Pillow's `Image.open(path).convert('RGB')` but for what docs/images.md
 * tells, resized as Pillow does where the size differs: bilinear with antialiasing. Turned as its EXIF tag says where it
 * has the declared size, or its shape, only so. With `alpha` its opacity, too, resized by itself. Rejects with an
 * `UnreadableFile`.
 */
export async function readImage(
  path: string,
  imageSize: readonly [height: number, width: number],
  resize: Resize = 'stretch',
  { declared, alpha = false }: { declared?: readonly [height: number, width: number]; alpha?: boolean } = {},
): Promise<ResizedImage> {
  let opacity: Pixels | undefined;
  const { data, height, width } = await decode(path, async (file, { space, depth }) => {
    if (depth !== 'uchar' && depth !== 'ushort')
      throw new UnreadableFile(`holds ${depth} values, where 8 or 16 bits a channel are expected`);
    const read = async (image: sharp.Sharp) =>
      space === 'cmyk'
        ? cmykToRgb(await pixelsOf(image.pipelineColourspace('cmyk').toColourspace('cmyk')))
        : pixelsOf(image.toColourspace('srgb').removeAlpha());
    let pixels = await read(open(file));
    const turn = declared && isTurned([pixels.height, pixels.width], declared) && (await isTurnedByTag(file));
    if (turn) pixels = await read(open(file).autoOrient());
    if (alpha) opacity = await opacityOf(file, turn ?? false);
    return pixels;
  });
  const whole = { top: 0, left: 0, height, width };
  const window = resize === 'crop' ? cropWindow(height, width, imageSize) : whole;
  const resized = (bytes: Uint8Array) => resample(bytes, [height, width], window, imageSize);
  return {
    data: await resized(data),
    ...(opacity && { alpha: (await resized(opacity.data)).filter((_, i) => i % 3 === 0) }),
    sourceSize: [height, width],
  };
}

/** How much wider or higher in proportion two shapes may be that count as one. */
export const STRETCHED = 1.1;

/** Whether a size has the shape of another one turned by 90°, and not its own. */
export function isTurned(
  [height, width]: readonly [number, number],
  [otherHeight, otherWidth]: readonly [number, number],
): boolean {
  const differs = (ratio: number) => Math.max(ratio, 1 / ratio) > STRETCHED;
  return (
    differs((height * otherWidth) / (width * otherHeight)) &&
    !differs((height * otherHeight) / (width * otherWidth))
  );
}

async function isTurnedByTag(file: Buffer): Promise<boolean> {
  const { orientation = 1 } = await open(file).metadata();
  return orientation > 4;
}

/** The opacity, three times as RGB has it, for what resizes RGB; undefined where all is opaque. */
async function opacityOf(file: Buffer, turned: boolean): Promise<Pixels | undefined> {
  if (!(await open(file).metadata()).hasAlpha) return undefined;
  const image = turned ? open(file).autoOrient() : open(file);
  const { data, ...size } = await pixelsOf(image.extractChannel('alpha').toColourspace('b-w'));
  return { ...size, data: Uint8Array.from({ length: 3 * data.length }, (_, i) => data[Math.floor(i / 3)]) };
}

/** Reads a label map, channel by channel as it is in the file. Rejects with an `UnreadableFile`. */
export function readLabelMap(path: string): Promise<Pixels> {
  return decode(path, async (file, { depth }) => {
    if (depth !== 'uchar')
      throw new UnreadableFile('has more than 8 bits a channel, which no label map has; save it with 8');
    const plain = pngHeader(file)?.type === COLOURED ? await readPlainPng(file) : undefined;
    return plain ?? pixelsOf(open(file));
  });
}

/** Colour profiles are ignored, as they are where models are trained. Files that are cut off are errors, oddities not. */
function open(file: Buffer): sharp.Sharp {
  return sharp(file, { ignoreIcc: true, failOn: 'error' });
}

async function pixelsOf(image: sharp.Sharp): Promise<Pixels> {
  const { data, info } = await image.raw().toBuffer({ resolveWithObject: true });
  return { data, height: info.height, width: info.width, channels: info.channels };
}

// The callbacks' version takes half the time of fs/promises for files this small.
const readFile = promisify(fs.readFile);

type Header = Pick<sharp.Metadata, 'space' | 'depth'>;

async function decode(
  path: string,
  pixels: (file: Buffer, header: Header) => Promise<Pixels>,
): Promise<Pixels> {
  try {
    fileStat(path);
    const file = await readFile(path);
    if (file.length === 0) throw new UnreadableFile('is empty');
    const foreign = FOREIGN.find(([start]) => start.test(file.toString('latin1', 0, 2)));
    if (foreign) throw new UnreadableFile(`is a ${foreign[1]} image, which is not read; save it as PNG`);
    return await pixels(file, quickHeader(file) ?? (await open(file).metadata()));
  } catch (error) {
    throw asUnreadable(error);
  }
}

/** What files of kinds begin with that people have and sharp does not read. */
const FOREIGN: readonly [start: RegExp, name: string][] = [
  [/^BM/, 'BMP'],
  [/^P[1-7]/, 'PPM'],
];

/** What sharp, zlib or the file system says, as an `UnreadableFile`. */
export function asUnreadable(error: unknown): UnreadableFile {
  if (error instanceof UnreadableFile) return error;
  return new UnreadableFile(reason(error as NodeJS.ErrnoException), { cause: error });
}

function reason(error: NodeJS.ErrnoException): string {
  if (error.syscall || error.code === 'ERR_FS_FILE_TOO_LARGE') return trouble(error);
  const { message } = error;
  if (/unsupported image format/.test(message))
    return 'is damaged (it is no JPEG, PNG, WebP, GIF, TIFF or AVIF image)';
  if (/pixel limit/.test(message)) return 'has more pixels than the 268 million that can be read';
  return `is damaged (${message.split('\n')[0]})`;
}

/** The header of a PNG, or a JPEG that is not CMYK: sharp's `metadata` would cost a fifth of the decoding. */
function quickHeader(file: Buffer): Header | undefined {
  const png = pngHeader(file);
  if (png) return { space: 'srgb', depth: png.bits === 16 ? 'ushort' : 'uchar' };
  if (file.length < 2 || file.readUInt16BE(0) !== 0xffd8) return undefined;
  // from segment to segment up to the one that starts a frame, whose tenth byte is the number of channels
  for (let at = 2; at + 9 < file.length && file[at] === 0xff; at += 2 + file.readUInt16BE(at + 2)) {
    const marker = file[at + 1];
    const frame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (frame) return file[at + 9] < 4 ? { space: 'srgb', depth: 'uchar' } : undefined;
  }
  return undefined;
}

/** CMYK as RGB without a colour profile: what black leaves of each colour, less its ink in proportion. */
function cmykToRgb({ data, height, width, channels }: Pixels): Pixels {
  const rgb = new Uint8Array(height * width * 3);
  for (let p = 0, i = 0; i < rgb.length; p += channels) {
    const light = 255 - data[p + 3];
    for (let c = 0; c < 3; c++) rgb[i++] = light - Math.round((data[p + c] * light) / 255);
  }
  return { data: rgb, height, width, channels: 3 };
}
