/** Checks a data set from end to end, and collects what is wrong instead of stopping at it. */

import sharp from 'sharp';
import { NetdissectError } from '../base/errors';
import { inOrder } from '../base/in-order';
import { printable, some } from '../base/words';
import type { Segmentation } from '../native/native';
import { checkDataset } from './check';
import type { DissectionDataset } from './dataset';
import { FileDataset } from './files';
import { isTurned, STRETCHED } from './images/read-image';
import { AHEAD, AT_ONCE, type DatasetStats, LabelCounter, nameOf, type ReadOptions } from './stats';

export interface Validation {
  /** How many images were checked; 0 where the data set could not be opened. */
  images: number;
  /** What a dissection would stop at, a sentence each. */
  problems: string[];
  /** What is probably not meant, a sentence each. */
  warnings: string[];
}

/** Opens a data set; what it finds wrong and can leave out it may hand over and go on. */
export type DatasetOpener = (onProblem: (error: NetdissectError) => void) => DissectionDataset;

/** The most names in a sentence. */
const SHOWN = 20;

/**
 * Opens the data set, reads all its images and label maps, and says all that is wrong. What is thrown when it is opened
 * is one problem. Rejects where the data set is not what is wrong: an option that makes no sense, an addon that does not
 * load.
 */
export async function validateDataset(
  open: DissectionDataset | DatasetOpener,
  { onProgress, signal }: ReadOptions = {},
): Promise<Validation> {
  const problems: string[] = [];
  const warnings: string[] = [];
  const problem = (error: unknown) => {
    if (error instanceof NetdissectError && error.code !== 'ERR_NETDISSECT_DATASET') throw error;
    problems.push((error as Error).message);
  };
  let dataset: DissectionDataset;
  try {
    dataset = typeof open === 'function' ? open(problem) : open;
    checkDataset(dataset);
  } catch (error) {
    problem(error);
    return { images: 0, problems, warnings };
  }
  const counter = new LabelCounter(dataset);
  let done = 0;
  for await (const { maps, errors, warning } of inOrder(
    dataset.length,
    i => check(dataset, i),
    AT_ONCE,
    AHEAD,
  )) {
    signal?.throwIfAborted();
    for (const error of errors) problem(error);
    if (warning) warnings.push(warning);
    try {
      await counter.add(maps, nameOf(dataset, done), signal);
    } catch (error) {
      signal?.throwIfAborted();
      problem(error);
    }
    done++;
    onProgress?.({ done, total: dataset.length });
  }
  return {
    images: dataset.length,
    problems,
    warnings: [...warnings, ...oddLabels(counter.stats())].map(printable),
  };
}

interface Checked {
  maps?: Segmentation;
  errors: unknown[];
  warning?: string;
}

async function check(dataset: DissectionDataset, index: number): Promise<Checked> {
  const errors: unknown[] = [];
  const attempt = async <T>(read: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await read();
    } catch (error) {
      errors.push(error);
      return undefined;
    }
  };
  const apart = dataset.labelMaps !== undefined; // maps are checked where the image is damaged, too
  const item = await attempt(() => dataset.get(index, !apart));
  const maps = apart ? await attempt(() => dataset.labelMaps!(index)) : item?.segmentation;
  const shapes = item && maps && dataset instanceof FileDataset;
  const warning = shapes ? await shapeWarning(dataset.nameOf(index), maps) : undefined;
  return { maps, errors, warning };
}

/** Says so where an image's file and its label maps can hardly show the same. */
async function shapeWarning(
  file: string,
  { height, width, maps }: Segmentation,
): Promise<string | undefined> {
  if (maps.every(map => typeof map === 'number')) return undefined;
  const { autoOrient, ...plain } = await sharp(file).metadata();
  const image = isTurned([plain.height, plain.width], [height, width]) ? autoOrient : plain;
  const ratio = (image.width * height) / (image.height * width);
  if (Math.max(ratio, 1 / ratio) <= STRETCHED) return undefined;
  return `image ${file} is ${image.height}×${image.width} but its label maps are ${height}×${width}, of another shape`;
}

function oddLabels({ labels, unnamed }: DatasetStats): string[] {
  const warnings: string[] = [];
  const unused = labels.filter(label => label.pixels === 0);
  if (unused.length > 0)
    warnings.push(
      `labels on no pixel: ${some(
        unused.map(label => `${label.number} (${label.name})`),
        SHOWN,
      )}`,
    );
  if (unnamed.length > 0)
    warnings.push(
      `numbers in label maps that are no label: ${some(
        unnamed.map(({ number, images }) => `${number} (images: ${images})`),
        SHOWN,
      )}`,
    );
  return warnings;
}
