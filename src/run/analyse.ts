/** Observations that are kept, and what is made of them without the model and, but for the pictures, the images. */

import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { asNetdissectError, optionError, requireText } from '../base/errors';
import { checked as checkedKind } from '../base/kinds';
import { checkDataset } from '../dataset/check';
import type { DissectionDataset } from '../dataset/dataset';
import { type Model, THREADS } from '../model/model';
import { type NativeDissection, native } from '../native/native';
import { layerDirnames } from '../report/json';
import { StagedFolder } from '../report/outdir';
import { firstDifference, readStore, runOf, type StoreFile, storeError } from '../store/folder';
import { begin, checkMaxima, makeJob, named, nativeLabels, noticesOf } from './begin';
import { conclude, type DissectionResult } from './conclude';
import { imageList, openKept } from './keep';
import { observe as observeImages, PassMissing } from './observe';
import { checkedOptions, type DissectOptions } from './options';
import { checkPictures } from './pictures';

export interface ObserveOptions extends DissectOptions {
  /** The folder that the observation is kept in. */
  store: string;
  /** `I/N`: the I-th of N parts of the images; `auto` or `auto/N` where a scheduler says which. All by default. */
  shard?: string;
}

export interface Observation {
  /** Where this part is kept. */
  folder: string;
  /** Whether all of its images are through. */
  complete: boolean;
  /**
   * Where it is not: the pass of all parts that has to be done before it goes on, and the folders of the parts that are
   * missing. Call again then.
   */
  pass?: number;
  missing?: readonly string[];
}

/** Observes a data set, or a part of it, and keeps what `analyse` makes a report of; goes on where it was left. */
export async function observe(
  model: Model,
  dataset: DissectionDataset,
  options: ObserveOptions,
): Promise<Observation> {
  requireText(options.store, 'the folder of the store');
  const job = await makeJob(model, dataset, options);
  options.signal?.throwIfAborted();
  const kept = (await openKept(job, options.shard))!;
  let dissection: NativeDissection | undefined;
  const cancel = () => dissection?.cancel();
  try {
    dissection = await begin(job, kept.native);
    options.signal?.addEventListener('abort', cancel);
    options.signal?.throwIfAborted();
    checkMaxima(job.checked, dataset.length, dissection.layers);
    await kept.begun(dissection);
    model.flushLog();
    const tell = noticesOf(dissection, options);
    tell();
    await observeImages(dissection, job, options, {
      ...kept.native,
      others: kept.others,
      checkOthers: kept.checkOthers,
    }).finally(tell);
    return { folder: kept.folder, complete: true };
  } catch (error) {
    options.signal?.throwIfAborted();
    if (error instanceof PassMissing)
      return { folder: kept.folder, complete: false, pass: error.pass, missing: error.folders };
    throw named(error, dataset);
  } finally {
    options.signal?.removeEventListener('abort', cancel);
    model.flushLog();
    await dissection?.close(); // what it writes belongs to this run until then
    await kept.release();
  }
}

/** An observation that is kept: all of its parts. */
export interface Store {
  /** The folders of the parts, in the order of their images. */
  readonly folders: readonly string[];
  /** What was observed. */
  readonly file: StoreFile;
}

/** Opens a store, or all parts of one; rejects with `ERR_NETDISSECT_STORE` where parts are missing, doubled or foreign. */
export async function openStore(...folders: string[]): Promise<Store> {
  const parts: { folder: string; file: StoreFile }[] = [];
  for (const folder of folders.length > 0 ? folders : ['']) {
    requireText(folder, 'the folder of a store');
    const own = await readStore(folder);
    const inside = (await fs.readdir(folder).catch(() => [])).filter(name => /^shard-\d+-of-\d+$/.test(name));
    if (own && inside.length > 0)
      throw storeError(
        `${folder} is a store, and holds parts of another (${inside[0]}); move them apart, or name those that are meant`,
      );
    if (own) {
      parts.push({ folder, file: own });
      continue;
    }
    for (const name of inside) {
      const file = await readStore(path.join(folder, name));
      if (file) parts.push({ folder: path.join(folder, name), file });
    }
    if (inside.length === 0)
      throw storeError(`${folder} is no store of netdissect-native; name a folder that was given to --store`);
  }
  if (parts.length === 0)
    throw storeError(`${folders.join(', ')} holds no part that was begun; observe it first`);
  parts.sort((a, b) => a.file.shard[0] - b.file.shard[0]);
  const [{ folder, file }] = parts;
  const [, of] = file.shard;
  const seen = new Map<number, string>();
  for (const part of parts) {
    const compared = ({ shard, netname, meta, made_of }: StoreFile) => ({
      shards: shard[1],
      ...made_of,
      netname,
      meta,
    });
    const difference = firstDifference(compared(file), compared(part.file));
    if (difference)
      throw storeError(`${folder} and ${part.folder} are of different runs: ${difference} in the second`);
    const [index] = part.file.shard;
    const twin = seen.get(index);
    if (twin !== undefined)
      throw storeError(`${twin} and ${part.folder} are the same part, ${index} of ${of}; name one of them`);
    seen.set(index, part.folder);
  }
  const missing = Array.from({ length: of }, (_, i) => i + 1).filter(index => !seen.has(index));
  if (missing.length > 0)
    throw storeError(
      `${missing.length === 1 ? 'part' : 'parts'} ${missing.slice(0, 10).join(', ')}${missing.length > 10 ? ' and more' : ''} of ${of} ${missing.length === 1 ? 'is' : 'are'} missing; observe with --shard ${missing[0]}/${of}`,
    );
  return { folders: parts.map(part => path.resolve(part.folder)), file };
}

