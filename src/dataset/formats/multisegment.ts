/**
 * Multi-segment data sets: a folder of images, a folder of PNG label maps with the same names, and
 * `labelnames.json`, which says what bits of a map's channels mean. A pixel has a label in each field.
 */

import fs from 'node:fs';
import path from 'node:path';
import { optionError } from '../../base/errors';
import { readJson } from '../../base/read';
import type { Segmentation } from '../../native/native';
import type { Label } from '../../score/results';
import { chosenCategories } from '../choose';
import type { Item } from '../dataset';
import { damaged, type FileDatasetOptions } from '../files';
import { readLabelMap } from '../images/read-image';
import { sample } from '../maps/sample';
import { select } from '../select';
import { byName, filesUnder, IMAGE, isFolder, type Pair, PairDataset, PNG, readLines } from './pairs';

interface Field {
  field: string;
  /** The map's channel. */
  index: number;
  bitshift: number;
  bitmask: number;
  /** The names by value; that of 0 is ignored. */
  label: string[];
  /** Value v is label number `before + v`. */
  before: number;
}

const TRAIN_PART = 0.75;

/**
 * A multi-segment data set. The constructor reads `labelnames.json` and lists the files; the first 75 % of them,
 * by path, are the split `train`, the rest `val`. Images are cropped unless `resize` says otherwise, and label
 * maps are sampled at the nearest pixels to the images' size.
 */
export class MultiSegmentDataset extends PairDataset {
  readonly directory: string;
  readonly labels: readonly Label[];
  readonly categories: readonly string[];
  protected readonly pairs: readonly Pair[];
  readonly #fields: readonly Field[];

  constructor(directory: string, options: FileDatasetOptions = {}) {
    super(directory, { ...options, resize: options.resize ?? 'crop' });
    this.directory = directory;
    const fields = readFields(path.join(directory, 'labelnames.json'));
    this.categories = chosenCategories([...new Set(fields.map(({ field }) => field))], options.categories);
    this.#fields = fields.filter(({ field }) => this.categories.includes(field));
    this.labels = this.#fields
      .flatMap(({ field, before, label }) =>
        label.map((name, value) => ({ number: before + value, name, category: field })).slice(1),
      )
      .filter(({ name }) => name !== '');
    this.pairs = select(chooseSplit(directory, pairFiles(directory), options.split ?? 'train'), options);
  }

  /** As of any data set of files, with the label maps sampled to the images' size. */
  override async get(index: number, segmentation: boolean, alpha?: boolean): Promise<Item> {
    const item = await super.get(index, segmentation, alpha);
    if (item.segmentation) item.segmentation = sample(item.segmentation, this.imageSize);
    return item;
  }

  override async labelMaps(index: number): Promise<Segmentation> {
    return sample(await super.labelMaps(index), this.imageSize);
  }

  protected async segmentation(index: number) {
    const { map } = this.pairs[index];
    const { height, width, channels, data } = await readLabelMap(map).catch(cause => {
      throw this.unreadable('label map', map, index, cause);
    });
    const maps = this.#fields.map(({ field, index, bitshift, bitmask, label, before }) => {
      if (index >= channels)
        throw damaged(
          `label map ${map} has ${channels} channels, but field '${field}' of labelnames.json is in channel ${index} (counted from 0)`,
        );
      const numbers = new Uint16Array(height * width);
      for (let i = 0; i < numbers.length; i++) {
        const value = (data[i * channels + index] >> bitshift) & bitmask;
        if (value >= label.length && value > 0)
          throw damaged(
            `label map ${map} has the value ${value} in field '${field}', of which labelnames.json names 0 to ${label.length - 1}`,
          );
        numbers[i] = value && before + value;
      }
      return numbers;
    });
    return { height, width, maps };
  }
}

function readFields(file: string): Field[] {
  const content = readJson(file, (why, cause) =>
    damaged(`${file} ${why}; a multi-segment data set needs it`, cause),
  );
  if (!Array.isArray(content) || content.length === 0)
    throw damaged(`${file} must be a list of fields, {"field", "index", "bitshift", "bitmask", "label"}`);
  let before = 0;
  return content.map((entry: Partial<Field> | null, i) => {
    const { field, label } = entry ?? {};
    const where = `${file}, entry ${i + 1}`;
    if (typeof field !== 'string' || field === '')
      throw damaged(`${where}: expected a name as field but found ${JSON.stringify(field)}`);
    if (!Array.isArray(label) || !label.every(name => typeof name === 'string'))
      throw damaged(`${where}: expected a list of names as label but found ${JSON.stringify(label)}`);
    const number = (key: 'index' | 'bitshift' | 'bitmask', most: number) => {
      const value = entry![key];
      if (!Number.isInteger(value) || value! < 0 || value! > most)
        throw damaged(
          `${where}: expected a whole number from 0 to ${most} as ${key} but found ${JSON.stringify(value)}`,
        );
      return value!;
    };
    const result = {
      field,
      index: number('index', 3),
      bitshift: number('bitshift', 7),
      bitmask: number('bitmask', 255),
      label,
      before,
    };
    before += Math.max(0, label.length - 1);
    if (before > 65535) throw damaged(`${where}: there are more than 65535 labels; leave some out`);
    return result;
  });
}

/** The images with their maps, sorted by path. */
function pairFiles(directory: string): Pair[] {
  const images = listFiles(directory, 'img', IMAGE);
  const maps = listFiles(directory, 'seg', PNG);
  for (const [name, file] of maps)
    if (!images.has(name))
      throw damaged(`label map ${file} has no image of its name in img; add the image or remove the map`);
  return Array.from(images, ([name, image]) => {
    const map = maps.get(name);
    if (map === undefined)
      throw damaged(
        `image ${image} has no label map ${path.join(directory, 'seg', name)}.png; add it or remove the image`,
      );
    return { image, map };
  });
}

/** The files that `img.txt` or `seg.txt` lists, by paths from either folder, or else those in the folder. */
function listFiles(directory: string, folder: string, ending: RegExp): Map<string, string> {
  const root = path.resolve(directory, folder);
  const list = `${root}.txt`;
  if (!fs.existsSync(list)) {
    if (!isFolder(root))
      throw damaged(`${path.join(directory, folder)} is missing; a multi-segment data set needs it`);
    return filesUnder(path.join(directory, folder), ending);
  }
  const files = readLines(list, `it lists the files of ${folder}`)
    .filter(line => line !== '')
    .map(line => {
      const file = path.resolve(directory, line);
      return path.relative(root, file.startsWith(root + path.sep) ? file : path.resolve(root, line));
    });
  return byName(path.join(directory, folder), files, /\.[^./]+$/);
}

function chooseSplit(directory: string, pairs: Pair[], split: string): Pair[] {
  if (pairs.length === 0)
    throw damaged(
      `${path.join(directory, 'img')} holds no image (jpg, png, webp, tif, gif or avif); put them there`,
    );
  const train = Math.floor(pairs.length * TRAIN_PART);
  const parts: Record<string, Pair[]> = {
    train: pairs.slice(0, train),
    val: pairs.slice(train),
    all: pairs,
  };
  if (!Object.hasOwn(parts, split))
    throw optionError(`a multi-segment data set has no split '${split}'; choose train, val or all`);
  if (parts[split].length === 0)
    throw damaged(`${directory} has ${pairs.length} image, too few for a split '${split}'; choose all`);
  return parts[split];
}
