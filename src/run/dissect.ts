/** The run: the data set passes through the model, masks are counted, pictures and the report written. */

import { requireText } from '../base/errors';
import type { DissectionDataset } from '../dataset/dataset';
import type { Model } from '../model/model';
import type { NativeDissection } from '../native/native';
import { StagedFolder } from '../report/outdir';
import { begin, checkMaxima, makeJob, named, noticesOf } from './begin';
import { conclude, type DissectionResult } from './conclude';
import { openKept } from './keep';
import { observe } from './observe';
import type { DissectOptions } from './options';

/**
 * Dissects a model's retained layers over a data set and writes the report to `outdir`.
 *
 * The report appears as a whole: where anything fails, or `signal` aborts (the promise then rejects with the
 * signal's reason), `outdir` stays as it was.
 */
export async function dissect(
  outdir: string,
  model: Model,
  dataset: DissectionDataset,
  options: DissectOptions = {},
): Promise<DissectionResult> {
  const start = performance.now();
  requireText(outdir, "the path of the report's folder");
  const job = await makeJob(model, dataset, options);
  options.signal?.throwIfAborted();
  const staged = await StagedFolder.open(outdir, job.dirnames);
  let dissection: NativeDissection | undefined;
  let tell = () => {};
  const cancel = () => dissection?.cancel();
  const kept = await openKept(job).catch(async error => {
    await staged.discard();
    throw error;
  });
  try {
    dissection = await begin(job, kept?.native);
    options.signal?.addEventListener('abort', cancel);
    options.signal?.throwIfAborted();
    checkMaxima(job.checked, dataset.length, dissection.layers);
    await kept?.begun(dissection);
    model.flushLog();
    tell = noticesOf(dissection, options);
    tell();
    const decode = await observe(dissection, job, options).finally(tell);
    return await conclude(
      staged,
      {
        dissection,
        layers: job.retained.map(layer => layer.reported),
        dirnames: job.dirnames,
        labelSet: job.labeller,
        images: dataset.length,
        imageSize: dataset.imageSize,
        netname: job.netname,
        meta: job.meta,
        settings: job.settings,
        provenance: job.provenance,
        files: job.files,
      },
      job.checked,
      options,
      job.pictures ? dataset : undefined,
      { start, decode },
    ).finally(tell);
  } catch (error) {
    await staged.discard();
    options.signal?.throwIfAborted();
    throw named(error, dataset);
  } finally {
    options.signal?.removeEventListener('abort', cancel);
    model.flushLog();
    const closed = dissection?.close();
    if (kept) {
      await closed; // what it writes belongs to this run until then
      await kept.release();
    }
  }
}
