/** Takes a dissection through its phases: all images observed, masks counted. */

import type { DissectionDataset } from '../dataset/dataset';
import type { RetainedLayer } from '../model/model';
import type { NativeDissection } from '../native/native';
import type { LayerStatistics } from '../score/results';
import { batches } from './batches';
import type { Labeller } from './labeller';
import type { DissectOptions } from './options';
import { poll } from './poll';

export async function observe(
  dissection: NativeDissection,
  dataset: DissectionDataset,
  options: DissectOptions,
  settings: {
    batchSize: number;
    numWorkers: number;
    channels: number;
    labeller?: Labeller;
    onDecoded: (time: number) => void;
  },
): Promise<void> {
  const { onProgress, signal } = options;
  const { batchSize, numWorkers: workers, channels, labeller, onDecoded } = settings;
  const total = dataset.length * dissection.passes;
  let reported = -1;
  for (let pass = 1; pass <= dissection.passes; pass++) {
    const last = pass === dissection.passes;
    const report = () => {
      const done = (pass - 1) * dataset.length + dissection.observed;
      if (done > reported) onProgress?.({ phase: 'observe', done, total });
      reported = Math.max(reported, done);
    };
    report();
    const watch = poll(onProgress && report);
    let previous: Promise<void> = Promise.resolve();
    try {
      for await (const batch of batches(dataset, {
        batchSize,
        workers,
        channels,
        labeller: last ? labeller : undefined,
        onDecoded,
      })) {
        // While the engine has one batch in hand, the next is decoded.
        await previous;
        signal?.throwIfAborted();
        watch.check();
        previous = dissection.observe(batch).then(report);
        previous.catch(() => {}); // it is awaited above or below
      }
    } finally {
      watch.stop();
      await previous;
    }
    await dissection.finish();
  }
}

export async function count(
  dissection: NativeDissection,
  retained: readonly RetainedLayer[],
  dataset: DissectionDataset,
  { onProgress, signal }: DissectOptions,
  labelled: boolean,
): Promise<LayerStatistics[]> {
  const total = dataset.length;
  // So many images at once as take a while, but not so long that nobody is heard.
  for (let done = 0, some = 16; labelled && done < total; ) {
    signal?.throwIfAborted();
    const start = performance.now();
    done = await dissection.count(some);
    const took = performance.now() - start;
    some = took < 100 ? Math.min(2 * some, 256) : took > 400 ? Math.ceil(some / 2) : some;
    onProgress?.({ phase: 'count', done, total });
  }
  const { labelPixels, labelImages, categoryImages, categoryArea, layers } = await dissection.results();
  return layers.map((layer, i) => {
    const { categoryPixels, intersections, intersectionSquares, products, unionSquares, ...statistics } =
      layer;
    const counts = { labelPixels, categoryPixels, intersections };
    const sums = { labelImages, categoryImages, categoryArea, intersectionSquares, products, unionSquares };
    return { layer: retained[i].reported, ...statistics, tally: labelled ? { ...counts, ...sums } : null };
  });
}
