/** What files of images and label maps give, or do not. */

/** Why a file gives no pixels; the message goes on after the file's name: `is empty`. */
export class UnreadableFile extends Error {}

/** A file's pixels `[height, width, channels]`. */
export interface Pixels {
  data: Uint8Array;
  height: number;
  width: number;
  channels: number;
}
