/**
 * Folders of images with masks: PNG files whose pixels are label numbers, as segmentation data sets are mostly
 * published (ADE20K, Pascal VOC, Cityscapes), and a file with the labels' names.
 */

import fs from 'node:fs';
import path from 'node:path';
import type { Label } from '../../score/results';
import { chosenCategories, isSplit, noSplit, SPLIT_FOLDERS } from '../choose';
import { damaged, type FileDatasetOptions } from '../files';
import { asUnreadable } from '../images/read-image';
import { readMaskColours, readMaskValues } from '../maps/read-mask';
import type { MaskValues } from '../maps/values';
import { select } from '../select';
import { CITYSCAPES_NAMES, type KnownName, VOC_NAMES } from './known-names';
import { NONE, readNames } from './names';
import {
  filesUnder,
  IMAGE,
  isFolder,
  type Pair,
  PairDataset,
  pathsUnder,
  readFolder,
  readLines,
} from './pairs';

export interface MaskOptions extends FileDatasetOptions {
  /** The file with the labels' names; by default one in the data set's folder. */
  names?: string;
  /** More values of the masks that are no label. */
  void?: readonly number[];
}

interface Layout {
  images: string;
  masks: readonly string[];
  /** What ends an image's file name and is no part of the name that it shares with its mask. */
  image: RegExp;
  mask: RegExp;
  /** A folder of lists of names, one a split. */
  lists?: string;
  /** The labels' names where no file has them. */
  known?: readonly KnownName[];
}

const MASK = /\.(png|tiff?)$/i;

const LAYOUTS: readonly Layout[] = [
  {
    images: 'JPEGImages',
    masks: ['SegmentationClass'],
    image: IMAGE,
    mask: MASK,
    lists: 'ImageSets/Segmentation',
    known: VOC_NAMES,
  },
  {
    images: 'leftImg8bit',
    masks: ['gtFine', 'gtCoarse'],
    image: /_leftImg8bit\.(jpe?g|png|webp)$/i,
    mask: /_(gtFine|gtCoarse)_labelIds\.png$/i,
    known: CITYSCAPES_NAMES,
  },
  { images: 'images', masks: ['masks', 'annotations', 'labels', 'segmentations'], image: IMAGE, mask: MASK },
];

/** What a message lists that looked for masks. */
export const MASK_LAYOUTS =
  'images/ with masks/, annotations/, labels/ or segmentations/, JPEGImages/ with SegmentationClass/, leftImg8bit/ with gtFine/';

/** What keeps a folder of images and masks from being read, where the masks' files are of kinds that no mask is of. */
export function unfitMasks(directory: string): string | undefined {
  for (const { images, masks } of LAYOUTS)
    for (const name of masks) {
      const folder = path.join(directory, name);
      if (!isFolder(path.join(directory, images)) || !isFolder(folder)) continue;
      const [file] = pathsUnder(folder, /\.(?!json$)\w+$/i);
      if (file)
        return `${folder} holds ${path.extname(file)} files, and masks must be PNG or TIFF files whose pixels are the labels' numbers; save them as that`;
    }
  return undefined;
}

/** Whether a folder looks like a data set of masks. */
export function hasMasks(directory: string): boolean {
  return findParts(directory).length > 0;
}

/**
 * A data set of images with masks. The constructor reads the names and lists the files. An image without a mask
 * is left out. Masks keep their size; under `crop` they lose what the images lose.
 */
export class MaskDataset extends PairDataset {
  readonly directory: string;
  readonly labels: readonly Label[];
  readonly categories: readonly string[];
  protected readonly pairs: readonly Pair[];
  /** The file with the labels' names; undefined where they are built in. */
  readonly namesFile?: string;
  /** Label numbers by value, -1 where the value has to have a name and has none. */
  readonly #numbers = new Int32Array(65536);
  /** Values by colour, where masks are in colour. */
  readonly #colours?: ReadonlyMap<number, number>;
  /** Whether the file of names says values. */
  readonly #numbered: boolean;
  /** The last value that has a name. */
  readonly #last: number;

