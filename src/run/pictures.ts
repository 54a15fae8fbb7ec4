/** The pictures of a run: whether they can be made, and where their images come from. */

import { NetdissectError, optionError } from '../base/errors';
import { kindOf } from '../base/words';
import type { DissectionDataset } from '../dataset/dataset';
import { FileDataset } from '../dataset/files';
import { STRIP_GAP } from '../report/page';
import type { DissectOptions } from './options';

/** The most pixels that a side of a JPEG can have. */
const JPEG_SIDE = 65_500;

/** What would keep the pictures from being written, found before the run and not after it. */
export async function checkPictures(
  dataset: DissectionDataset,
  options: DissectOptions,
  examples: number,
): Promise<void> {
  const [, width] = dataset.imageSize;
  const most = Math.floor((JPEG_SIDE + STRIP_GAP) / (width + STRIP_GAP));
  if (Math.min(examples, dataset.length) > most)
    throw optionError(
      `expected at most ${most} examples per unit, which is what a strip of images ${width} pixels wide holds, but received ${examples}`,
    );
  await picture(dataset, 0, options);
}

function noPictures(): NetdissectError {
  return optionError(
    'the data set gives normalised images; pass recoverImage to turn them back into pictures, or leave the pictures out',
  );
}

/** An image's RGB bytes for the strips, in memory of their own. */
export async function picture(
  dataset: DissectionDataset,
  image: number,
  options: DissectOptions,
): Promise<Uint8Array> {
  const { recoverImage } = options;
  const [height, width] = dataset.imageSize;
  if (!recoverImage && dataset.picture)
    return rgbBytes(await dataset.picture(image), "the data set's picture", image, dataset);
  const { pixels } = (await dataset.get(image, false)) ?? {};
  if (!(pixels instanceof Float32Array)) return rgbBytes(pixels, "the data set's get", image, dataset);
  if (!recoverImage) throw noPictures();
  const recovered =
    typeof recoverImage === 'function'
      ? await recoverImage(pixels, height, width)
      : recoverImage.recover(pixels);
  return rgbBytes(recovered, 'recoverImage', image, dataset);
}

function rgbBytes(pixels: unknown, giver: string, image: number, dataset: DissectionDataset): Uint8Array {
  const [height, width] = dataset.imageSize;
  const bytes = height * width * 3;
  if (pixels instanceof Uint8Array && pixels.length === bytes)
    return dataset instanceof FileDataset ? pixels : pixels.slice();
  const found = pixels instanceof Uint8Array ? `${pixels.length} bytes` : kindOf(pixels);
  throw new NetdissectError(
    'ERR_NETDISSECT_DATASET',
    `${giver} must give image ${image} as a Uint8Array of ${bytes} RGB bytes (${height} × ${width} × 3) but gave ${found}`,
  );
}
