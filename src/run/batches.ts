/** Decodes images some batches ahead of the engine, a bounded number at once. */

import { setImmediate as turn } from 'node:timers/promises';
import { NetdissectError } from '../base/errors';
import { inOrder } from '../base/in-order';
import { checkItem } from '../dataset/check';
import type { DissectionDataset, Item } from '../dataset/dataset';
import { FileDataset } from '../dataset/files';
import type { NativeBatch } from '../native/native';
import type { Labeller } from './labeller';

/** An item with arrays of its own; what makes no sense is left for the check to say. */
function copied(item: Item): Item {
  const own = <T>(value: T): T =>
    ArrayBuffer.isView(value) ? ((value as unknown as Uint8Array).slice() as T) : value;
  const { pixels, alpha, segmentation } = item ?? {};
  if (!pixels) return item;
  const maps = Array.isArray(segmentation?.maps) ? segmentation.maps.map(own) : segmentation?.maps;
  return {
    pixels: own(pixels),
    ...(alpha && { alpha: own(alpha) }),
    ...(segmentation && { segmentation: { ...segmentation, maps: maps! } }),
  };
}

export interface BatchOptions {
  /** The images from one on, up to another; all by default. */
  first?: number;
  end?: number;
  batchSize: number;
  /** Images decoded at once. */
  workers: number;
  /** Of the model; float images have as many, bytes three. */
  channels?: number;
  /** Whose label maps the batches have; none without it. */
  labeller?: Labeller;
  /** Is told the milliseconds that an image took to come. */
  onDecoded?: (time: number) => void;
}

/** The data set in batches for the engine. */
export async function* batches(
  dataset: DissectionDataset,
  options: BatchOptions,
): AsyncGenerator<NativeBatch> {
  const { batchSize, workers, channels = 3, labeller, onDecoded } = options;
  const { first = 0, end = dataset.length } = options;
  const area = dataset.imageSize[0] * dataset.imageSize[1];
  const own = dataset instanceof FileDataset;
  const decode = async (index: number) => {
    if (!own) await turn();
    const start = performance.now();
    const item = await dataset.get(index, labeller?.reads === true, channels === 4);
    onDecoded?.(performance.now() - start);
    // data sets of users may fill the same arrays again
    return own ? item : copied(item);
  };
  const items = inOrder(end - first, i => decode(first + i), workers, 2 * batchSize);
  let batch: NativeBatch | undefined;
  let batchItems: Item[] = []; // of the batch, for their label maps
  try {
    for (let index = first; index < end; index++) {
      const { value: item } = (await items.next()) as { value: Item };
      checkItem(item, index, dataset, channels);
      const floats = item.pixels instanceof Float32Array;
      const size = area * (floats ? channels : 3);
      if (!batch) {
        const count = Math.min(batchSize, end - index);
        batch = { first: index, count, pixels: new (floats ? Float32Array : Uint8Array)(count * size) };
      }
      if (floats !== batch.pixels instanceof Float32Array)
        throw new NetdissectError(
          'ERR_NETDISSECT_DATASET',
          'some images are bytes and some are floats; give all as one',
        );
      batch.pixels.set(item.pixels, (index - batch.first) * size);
      if (channels === 4 && !floats) {
        batch.alpha ??= new Uint8Array(batch.count * area).fill(255);
        if (item.alpha) batch.alpha.set(item.alpha, (index - batch.first) * area);
      }
      if (labeller) batchItems.push(item);
      if (index + 1 === batch.first + batch.count) {
        if (labeller) batch.segmentations = await labeller.segment(batchItems);
        batchItems = [];
        yield batch;
        batch = undefined;
      }
    }
  } finally {
    await items.return(undefined);
  }
}
