/** Parts of the images that are observed apart. */

import path from 'node:path';
import { optionError } from '../base/errors';

/** The I-th of N parts, from 1 on. */
export interface Shard {
  index: number;
  of: number;
}

export const MOST_SHARDS = 100_000;

/**
 * `3/7`; `auto` in an array of Slurm's; or `auto/7` in an indexed job of Kubernetes, which does not tell how many there are.
 */
export function parseShard(text: string, environment: NodeJS.ProcessEnv = process.env): Shard {
  const plain = /^(\d{1,6})\/(\d{1,6})$/.exec(text);
  if (plain) return checkedShard(Number(plain[1]), Number(plain[2]), text);
  const counted = /^auto(?:\/(\d{1,6}))?$/.exec(text);
  if (!counted) throw optionError(`expected I/N, auto or auto/N for shard but received ${text}`);
  const number = (name: string) => {
    const value = environment[name] || undefined;
    return value === undefined ? undefined : /^\d{1,9}$/.test(value) ? Number(value) : Number.NaN;
  };
  const task = number('SLURM_ARRAY_TASK_ID');
  const given = counted[1] === undefined ? undefined : Number(counted[1]);
  if (task !== undefined) {
    // with N given tasks are numbered from 1 on, so that some of them can be submitted again
    if (given !== undefined) return checkedShard(task, given, text);
    const count = number('SLURM_ARRAY_TASK_COUNT');
    if (count === undefined)
      throw optionError(
        'expected SLURM_ARRAY_TASK_COUNT in the environment for shard auto; give it as auto/N or I/N',
      );
    const index = (task - (number('SLURM_ARRAY_TASK_MIN') ?? 0)) / (number('SLURM_ARRAY_TASK_STEP') ?? 1) + 1;
    return checkedShard(index, count, text);
  }
  const completion = number('JOB_COMPLETION_INDEX');
  if (completion === undefined)
    throw optionError(
      'expected SLURM_ARRAY_TASK_ID or JOB_COMPLETION_INDEX in the environment for shard auto; give it as I/N where neither is there',
    );
  if (given === undefined)
    throw optionError(
      'expected auto/N for shard, since JOB_COMPLETION_INDEX alone does not say how many shards there are',
    );
  return checkedShard(completion + 1, given, text);
}

function checkedShard(index: number, of: number, text: string): Shard {
  if (
    !(
      Number.isInteger(of) &&
      of >= 1 &&
      of <= MOST_SHARDS &&
      Number.isInteger(index) &&
      index >= 1 &&
      index <= of
    )
  )
    throw optionError(
      `expected shard I/N with I from 1 to N, at most ${MOST_SHARDS}, but received ${text} (${index}/${of})`,
    );
  return { index, of };
}

/** Its images, [first, end): whole pieces of a forward, as many in each shard but for one. */
export function imagesOf(
  { index, of }: Shard,
  images: number,
  piece: number,
): { first: number; end: number } {
  const pieces = Math.ceil(images / piece);
  const at = (i: number) => Math.min(images, Math.floor((pieces * i) / of) * piece);
  return { first: at(index - 1), end: at(index) };
}

/** Where it is kept in a store's folder. */
export function shardFolder(store: string, { index, of }: Shard): string {
  return path.join(store, `shard-${index}-of-${of}`);
}