export interface AnalyseOptions extends DissectOptions {
  /** The categories to count, of those that were observed; all by default. */
  categories?: readonly string[];
  /** The same images, for pictures; without them there are none. */
  dataset?: DissectionDataset;
  /** Threads of the counting; by default as many as there are cores. */
  threads?: number;
}

/** Makes the report of what was observed and kept. */
export async function analyse(
  outdir: string,
  { folders, file }: Store,
  options: AnalyseOptions = {},
): Promise<DissectionResult> {
  const start = performance.now();
  requireText(outdir, "the path of the report's folder");
  const { quantile } = file;
  const checked = checkedOptions({
    ...options,
    quantileThreshold: options.quantileThreshold ?? quantile,
    examplesPerUnit: file.examples_per_unit,
  });
  const { quantileThreshold: own, scores } = checked;
  if (own > quantile)
    throw optionError(
      `expected a quantile of at most ${quantile}, which was observed, but received ${own}; what lies under its levels was not kept`,
    );
  if (scores.includes('auprc') && !file.maxima)
    throw optionError('the score auprc needs the largest activations of each image; observe with it, too');
  if (checked.maxima && !file.maxima)
    throw optionError(
      'the largest activations of each image were not kept; observe with maxima, or the score auprc, too',
    );
  if (own < quantile && file.made_of.approximate === true)
    throw optionError(
      `expected the quantile that was observed, ${quantile}, but received ${own}: the levels of this observation may be estimates, and others cannot be made of these`,
    );
  if (own < quantile && !file.masks)
    throw optionError(
      `expected the quantile that was observed, ${quantile}, but received ${own}: this observation has no masks, and other levels are made of these`,
    );
  checkMaxima(checked, file.images, file.layers);
  const { dataset } = options;
  const threads = checkedKind('threads', options.threads, THREADS, os.availableParallelism());
  if (dataset) await checkSameImages(file, dataset);
  const pictures = dataset && checked.images && file.masks && file.examples_per_unit > 0;
  if (pictures) await checkPictures(dataset, options, file.examples_per_unit);
  const labelSet = file.labelled && checked.labels ? chosenLabels(file, options.categories) : undefined;
  const dirnames = layerDirnames(file.layers.map(({ reported }) => reported));
  options.signal?.throwIfAborted();
  const staged = await StagedFolder.open(outdir, dirnames);
  const engine = new (native().NativeModel)(threads);
  let dissection: NativeDissection | undefined;
  const close = () => void (dissection ? dissection.cancel() : engine.close());
  options.signal?.addEventListener('abort', close);
  try {
    options.signal?.throwIfAborted();
    const kept = nativeLabels({ labels: file.labels, categories: file.categories });
    dissection = await engine.openStore({
      folders: [...folders],
      run: runOf(file.made_of),
      shapes: file.layers,
      layers: file.layers.map(({ name }) => name),
      images: file.images,
      channels: file.channels,
      height: file.image_size[0],
      width: file.image_size[1],
      quantile: own,
      ...(own < quantile && { wideQuantile: quantile }),
      topImages: file.examples_per_unit,
      piece: file.piece,
      memory: checked.memory,
      spillFolder: checked.spill,
      keepMaxima: file.maxima,
      keepMasks: file.masks,
      scaleOffset: file.scale_offset,
      mean: [0, 0, 0],
      deviation: [1, 1, 1],
      keptNumbers: kept.labelNumbers,
      keptCategories: kept.labelCategories,
      ...(file.labelled && nativeLabels(labelSet ?? { labels: [], categories: [] })),
    });
    return await conclude(
      staged,
      {
        dissection,
        layers: file.layers.map(({ reported }) => reported),
        dirnames,
        labelSet,
        images: file.images,
        imageSize: file.image_size,
        netname: options.netname ?? file.netname,
        meta: { ...file.meta, ...options.meta },
        settings: file.settings,
        provenance: file.provenance,
        files: file.files,
      },
      checked,
      options,
      pictures ? dataset : undefined,
      { start, decode: 0 },
    );
  } catch (error) {
    await staged.discard();
    options.signal?.throwIfAborted();
    throw dataset ? named(error, dataset) : asNetdissectError(error);
  } finally {
    options.signal?.removeEventListener('abort', close);
    void dissection?.close();
    void engine.close();
  }
}

/** The labels of some categories. */
function chosenLabels({ labels, categories }: StoreFile, chosen: readonly string[] = categories) {
  const unknown = chosen.find(name => !categories.includes(name));
  if (unknown !== undefined)
    throw optionError(
      `expected categories of ${categories.join(', ')}, which were observed, but received ${unknown}`,
    );
  return {
    labels: labels.filter(({ category }) => chosen.includes(category)),
    categories: categories.filter(name => chosen.includes(name)),
  };
}

/** The images that pictures are made of have to be those that were observed. */
async function checkSameImages(file: StoreFile, dataset: DissectionDataset): Promise<void> {
  checkDataset(dataset);
  const [height, width] = file.image_size;
  const same =
    dataset.length === file.images && dataset.imageSize[0] === height && dataset.imageSize[1] === width;
  if (same && imageList(dataset) !== file.made_of.list_of_images)
    throw optionError(
      'expected the images that were observed, for the pictures, but received others; give the same data set with the same options',
    );
  if (!same)
    throw optionError(
      `expected the ${file.images} images of ${height}×${width} that were observed but received ${dataset.length} of ${dataset.imageSize.join('×')}; give the same data set with the same options`,
    );
}
