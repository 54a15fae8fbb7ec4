/** The data set that a command's options ask for. */

import { optionError } from '../base/errors';
import type { FileDataset } from '../dataset/files';
import { BrodenDataset } from '../dataset/formats/broden';
import { CocoDataset } from '../dataset/formats/coco';
import { LabelledDataset } from '../dataset/formats/labelled';
import { MaskDataset } from '../dataset/formats/masks';
import { type OpenOptions, openDataset } from '../dataset/formats/open';
import { readPerturbation } from '../dataset/images/perturbation';
import type { DissectValues, SelectionValues } from './options';

const OF_BRODEN = { kinds: [BrodenDataset], called: "Broden's folders" };
const OF_COCO = { kinds: [CocoDataset], called: 'COCO files' };
const OF_MASKS = { kinds: [MaskDataset], called: 'folders of images with masks' };

/** Options that are for some kinds of data sets alone. */
const ONLY = {
  images: { kinds: [CocoDataset, LabelledDataset], called: 'COCO files and tables of labelled images' },
  segmentations: OF_COCO,
  supercategories: OF_COCO,
  'map-size': OF_COCO,
  names: OF_MASKS,
  void: OF_MASKS,
  resolution: OF_BRODEN,
};

/** What a dissection chooses and does to the images, in its own terms. */
export function imageChoice(
  values: Pick<DissectValues, 'size' | 'shuffle' | 'resize' | 'resolution' | 'perturbation'>,
): OpenOptions {
  return {
    size: values.size,
    shuffle: values.shuffle,
    resize: values.resize,
    resolution: values.resolution?.length === 1 ? values.resolution[0] : undefined,
    perturbation: values.perturbation === undefined ? undefined : readPerturbation(values.perturbation),
  };
}

export function openData(
  directory: string,
  values: SelectionValues & Partial<Pick<DissectValues, 'resolution'>>,
  more: OpenOptions = {},
): FileDataset {
  const dataset = openDataset(directory, {
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
  for (const [name, { kinds, called }] of Object.entries(ONLY))
    if (values[name as keyof typeof ONLY] && !kinds.some(kind => dataset instanceof kind))
      throw optionError(`--${name} is for ${called}, and ${directory} is something else; leave it out`);
  return dataset;
}
