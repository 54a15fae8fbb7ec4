/** Where the label maps of images come from. */

import type { DissectionDataset, Item } from '../dataset/dataset';
import type { Segmentation } from '../native/native';
import type { Label } from '../score/results';

export interface Labeller {
  /** By ascending number. */
  readonly labels: readonly Label[];
  readonly categories: readonly string[];
  /** Whether images have to be read with the label maps that the data set has of them. */
  readonly reads: boolean;
  /** The label maps of some images. */
  segment(items: readonly Item[]): Segmentation[] | Promise<Segmentation[]>;
}

const NONE: Segmentation = { height: 1, width: 1, maps: [] };

/** The data set's own, in the order of the labels' numbers. */
export function datasetLabeller({ labels, categories }: DissectionDataset): Labeller {
  return {
    labels: labels.toSorted((a, b) => a.number - b.number),
    categories,
    reads: true,
    segment: items => items.map(({ segmentation }) => segmentation ?? NONE),
  };
}
