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
