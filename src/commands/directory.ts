/** Opens the data set that a command is about. */

import { BrodenDataset } from '../dataset/broden';
import { CocoDataset, type CocoOptions } from '../dataset/coco';
import type { FileDataset } from '../dataset/files';
import type { DirectoryValues } from '../options';

export function openDirectory(
  { directory, ...values }: DirectoryValues,
  onProblem?: CocoOptions['onProblem'],
): FileDataset {
  const { split, categories, images } = values;
  if (/\.json$/i.test(directory)) return new CocoDataset(directory, { split, categories, images, onProblem });
  return new BrodenDataset(directory, { split, categories });
}
