/** What a dissection is made of, checked and copied before the first image, and the engine's share of it. */

import path from 'node:path';
import type { CommandParts } from '../base/command-line';
import { asNetdissectError, optionError } from '../base/errors';
import { MOST_NPY_BYTES } from '../base/npy';
import type { Provenance } from '../base/provenance';
import { checkDataset } from '../dataset/check';
import type { DissectionDataset } from '../dataset/dataset';
import { IMAGENET_NORMALIZATION } from '../dataset/images/normalization';
import {
  type Model,
  nativeOptions,
  type RetainedLayer,
  type RetainOptions,
  requireModel,
} from '../model/model';
import type { NativeDissection, NativeOptions } from '../native/native';
import { layerDirnames } from '../report/json';
import type { LabelSet } from '../report/types';
import { datasetLabeller, type Labeller } from './labeller';
import { type CheckedOptions, checkedOptions, type DissectOptions } from './options';
import { checkPictures } from './pictures';
import { filesOf, provenanceOf } from './provenance';

/** A GPU needs more images at once to be busy than a processor's caches hold. */
const GPU_FORWARD_SIZE = 32;

/** A model and a data set; copies: what the caller changes later does not reach into the run. */
export interface Job {
  model: Model;
  dataset: DissectionDataset;
  checked: CheckedOptions;
  retained: readonly RetainedLayer[];
  retainOptions: Required<RetainOptions>;
  forwardSize: number;
  dirnames: string[];
  labeller?: Labeller;
  /** Whether each unit's largest activation on every image is kept. */
  keepMaxima: boolean;
  pictures: boolean;
  netname: string;
  meta: Record<string, unknown>;
  /** Of the report. */
  settings: Record<string, unknown>;
  provenance: Provenance;
  /** The images' paths within the data set. */
  files?: readonly string[];
  /** What repeats the run, where it is a command. */
  command?: CommandParts;
}

/** Throws what is wrong with it. */
export async function makeJob(
  model: Model,
  dataset: DissectionDataset,
  options: DissectOptions,
): Promise<Job> {
  const checked = checkedOptions(options);
  requireModel(model);
  model.requireLayers();
  checkDataset(dataset);
  const retained = [...model.retained];
  const { retainOptions } = model;
  const pictures = checked.images && checked.examplesPerUnit > 0;
  const meta = plainData(options.meta, 'meta');
  const settings = plainData(dataset.settings, "the data set's settings");
  const dirnames = layerDirnames(retained.map(layer => layer.reported));
  const labeller = checked.labels && dataset.labels.length > 0 ? datasetLabeller(dataset) : undefined;
  if (pictures) await checkPictures(dataset, options, checked.examplesPerUnit);
  return {
    model,
    dataset,
    checked,
    retained,
    retainOptions,
    forwardSize: Math.min(
      options.forwardSize === undefined && model.device !== 'cpu' ? GPU_FORWARD_SIZE : checked.forwardSize,
      dataset.length,
    ),
    dirnames,
    labeller,
    pictures,
    keepMaxima: checked.maxima || (labeller !== undefined && checked.scores.includes('auprc')),
    netname: options.netname ?? path.basename(model.path).replace(/\.[^.]*$/, ''),
    meta,
    settings: {
      ...settings,
      examples_per_unit: checked.examplesPerUnit,
      add_scale_offset: retainOptions.addScaleOffset,
      values: retainOptions.values === 'call' ? 'at the call' : 'after the whole forward',
      tokens: retainOptions.tokens,
      layout: retainOptions.layout,
      ...(retainOptions.trainMode === 'keep' && { train_mode: 'kept' }),
      approximate: checked.approximate,
      ...(model.device !== 'cpu' && { device: model.device }),
      ...(model.precision !== 'full' && { precision: model.precision }),
    },
    provenance: await provenanceOf(model, dataset),
    files: filesOf(dataset),
    ...(options.command && { command: { ...options.command } }),
  };
}

/** Throws `ERR_NETDISSECT_OPTION` where a layer's largest activations would not be read again. */
export function checkMaxima(
  { maxima }: CheckedOptions,
  images: number,
  layers: readonly { shape: readonly number[] }[],
): void {
  const bytes = 4 * images * Math.max(...layers.map(({ shape }) => shape[0]));
  if (maxima && bytes > MOST_NPY_BYTES - 1024)
    throw optionError(
      `expected at most 2 GiB of a layer's largest activations but they are ${(bytes / 2 ** 30).toFixed(1)}; take fewer images, or leave maxima out`,
    );
}

/** What JSON keeps of a value; refused before the run where it cannot be written. */
function plainData(value: Record<string, unknown> = {}, name: string): Record<string, unknown> {
  try {
    return JSON.parse(JSON.stringify(value));
  } catch (cause) {
    throw optionError(`${name} cannot be written as JSON: ${(cause as Error).message.split('\n')[0]}`, cause);
  }
}

export function begin(
  { model, dataset, checked, retained, retainOptions, forwardSize, labeller, pictures, keepMaxima }: Job,
  part: Pick<NativeOptions, 'first' | 'end' | 'keepFolder' | 'run' | 'checkpointSeconds'> = {},
): Promise<NativeDissection> {
  const { mean, deviation } = dataset.normalization ?? IMAGENET_NORMALIZATION;
  const [height, width] = dataset.imageSize;
  return model.native.dissect({
    layers: retained.map(layer => layer.name),
    images: dataset.length,
    channels: model.channels,
    height,
    width,
    quantile: checked.quantileThreshold,
    topImages: checked.examplesPerUnit,
    piece: forwardSize,
    memory: checked.memory,
    spillFolder: checked.spill,
    approximate: checked.approximate,
    keepMaxima,
    keepMasks: labeller !== undefined || pictures,
    scaleOffset: retainOptions.addScaleOffset,
    ...nativeOptions(retainOptions),
    mean,
    deviation,
    ...(labeller && nativeLabels(labeller)),
    ...part,
  });
}

export function nativeLabels({ labels, categories }: LabelSet) {
  return {
    labelNumbers: Uint16Array.from(labels, label => label.number),
    labelCategories: Int32Array.from(labels, label => categories.indexOf(label.category)),
    categories: categories.length,
  };
}

/** Tells, of what a user should know of the run, what was not told before. */
export function noticesOf(dissection: NativeDissection, { onNotice }: Pick<DissectOptions, 'onNotice'>) {
  let told = 0;
  return () => {
    for (const notice of dissection.notices.slice(told)) {
      told++;
      onNotice?.(notice);
    }
  };
}

/** Says which file an engine's message about an image number means. */
export function named(error: unknown, dataset: DissectionDataset): unknown {
  const { image } = (error ?? {}) as { image?: number };
  return asNetdissectError(
    error,
    image === undefined || !dataset.nameOf ? '' : ` (${dataset.nameOf(image)})`,
  );
}
