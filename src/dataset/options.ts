/** What data sets' options are and are by default, for the API's checks and the command. */

import { type Kind, listOf, oneOf, optional, text, whole } from '../base/kinds';

const option = <T>(kind: Kind<T>, byDefault: T) => ({ kind, default: byDefault });

export const DATASET_OPTIONS = {
  resize: option(oneOf('stretch', 'crop'), 'stretch'),
  split: option(text, 'train'),
  categories: option(optional(listOf(text, 'names')), undefined),
  size: option(optional(whole(1)), undefined),
  shuffle: option(optional(whole(0, 2 ** 32 - 1)), undefined),
  void: option(listOf(whole(0, 65_535), 'whole numbers from 0 to 65535'), [] as number[]),
  category: option(oneOf('kind', 'supercategory'), 'kind'),
  resolution: option(optional(whole(1)), undefined),
  images: option(optional(text), undefined),
  segmentations: option(optional(text), undefined),
  names: option(optional(text), undefined),
};
