/** The pictures of a run: whether they can be made, and where their images come from. */

import { type NetdissectError, optionError } from '../base/errors';
import { checkItem } from '../dataset/check';
import type { DissectionDataset } from '../dataset/dataset';
import { STRIP_GAP } from '../report/page';
import type { DissectOptions } from './options';

/** The most pixels that a side of a JPEG can have. */
const JPEG_SIDE = 65_500;

/** What would keep the pictures from being written, found before the run and not after it. */
export async function checkPictures(
  dataset: DissectionDataset,
  { recoverImage }: DissectOptions,
  examples: number,
  channels: number,
): Promise<void> {
  const [, width] = dataset.imageSize;
  const most = Math.floor((JPEG_SIDE + STRIP_GAP) / (width + STRIP_GAP));
  if (Math.min(examples, dataset.length) > most)
    throw optionError(
      `expected at most ${most} examples per unit, which is what a strip of images ${width} pixels wide holds, but received ${examples}`,
    );
  if (recoverImage || dataset.picture) return;
  const item = await dataset.get(0, false);
  checkItem(item, 0, dataset, channels);
  if (item.pixels instanceof Float32Array) throw noPictures();
}

function noPictures(): NetdissectError {
  return optionError(
    'the data set gives normalised images; pass recoverImage to turn them back into pictures, or leave the pictures out',
  );
}

export async function picture(
  dataset: DissectionDataset,
  image: number,
  { recoverImage }: DissectOptions,
): Promise<Uint8Array> {
  if (!recoverImage && dataset.picture) return dataset.picture(image);
  const { pixels } = await dataset.get(image, false);
  if (pixels instanceof Uint8Array) return pixels;
  if (!recoverImage) throw noPictures();
  const [height, width] = dataset.imageSize;
  return typeof recoverImage === 'function'
    ? recoverImage(pixels, height, width)
    : recoverImage.recover(pixels);
}
