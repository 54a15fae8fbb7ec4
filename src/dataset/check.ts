/** What a data set must be like; those that users write themselves come without a compiler's checks. */

import { NetdissectError } from '../base/errors';
import { kindOf, shown } from '../base/words';
import type { DissectionDataset, Item } from './dataset';

const MOST = 65535;

function whole(value: unknown, least: number, most = Number.MAX_SAFE_INTEGER): boolean {
  return Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most;
}

/**
 * Checks all of a data set but its images.
 *
 * @throws NetdissectError `ERR_NETDISSECT_DATASET` where something is missing or makes no sense
 */
export function checkDataset(dataset: DissectionDataset): void {
  if (Object(dataset) !== dataset) throw wrong(`expected a data set but received ${shown(dataset)}`);
  const { length, imageSize, labels, categories } = dataset;
  if (!whole(length, 0)) throw wrong(`the data set's length must be a whole number but is ${shown(length)}`);
  if (length === 0) throw wrong('the data set has no images');
  if (!Array.isArray(imageSize) || imageSize.length !== 2 || !imageSize.every(side => whole(side, 1)))
    throw wrong(
      `the data set's imageSize must be [height, width] in whole pixels but is ${Array.isArray(imageSize) ? `[${imageSize}]` : shown(imageSize)}`,
    );
  if (typeof dataset.get !== 'function')
    throw wrong(`the data set must have a method get(index, segmentation) but has ${shown(dataset.get)}`);
  const names = Array.isArray(categories) && categories.every(name => typeof name === 'string' && name);
  if (!names || new Set(categories).size < categories.length)
    throw wrong("the data set's categories must be a list of different names");
  if (!Array.isArray(labels)) throw wrong(`the data set's labels must be a list but are ${shown(labels)}`);
  const known = new Map<number, number>();
  for (const [i, label] of labels.entries()) {
    const where = `labels[${i}] of the data set`;
    const { number, name, category } = label ?? {};
    if (!whole(number, 1, MOST))
      throw wrong(`${where} must have a number from 1 to ${MOST} but has ${shown(number)}`);
    if (known.has(number))
      throw wrong(`${where} has the number ${number}, which labels[${known.get(number)}] has already`);
    known.set(number, i);
    if (typeof name !== 'string' || name === '')
      throw wrong(`${where} must have a name but has ${shown(name)}`);
    if (!categories.includes(category))
      throw wrong(
        `${where}, '${name}', must have one of the categories ${categories.join(', ') || '(there are none)'} but has ${shown(category)}`,
      );
  }
}

/**
 * Checks what `get` gave for a model whose images have so many channels.
 *
 * @throws NetdissectError `ERR_NETDISSECT_DATASET` where it makes no sense; the message names the image
 */
export function checkItem(item: Item, index: number, dataset: DissectionDataset, channels = 3): void {
  const image = () => `image ${index}${dataset.nameOf ? ` (${dataset.nameOf(index)})` : ''}`;
  const { pixels, alpha, segmentation } = item ?? {};
  if (!(pixels instanceof Uint8Array) && !(pixels instanceof Float32Array))
    throw wrong(
      `${image()} must give its pixels as Uint8Array or Float32Array but gave ${item ? kindOf(pixels) : kindOf(item)}`,
    );
  const [height, width] = dataset.imageSize;
  const size = height * width * (pixels instanceof Uint8Array ? 3 : channels);
  if (pixels.length !== size)
    throw wrong(
      `${image()} has ${pixels.length} values, not the ${size} of ${height}×${width} pixels; resize it`,
    );
  if (alpha !== undefined && !(alpha instanceof Uint8Array && alpha.length === height * width))
    throw wrong(`${image()} must give its alpha as a Uint8Array of ${height * width} values`);
  if (segmentation === undefined || segmentation === null) return;
  const { height: rows, width: columns, maps } = segmentation;
  if (!whole(rows, 1, MOST) || !whole(columns, 1, MOST))
    throw wrong(
      `${image()}: a segmentation's height and width must be whole numbers but are ${shown(rows)} and ${shown(columns)}`,
    );
  checkMapSize(rows, columns, image());
  if (!Array.isArray(maps))
    throw wrong(`${image()}: a segmentation's maps must be a list but are ${shown(maps)}`);
  const area = rows * columns;
  for (const [i, map] of maps.entries()) {
    if (typeof map === 'number') {
      if (!whole(map, 0, MOST))
        throw wrong(`${image()}: label map ${i} must be a label number from 0 to ${MOST} but is ${map}`);
      continue;
    }
    const words = map instanceof Uint16Array;
    if (!words && !(map instanceof Uint8Array))
      throw wrong(
        `${image()}: label map ${i} must be a number, Uint16Array or Uint8Array but is ${Array.isArray(map) ? 'a list' : kindOf(map)}`,
      );
    if (words ? map.length !== area : map.length === 0 || map.length % area !== 0)
      throw wrong(
        `${image()}: label map ${i} has ${map.length} values, not the ${area} of ${rows}×${columns} pixels`,
      );
  }
}

/** Pixels of a label map at most, which are as many as an image can have. */
const MOST_PIXELS = 2 ** 28;

/** Refuses a size of label maps that memory is not there for, before any is read. */
export function checkMapSize(height: number, width: number, where: string): void {
  if (height * width > MOST_PIXELS)
    throw wrong(
      `${where} has label maps of ${height}×${width} pixels, more than the ${MOST_PIXELS} that can be counted; give smaller ones`,
    );
}

function wrong(message: string): NetdissectError {
  return new NetdissectError('ERR_NETDISSECT_DATASET', message);
}
