/** The names of data sets that are published without a file of them. */

export interface KnownName {
  value: number;
  name: string;
  category: string;
}

const VOC =
  'aeroplane bicycle bird boat bottle bus car cat chair cow diningtable dog horse motorbike person pottedplant sheep sofa train tvmonitor';

/** The `labelIds` from 7 on, by category; those before it, of the category void, are no labels. */
const CITYSCAPES: readonly [category: string, names: string][] = [
  ['flat', 'road, sidewalk, parking, rail track'],
  ['construction', 'building, wall, fence, guard rail, bridge, tunnel'],
  ['object', 'pole, polegroup, traffic light, traffic sign'],
  ['nature', 'vegetation, terrain'],
  ['sky', 'sky'],
  ['human', 'person, rider'],
  ['vehicle', 'car, truck, bus, caravan, trailer, train, motorcycle, bicycle'],
];

/** Pascal VOC's 20 classes. Source: the VOC2012 development kit. */
export const VOC_NAMES: readonly KnownName[] = VOC.split(' ').map((name, i) => ({
  value: i + 1,
  name,
  category: 'object',
}));

/** Cityscapes' classes from 7 to 33. Source: the definition of its labels in its own scripts. */
export const CITYSCAPES_NAMES: readonly KnownName[] = CITYSCAPES.flatMap(([category, names]) =>
  names.split(', ').map(name => ({ name, category })),
).map((entry, i) => ({ value: i + 7, ...entry }));
