/** How large the images of a strip are. */

import sharp from 'sharp';
import { STRIP_GAP } from './looks';

/** Undefined where the file is no strip of so many images. */
export async function imageSizeOf(
  strip: string,
  images: number,
): Promise<[height: number, width: number] | undefined> {
  const { height = 0, width = 0 } = await sharp(strip)
    .metadata()
    .catch(() => ({ height: 0, width: 0 }));
  const each = (width - STRIP_GAP * (images - 1)) / images;
  return height > 0 && Number.isInteger(each) && each > 0 ? [height, each] : undefined;
}
