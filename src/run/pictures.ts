/** The pictures of a run: whether they can be made, and where their images come from. */

import { NetdissectError, optionError } from '../base/errors';
import { kindOf } from '../base/words';
import type { DissectionDataset } from '../dataset/dataset';
import { FileDataset } from '../dataset/files';
import type { NativeDissection } from '../native/native';
import { ImageCache } from '../pictures/image-cache';
import { writeOnce } from '../pictures/once';
import { writeStrips } from '../pictures/strips';
import { topImages } from '../report/json';
import { STRIP_GAP } from '../report/looks';
import type { LabelSet, Pictures } from '../report/types';
import type { LayerStatistics } from '../score/results';
import type { CheckedOptions, DissectOptions } from './options';

/** The most pixels that a side of a picture can have. */
const SIDE = 65_500;

/** What would keep the pictures from being written, found before the run and not after it. */
export async function checkPictures(
  dataset: DissectionDataset,
  options: DissectOptions,
  examples: number,
): Promise<void> {
  const [height, width] = dataset.imageSize;
  const masks = Math.floor(SIDE / height);
  const strip = options.strips ? Math.floor((SIDE + STRIP_GAP) / (width + STRIP_GAP)) : masks;
  const most = Math.min(masks, strip);
  if (Math.min(examples, dataset.length) > most)
    throw optionError(
      `expected at most ${most} examples per unit, which is what a picture of ${most} images of ${height}×${width} pixels holds, but received ${examples}`,
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

/** Draws and writes all pictures of a run into the report's folder. */
export async function drawPictures(
  dissection: NativeDissection,
  run: {
    folder: string;
    dirnames: readonly string[];
    layers: readonly LayerStatistics[];
    labelSet?: LabelSet;
    dataset: DissectionDataset;
  },
  { memory, numWorkers, strips, singleImages }: CheckedOptions,
  options: DissectOptions,
): Promise<Pictures> {
  const { folder, dataset, labelSet } = run;
  const [height, width] = dataset.imageSize;
  const layers = run.layers.map(({ topImages, shape }, i) => ({
    dirname: run.dirnames[i],
    topImages,
    units: shape[0],
  }));
  const units = layers.reduce((sum, layer) => sum + layer.units, 0);
  const rows = strips || singleImages;
  const total = topImages(layers).length + units * (rows ? 2 : 1);
  let done = 0;
  const shared = {
    folder,
    layers,
    images: new ImageCache(image => picture(dataset, image, options), height * width * 3, memory / 2),
    onDrawn: () => options.onProgress?.({ phase: 'draw', done: ++done, total }),
    signal: options.signal,
  };
  const categories = labelSet?.categories ?? [];
  const shown = await writeOnce(dissection, {
    ...shared,
    imageSize: [height, width],
    categories,
    workers: 4 * numWorkers, // their pictures are small, and wait for one another more than the strips' do
  });
  if (rows)
    await writeStrips(dissection, {
      ...shared,
      whole: strips,
      single: singleImages,
      workers: 2 * numWorkers, // while the engine draws one, others are encoded
    });
  const present = new Set(shown.flatMap(({ labels = [] }) => labels));
  return {
    pictures: {
      images: 'images/{imgnum}.jpg',
      ...(labelSet && { labels: 'images/{imgnum}.png' }),
      masks: '{dirname}/masks/{unit}.png',
      ...(strips && { strips: '{dirname}/image/{unit}-{strip}' }),
    },
    ...(labelSet && {
      top_labels: labelSet.labels
        .filter(({ number }) => present.has(number))
        .map(({ number, name, category }) => ({ labelnum: number, label: name, cat: category }))
        .sort((a, b) => a.labelnum - b.labelnum),
    }),
    top_images: shown,
  };
}