  constructor(directory: string, options: MaskOptions = {}) {
    super(directory, options);
    this.directory = directory;
    const [part] = findParts(directory);
    const { file, names, complete, colours, numbered } = readNames(
      directory,
      options.names,
      part?.known,
      options.onProblem,
    );
    this.#colours = colours;
    this.#numbered = numbered;
    if (!file)
      this.notices.push(
        `${directory} has no file with the labels' names: taken are those of ${part.images === 'JPEGImages' ? 'Pascal VOC' : 'Cityscapes'}; write names.txt or labels.csv where it has others`,
      );
    const categories = [...new Set(Array.from(names.values(), ({ category }) => category))];
    this.namesFile = file;
    this.categories = chosenCategories(categories, options.categories);
    this.#last = Math.max(...names.keys());
    if (complete) this.#numbers.fill(-1, this.#last + 1);
    for (const value of options.void ?? []) this.#numbers[value] = 0;
    const shift = names.has(0) ? 1 : 0; // 0 can be no label's number
    if (shift && names.has(65535))
      throw damaged(`${file} names the values 0 and 65535; there can be 65535 labels, so leave one out`);
    const labels: Label[] = [];
    for (const [value, { name, category }] of names) {
      if (options.void?.includes(value)) continue;
      this.#numbers[value] = value + shift;
      if (this.categories.includes(category)) labels.push({ number: value + shift, name, category });
    }
    this.labels = labels.sort((a, b) => a.number - b.number);
    this.pairs = select(pairFiles(directory, options.split ?? 'train'), options);
  }

  protected async segmentation(index: number) {
    const { map: file } = this.pairs[index];
    const read = async () => {
      const values = await readMaskValues(file);
      // a palette's indices are values, where the names have values
      if (!this.#colours || values.bits !== 8) return { values };
      if (values.channels >= 3) return { colours: values };
      return this.#numbered ? { values } : { colours: await readMaskColours(file) };
    };
    const { values, colours } = await read().catch(cause => {
      throw this.unreadable('mask', file, index, asUnreadable(cause));
    });
    const { height, width } = values ?? colours;
    const map = values
      ? this.#labelNumbers(values, file)
      : this.#labelsOfColours(colours, this.#colours!, file);
    return { height, width, maps: [map] };
  }

  #labelNumbers({ data, channels, bits, height, width }: MaskValues, file: string): Uint8Array | Uint16Array {
    const highest = 2 ** bits - 1;
    const table = this.#numbers.slice(0, highest + 1);
    table[highest] = Math.max(0, table[highest]); // void, by custom
    // a large one takes the place of its values, if nothing is in the way
    const small = channels === 1 && data.length > LARGE && table.every(number => number < 256);
    const bytes = small && isKnown(data, table);
    const numbers = bytes ? data : new Uint16Array(height * width);
    const known = translate(data, channels, table, numbers);
    const grey = (value: number, i: number) => value === data[i - (i % channels)];
    if (channels >= 3 && !data.every(grey))
      throw damaged(
        `mask ${file} is in colour; its pixels must be the labels' numbers, in a grey or a palette PNG, or the file of names must have the colours (${NAMED_COLOURS})`,
      );
    if (!known)
      throw damaged(
        `mask ${file} has the value ${data.find(value => table[value] < 0)}, but ${this.namesFile ?? 'the list of names that is built in'} names no more than ${this.#last}; name it, or name the values in a labels.csv`,
      );
    return numbers;
  }

  #labelsOfColours(
    { data, channels, height, width }: MaskValues,
    colours: ReadonlyMap<number, number>,
    file: string,
  ): Uint16Array {
    const numbers = new Uint16Array(height * width);
    let last = -1;
    let number = 0;
    for (let i = 0, at = 0; i < numbers.length; i++, at += channels) {
      const colour = data[at] + 256 * data[at + 1] + 65536 * data[at + 2];
      if (colour !== last) {
        // black, where it has no name, is no label
        const value = colours.get(colour) ?? (colour === 0 ? NONE : undefined);
        if (value === undefined)
          throw damaged(
            `mask ${file} has the colour ${data.subarray(at, at + 3).join(',')}, which ${this.namesFile} does not have; add it, with the name void where it is no label`,
          );
        last = colour;
        number = value === NONE ? 0 : this.#numbers[value];
      }
      numbers[i] = number;
    }
    return numbers;
  }
}

/** From so many pixels on memory is worth a second look at them. */
const LARGE = 2 ** 24;

/** What a table of colours looks like. */
const NAMED_COLOURS = 'a CSV table with the header name,r,g,b';

/** Whether the table has nothing negative for the values; a loop, as they may be hundreds of millions. */
function isKnown(values: Uint8Array | Uint16Array, table: Int32Array): boolean {
  let signs = 0;
  for (let i = 0; i < values.length; i++) signs |= table[values[i]];
  return signs >= 0;
}

