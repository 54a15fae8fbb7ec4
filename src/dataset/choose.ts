/** What is asked of a data set by name: categories and splits. */

import { type NetdissectError, optionError } from '../base/errors';

/** The categories that are wanted, in their order; all where none are named. */
export function chosenCategories(all: readonly string[], wanted?: readonly string[]): string[] {
  const unknown = wanted?.find(name => !all.includes(name));
  if (unknown !== undefined)
    throw optionError(`the data set has no category '${unknown}'; it has ${all.join(', ') || 'none'}`);
  return all.filter(name => wanted?.includes(name) ?? true);
}

/** What is said of a split that is not there. */
export function noSplit(where: string, split: string, splits: readonly string[]): NetdissectError {
  const there = splits.length > 0 ? `it has ${splits.join(', ')}` : 'it has no splits';
  return optionError(`${where} has no split '${split}': ${there}; choose another, or all`);
}

/** What people call the splits' folders. */
const SPLITS = new Map<string, readonly string[]>([
  ['train', ['train', 'training']],
  ['val', ['val', 'validation', 'valid']],
  ['test', ['test', 'testing']],
]);
export const SPLIT_FOLDERS = [...SPLITS.values()].flat().sort();

/** Whether a folder is that of a split, by the split's name or another that people give it. */
export function isSplit(folder: string, split: string): boolean {
  return (SPLITS.get(split) ?? [split]).includes(folder);
}
