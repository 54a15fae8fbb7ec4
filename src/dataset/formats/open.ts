/** Finds out what kind of data set a folder or file is. */

import { requireText } from '../../base/errors';
import { some } from '../../base/words';
import { DIRECTORY, damaged, type FileDataset } from '../files';
import { BrodenDataset, type BrodenOptions } from './broden';
import { CocoDataset, type CocoOptions } from './coco';
import { LabelledDataset, type LabelledOptions } from './labelled';
import { hasMasks, MASK_LAYOUTS, MaskDataset, type MaskOptions, unfitMasks } from './masks';
import { MultiSegmentDataset } from './multisegment';
import { readFolder, stat } from './pairs';
import { hasPhotographs, PhotographDataset } from './photographs';

export type OpenOptions = BrodenOptions & CocoOptions & MaskOptions & LabelledOptions;

/**
 * Opens a data set of any kind: a folder in the layout of Broden, a multi-segment one, a folder of images with
 * masks, photographs alone or in a folder a class, a `.json` file in one of COCO's formats, or a `.csv` file of labelled
 * images. Options that a kind does not have are ignored.
 *
 * @throws NetdissectError `ERR_NETDISSECT_DATASET` where it is none of them, or is damaged
 */
export function openDataset(directory: string, options: OpenOptions = {}): FileDataset {
  requireText(directory, DIRECTORY);
  const found = stat(directory);
  if (!found) throw damaged(`${directory} is missing; name the folder or file of a data set`);
  if (!found.isDirectory() && !found.isFile())
    throw damaged(`${directory} is a device, a pipe or the like; name a folder or a file`);
  if (!found.isDirectory()) {
    if (/\.csv$/i.test(directory)) return new LabelledDataset(directory, options);
    if (/\.json$/i.test(directory)) return new CocoDataset(directory, options);
    throw damaged(
      `${directory} is no data set; name a folder, a .json file in COCO's formats or a .csv file of labelled images`,
    );
  }
  const files = readFolder(directory);
  if (files.some(name => name === 'index.csv' || /^broden1_\d+$/.test(name)))
    return new BrodenDataset(directory, options);
  if (files.includes('labelnames.json')) return new MultiSegmentDataset(directory, options);
  if (hasMasks(directory)) return new MaskDataset(directory, options);
  const unfit = unfitMasks(directory);
  if (unfit) throw damaged(unfit);
  if (hasPhotographs(directory)) return new PhotographDataset(directory, options);
  throw damaged(
    `${directory} is no data set: looked for index.csv or broden1_227/ (Broden), labelnames.json (multi-segment), ${MASK_LAYOUTS} (masks, in PNG or TIFF files) and images alone, but it holds ${some(files, 10) || 'nothing'}; of COCO name the .json file, of labelled images the .csv file`,
  );
}
