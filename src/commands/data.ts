/** The data set that a command's options ask for. */

import { type OpenOptions, openDataset } from '../dataset/open';
import type { SelectionValues } from '../options';

export function openData(directory: string, values: SelectionValues, more: OpenOptions = {}) {
  return openDataset(directory, {
    imageSize: values.imgsize,
    split: values.split,
    categories: values.categories,
    images: values.images,
    segmentations: values.segmentations,
    category: values.supercategories ? 'supercategory' : 'kind',
    mapSize: values['map-size'],
    names: values.names,
    void: values.void,
    ...more,
  });
}
