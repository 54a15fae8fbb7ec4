/** Takes a dissection through its phases: all images observed, masks counted. */

import type { NativeDissection } from '../native/native';
import type { LayerStatistics } from '../score/results';
import { batches } from './batches';
import type { Job } from './begin';
import type { DissectOptions } from './options';
import { poll } from './poll';

/**
 * Takes the images, or the part of them that is observed here, through what is left of the passes.
 *
 * @param part which images, and the folders of the other parts; all by default
 * @returns the milliseconds that images took to come, summed over all that were read at once
 */
export async function observe(
  dissection: NativeDissection,
  { dataset, checked, model, labeller, forwardSize }: Job,
  { onProgress, signal }: DissectOptions,
  part: { first: number; end: number; others?: string[]; checkOthers?: () => Promise<void> } = {
    first: 0,
    end: dataset.length,
  },
): Promise<number> {
  let decode = 0;
  const images = part.end - part.first;
  const total = images * dissection.passes;
  let reported = -1;
  for (let pass = dissection.pass; pass <= dissection.passes; pass++) {
    const last = pass === dissection.passes;
    const report = () => {
      const done = (pass - 1) * images + dissection.observed;
      if (done > reported) onProgress?.({ phase: 'observe', done, total });
      reported = Math.max(reported, done);
    };
    report();
    const watch = poll(onProgress && report);
    const given: Promise<void>[] = [];
    try {
      for await (const batch of batches(dataset, {
        first: part.first + dissection.observed,
        end: part.end,
        // of whole forwards, so that these are cut by the images' numbers alone
        batchSize: Math.ceil(checked.batchSize / forwardSize) * forwardSize,
        workers: checked.numWorkers,
        channels: model.channels,
        labeller: last ? labeller : undefined,
        onDecoded: time => {
          decode += time;
        },
      })) {
        signal?.throwIfAborted();
        watch.check();
        // The engine has one batch in hand and one before it, while the next is decoded.
        given.push(dissection.observe(batch).then(report));
        given.at(-1)!.catch(() => {}); // it is awaited below
        if (given.length > 1) await given.shift();
      }
      await Promise.all(given);
    } finally {
      watch.stop();
      await Promise.allSettled(given);
    }
    await part.checkOthers?.();
    const missing = await dissection.finish(part.others);
    if (missing.length > 0) throw new PassMissing(pass, missing);
  }
  return decode;
}

/** A pass of a part of the images is done, and those of other parts are not. */
export class PassMissing extends Error {
  constructor(
    readonly pass: number,
    readonly folders: readonly string[],
  ) {
    super('the pass of other parts is missing');
  }
}

export async function count(
  dissection: NativeDissection,
  names: readonly string[],
  total: number,
  { onProgress, signal }: DissectOptions,
  labelled: boolean,
): Promise<LayerStatistics[]> {
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
    return { layer: names[i], ...statistics, tally: labelled ? { ...counts, ...sums } : null };
  });
}
