/** Keeping an observation: what it is made of, whether a folder holds the same, and where the engine writes. */

import { createHash } from 'node:crypto';
import fs from 'node:fs/promises';
import path from 'node:path';
import { digestOf } from '../base/digest';
import { optionError } from '../base/errors';
import type { DissectionDataset } from '../dataset/dataset';
import { FileDataset } from '../dataset/files';
import { IMAGENET_NORMALIZATION } from '../dataset/images/normalization';
import { type NativeDissection, type NativeOptions, native } from '../native/native';
import { claimStore, firstDifference, type MadeOf, readStore, runOf, storeError } from '../store/folder';
import { imagesOf, parseShard, type Shard, shardFolder } from '../store/shard';
import type { Job } from './begin';

export interface Kept {
  /** What the engine is told. */
  native: Required<Pick<NativeOptions, 'first' | 'end' | 'keepFolder' | 'run' | 'checkpointSeconds'>>;
  /** The folders of the other parts. */
  others: string[];
  folder: string;
  /** Throws where a part that is there is of something else. */
  checkOthers(): Promise<void>;
  /** Says what is kept, once the layers' shapes are known. */
  begun(dissection: NativeDissection): Promise<void>;
  release(): Promise<void>;
}

/** What tells the images from others: their names within the data set, in order, and what is done to them. */
export function imageList(dataset: DissectionDataset): string {
  const { fingerprint } = dataset;
  if (fingerprint === undefined)
    throw optionError(
      dataset instanceof FileDataset
        ? 'a store has to know what is done to the images, and transformImage is a function; give a normalisation, or keep nothing'
        : 'a store has to know which images these are; give the data set a fingerprint, a text that no other data set has',
    );
  const hash = createHash('sha256').update(fingerprint);
  for (let i = 0; i < dataset.length; i++)
    hash.update(`\0${dataset.fileOf?.(i) ?? dataset.nameOf?.(i) ?? ''}`);
  return hash.digest('hex');
}

async function madeOf({
  model,
  dataset,
  checked,
  retained,
  retainOptions,
  forwardSize,
  ...job
}: Job): Promise<MadeOf> {
  const { normalization = IMAGENET_NORMALIZATION } = dataset;
  return {
    package: require('../../package.json').version,
    libtorch: native().torchVersion(),
    model: job.provenance.model.sha256,
    ...(model.checkpointSource && {
      checkpoint: job.provenance.checkpoint?.sha256,
      checkpoint_key: model.checkpointSource.key,
    }),
    device: model.device,
    layers: retained.map(({ name }) => name),
    reported: retained.map(({ reported }) => reported),
    quantile: checked.quantileThreshold,
    examples_per_unit: checked.examplesPerUnit,
    forward_size: forwardSize,
    memory: checked.memory,
    approximate: checked.approximate,
    masks: job.labeller !== undefined || job.pictures,
    largest_activations: job.keepMaxima,
    retain: { ...retainOptions },
    images: dataset.length,
    image_size: [...dataset.imageSize],
    list_of_images: imageList(dataset),
    mean: normalization.mean,
    deviation: normalization.deviation,
    labels: job.labeller ? digestOf([job.labeller.labels, job.labeller.categories]) : 'none',
    settings: job.settings,
  };
}

/** Takes the store that the options name; undefined where they name none. */
export async function openKept(job: Job, shardText?: string): Promise<Kept | undefined> {
  const { store, checkpoint } = job.checked;
  if (store === undefined) {
    if (shardText !== undefined) throw optionError('expected a store beside shard; name its folder');
    return undefined;
  }
  const shard: Shard = shardText === undefined ? { index: 1, of: 1 } : parseShard(shardText);
  const root = path.resolve(store);
  const folder = shardText === undefined ? root : shardFolder(root, shard);
  const made = JSON.parse(JSON.stringify(await madeOf(job))) as MadeOf;
  const there = await fs.readdir(root).catch(() => [] as string[]);
  if (shardText !== undefined && there.includes('store.json'))
    throw storeError(`${root} holds an observation of all images; name another folder for parts`);
  const part = shardText === undefined && there.find(name => /^shard-\d+-of-\d+$/.test(name));
  if (part)
    throw storeError(`${root} holds parts of an observation (${part}); name another folder, or give shard`);
  const claimed = await claimStore(folder);
  try {
    const { before } = claimed;
    const difference =
      before &&
      (firstDifference({ shard: before.shard }, { shard: [shard.index, shard.of] }) ??
        firstDifference(before.made_of, made));
    if (difference)
      throw storeError(
        `${folder} was observed of something else: ${difference}; name another folder, or give what it was made of`,
      );
  } catch (error) {
    await claimed.release();
    throw error;
  }
  const images = imagesOf(shard, job.dataset.length, job.forwardSize);
  const others = Array.from({ length: shard.of }, (_, i) => ({ index: i + 1, of: shard.of }))
    .filter(({ index }) => index !== shard.index)
    .map(other => shardFolder(root, other));
  return {
    folder,
    native: {
      ...images,
      keepFolder: folder,
      run: runOf(claimed.before?.made_of ?? made),
      checkpointSeconds: checkpoint,
    },
    others,
    async checkOthers() {
      for (const other of others) {
        const there = await readStore(other);
        const difference = there && firstDifference(there.made_of, made);
        if (difference) throw storeError(`${other} was observed of something else: ${difference}`);
      }
    },
    async begun({ layers }) {
      const { before } = claimed;
      if (before) {
        // what the report alone says may be another
        const said = { netname: job.netname, meta: job.meta };
        if (digestOf({ netname: before.netname, meta: before.meta }) !== digestOf(said))
          await claimed.describe({ ...before, ...said, ...(job.command && { command: job.command }) });
        return;
      }
      const { dataset, model, checked, retained, retainOptions, labeller, forwardSize } = job;
      await claimed.describe({
        shard: [shard.index, shard.of],
        ...images,
        made_of: made,
        layers: retained.map(({ name, reported }, i) => ({ name, reported, ...layers[i] })),
        images: dataset.length,
        image_size: [dataset.imageSize[0], dataset.imageSize[1]],
        channels: model.channels,
        piece: forwardSize,
        quantile: checked.quantileThreshold,
        examples_per_unit: checked.examplesPerUnit,
        masks: labeller !== undefined || job.pictures,
        labelled: labeller !== undefined,
        maxima: job.keepMaxima,
        scale_offset: retainOptions.addScaleOffset,
        labels: labeller
          ? labeller.labels.map(({ number, name, category }) => ({ number, name, category }))
          : [],
        categories: labeller ? [...labeller.categories] : [],
        netname: job.netname,
        meta: job.meta,
        settings: job.settings,
        provenance: job.provenance,
        ...(job.files && { files: [...job.files] }),
        ...(job.command && { command: job.command }),
      });
    },
    release: claimed.release,
  };
}