/** Looks the first channel up in a table; false where any of it is negative there. */
function translate(
  data: Uint8Array | Uint16Array,
  channels: number,
  table: Int32Array,
  numbers: Uint8Array | Uint16Array,
): boolean {
  let signs = 0;
  for (let i = 0, at = 0; i < numbers.length; i++, at += channels) {
    const number = table[data[at]];
    numbers[i] = number;
    signs |= number;
  }
  return signs >= 0;
}

interface Part extends Layout {
  /** The folder that holds the images' and the masks'; the data set's or a split's. */
  folder: string;
  maskFolder: string;
}

/** Where images and masks are: in one place, or in one of each split. */
function findParts(directory: string): Part[] {
  for (const layout of LAYOUTS)
    for (const folders of [[''], SPLIT_FOLDERS]) {
      const parts = folders.flatMap(folder => {
        if (!isFolder(path.join(directory, folder, layout.images))) return [];
        const masks = layout.masks.find(name => holdsMasks(path.join(directory, folder, name)));
        return masks ? [{ ...layout, folder, maskFolder: masks }] : [];
      });
      if (parts.length > 0) return parts;
    }
  return [];
}

function holdsMasks(folder: string): boolean {
  return isFolder(folder) && pathsUnder(folder, MASK).length > 0;
}

function pairFiles(directory: string, split: string): Pair[] {
  const parts = findParts(directory);
  if (parts.length === 0) throw damaged(`${directory} has no images with masks: neither ${MASK_LAYOUTS}`);
  const pairs = new Map<string, Pair>();
  for (const { folder, images, maskFolder, image, mask } of parts) {
    const imageFiles = filesUnder(path.join(directory, folder, images), image);
    for (const [name, file] of filesUnder(path.join(directory, folder, maskFolder), mask)) {
      const imageFile = imageFiles.get(name);
      if (imageFile === undefined)
        throw damaged(
          `mask ${file} has no image of its name in ${path.join(directory, folder, images)}; add the image or remove the mask`,
        );
      pairs.set(path.posix.join(folder, name), { image: imageFile, map: file });
    }
  }
  const [{ lists, maskFolder, mask }] = parts;
  if (pairs.size === 0)
    throw damaged(`${path.join(directory, maskFolder)} holds no mask with a name like ${mask.source}`);
  if (split === 'all') return [...pairs.values()];
  if (lists && isFolder(path.join(directory, lists)))
    return listed(path.join(directory, lists), pairs, split);
  return inFolder(directory, pairs, split);
}

/** The pairs that a split's list names, in its order. */
function listed(lists: string, pairs: Map<string, Pair>, split: string): Pair[] {
  const file = path.join(lists, `${split}.txt`);
  if (!fs.existsSync(file)) {
    const there = readFolder(lists).filter(name => name.endsWith('.txt'));
    throw noSplit(
      lists,
      split,
      there.map(name => name.slice(0, -4)),
    );
  }
  const lines = new Map<Pair, number>();
  for (const [i, name] of readLines(file, 'it lists the images of a split').entries()) {
    if (name === '') continue;
    const pair = pairs.get(name);
    if (!pair) throw damaged(`${file}, line ${i + 1}: '${name}' has no mask; add it or remove the line`);
    const first = lines.get(pair);
    if (first !== undefined)
      throw damaged(`${file}, line ${i + 1}: '${name}' is named in line ${first} already; remove one`);
    lines.set(pair, i + 1);
  }
  const chosen = [...lines.keys()];
  if (chosen.length === 0) throw damaged(`${file} names no image; choose another split`);
  return chosen;
}

/** The pairs in a split's folder; without such folders all are `train`. */
function inFolder(directory: string, pairs: Map<string, Pair>, split: string): Pair[] {
  const folders = new Set(Array.from(pairs.keys(), name => name.slice(0, Math.max(0, name.indexOf('/')))));
  const splits = [...folders].filter(folder => SPLIT_FOLDERS.includes(folder)).sort();
  if (splits.length === 0 && split === 'train') return [...pairs.values()];
  const wanted = splits.filter(folder => isSplit(folder, split));
  if (wanted.length === 0) throw noSplit(directory, split, splits);
  return Array.from(pairs).flatMap(([name, pair]) => (wanted.includes(name.split('/')[0]) ? [pair] : []));
}
