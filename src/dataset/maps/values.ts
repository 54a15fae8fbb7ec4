import type sharp from 'sharp';

/** A mask as the numbers that stand in its file. */
export interface MaskValues {
  height: number;
  width: number;
  /** Without alpha 1 of a grey or palette image, 3 of a coloured one. */
  channels: number;
  /** 8 or 16. */
  bits: number;
  /** `[height, width, channels]`, as they stand in the file. */
  data: Uint8Array | Uint16Array;
}

/** What sharp gives of an image whose numbers stand as they are, grey or in colour, of 8 or 16 bits. */
export async function numbersOf(image: sharp.Sharp, grey: boolean, bits: number): Promise<MaskValues> {
  const wide = bits === 16;
  const { data, info } = await image
    .toColourspace(grey ? (wide ? 'grey16' : 'b-w') : wide ? 'rgb16' : 'srgb')
    .raw({ depth: wide ? 'ushort' : 'uchar' })
    .toBuffer({ resolveWithObject: true });
  const { height, width, channels } = info;
  if (!wide) return { height, width, channels, bits: 8, data };
  const words = data.buffer.slice(data.byteOffset, data.byteOffset + data.length);
  return { height, width, channels, bits, data: new Uint16Array(words) };
}
