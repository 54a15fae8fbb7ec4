/**
 * The Broden data set as it is published, and anything laid out like it: an index of images with their label
 * maps, category by category, and tables of what the label numbers mean.
 */

import fs from 'node:fs';
import path from 'node:path';
import { type CsvError, parse } from 'csv-parse/sync';
import { NetdissectError } from '../errors';
import type { Label } from '../results';
import { type DissectionDataset, IMAGENET_NORMALIZATION, type Item, type Normalization } from './dataset';
import { type LabelMapPixels, readImage, readLabelMap } from './transforms';

/** Turns RGB bytes `[height, width, 3]` into float32 `[3, height, width]`. */
export type TransformImage = (pixels: Uint8Array, height: number, width: number) => Float32Array;

export interface BrodenOptions {
  /** The images' size, one number or `[height, width]`; images of another size are resized. Default 227. */
  imageSize?: number | readonly [height: number, width: number];
  /** 224, 227 or 384; by default the smallest that holds the image size. */
  resolution?: number;
  /** Default `train`. */
  split?: string;
  /** The categories to take labels from; all of the data set by default. */
  categories?: readonly string[];
  /** The most images to take. */
  size?: number;
  /** A normalisation (done natively), or a function. ImageNet's normalisation by default. */
  transformImage?: Normalization | TransformImage;
}

interface Row {
  image: string;
  /** The line in index.csv. */
  line: number;
  height: number;
  width: number;
  maps: (number | string)[];
}

const RESOLUTIONS = [224, 227, 384];
const MOST_MAPS = 6;

/** A Broden data set. The constructor reads its tables; images are read one by one. */
export class BrodenDataset implements DissectionDataset {
  readonly folder: string;
  readonly imageSize: readonly [height: number, width: number];
  readonly labels: readonly Label[];
  readonly categories: readonly string[];
  readonly normalization: Normalization;
  readonly settings: Record<string, unknown>;
  readonly #rows: Row[];
  readonly #transform?: TransformImage;

  constructor(directory: string, options: BrodenOptions = {}) {
    const { imageSize = 227, split = 'train', size = Number.POSITIVE_INFINITY, transformImage } = options;
    if (!(size >= 1))
      throw new NetdissectError(
        'ERR_NETDISSECT_OPTION',
        `expected a number from 1 on for size but received ${size}`,
      );
    this.imageSize = typeof imageSize === 'number' ? [imageSize, imageSize] : imageSize;
    this.folder = findFolder(directory, options.resolution ?? Math.max(...this.imageSize));
    this.categories = chooseCategories(this.folder, options.categories);
    this.labels = readLabels(this.folder, this.categories);
    this.#rows = readIndex(this.folder, this.categories, split, size);
    if (typeof transformImage === 'function') this.#transform = transformImage;
    this.normalization =
      transformImage && typeof transformImage !== 'function' ? transformImage : IMAGENET_NORMALIZATION;
    this.settings = {
      split,
      normalization: this.#transform ? 'function' : this.normalization,
    };
  }

  get length(): number {
    return this.#rows.length;
  }

  nameOf(index: number): string {
    return path.join(this.folder, 'images', this.#rows[index].image);
  }

  async get(index: number, segmentation: boolean): Promise<Item> {
    const picture = this.picture(index);
    const maps = segmentation ? this.#segmentation(index) : undefined;
    const [bytes, segmentationMaps] = await Promise.all([picture, maps]);
    const [height, width] = this.imageSize;
    const pixels = this.#transform ? this.#transform(bytes, height, width) : bytes;
    if (pixels.length !== height * width * 3)
      throw new NetdissectError(
        'ERR_NETDISSECT_OPTION',
        `transformImage must give ${height * width * 3} values (3 × ${height} × ${width}) but gave ${pixels.length}`,
      );
    return { pixels, segmentation: segmentationMaps };
  }

  async picture(index: number): Promise<Uint8Array> {
    try {
      return await readImage(this.nameOf(index), this.imageSize);
    } catch (cause) {
      throw this.#unreadable('image', this.#rows[index].image, this.#rows[index], cause);
    }
  }

  async #segmentation(index: number) {
    const row = this.#rows[index];
    const { height, width } = row;
    const maps = await Promise.all(
      row.maps.map(async map => {
        if (typeof map === 'number') return map;
        const read = await readLabelMap(path.join(this.folder, 'images', map)).catch(cause => {
          throw this.#unreadable('label map', map, row, cause);
        });
        if (read.height !== height || read.width !== width)
          throw damaged(
            `label map ${map} is ${read.height}×${read.width} but line ${row.line} of index.csv says ${height}×${width}; repair one of them`,
          );
        if (isGrey(read))
          throw damaged(
            `label map ${map}, named in line ${row.line} of index.csv, is grey; its labels must stand as R + 256·G in a coloured PNG`,
          );
        return read.data;
      }),
    );
    return { height, width, maps };
  }

  #unreadable(kind: string, file: string, row: Row, cause: unknown): NetdissectError {
    const full = path.join(this.folder, 'images', file);
    const why = fs.existsSync(full)
      ? `is damaged (${(cause as Error).message.split('\n')[0]})`
      : 'is missing';
    return damaged(
      `${kind} ${full}, named in line ${row.line} of index.csv, ${why}; restore it or remove the line`,
      cause,
    );
  }
}

/** Whether a map was a greyscale file: blue is no part of a label, and nowhere differs from the rest. */
function isGrey({ data, channels }: LabelMapPixels): boolean {
  let used = channels < 3;
  for (let i = 0; channels >= 3 && i < data.length; i += channels) {
    if (data[i] !== data[i + 1] || data[i] !== data[i + 2]) return false;
    used ||= data[i] !== 0;
  }
  return used;
}

function damaged(message: string, cause?: unknown): NetdissectError {
  return new NetdissectError('ERR_NETDISSECT_DATASET', message, { cause });
}

function findFolder(directory: string, size: number): string {
  if (fs.existsSync(path.join(directory, 'index.csv'))) return directory;
  const wanted = RESOLUTIONS.find(resolution => resolution >= size) ?? RESOLUTIONS[RESOLUTIONS.length - 1];
  const folder = path.join(directory, `broden1_${wanted}`);
  if (fs.existsSync(path.join(folder, 'index.csv'))) return folder;
  const found = RESOLUTIONS.filter(r => fs.existsSync(path.join(directory, `broden1_${r}`, 'index.csv')));
  const hint =
    found.length > 0
      ? `there is only broden1_${found.join(' and broden1_')}, so choose an image size that fits it`
      : 'name the folder of a Broden data set';
  throw damaged(
    `no data set for images of ${size} pixels in ${directory}: neither index.csv nor broden1_${wanted}/index.csv is there; ${hint}`,
  );
}

type Table = { line: number; get(column: string): string }[];

/** The rows of a CSV file, which must have the columns. */
function readTable(file: string, columns: readonly string[]): Table {
  let text: string;
  try {
    text = fs.readFileSync(file, 'utf8');
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code === 'ENOENT' ? 'is missing' : (cause as Error).message;
    throw damaged(`${file} ${why}; a Broden data set needs it`, cause);
  }
  let records: { info: { lines: number }; record: string[] }[];
  try {
    // info.lines is the line that a record ends on
    records = parse(text, {
      bom: true,
      info: true,
      relax_column_count_less: true,
      skip_empty_lines: true,
    }) as unknown as typeof records;
  } catch (cause) {
    const { message } = cause as CsvError;
    throw damaged(`${file} is damaged: ${message}`, cause);
  }
  const header = records[0]?.record ?? [];
  const place = new Map(header.map((name, i) => [name, i]));
  for (const column of columns)
    if (!place.has(column))
      throw damaged(
        `${file} has no column '${column}' in its header (${header.join(',') || 'it is empty'}); it is no Broden table`,
      );
  return records.slice(1).map(({ info, record }) => {
    if (record.length < columns.length)
      throw damaged(
        `${file}, line ${info.lines}: expected at least ${columns.length} cells but found ${record.length}; repair the line`,
      );
    return { line: info.lines, get: column => record[place.get(column) ?? -1] ?? '' };
  });
}

function chooseCategories(folder: string, wish?: readonly string[]): string[] {
  const all = readTable(path.join(folder, 'category.csv'), ['name']).map(row => row.get('name'));
  const unknown = wish?.find(name => !all.includes(name));
  if (unknown !== undefined)
    throw new NetdissectError(
      'ERR_NETDISSECT_OPTION',
      `the data set has no category '${unknown}'; it has ${all.join(', ')}`,
    );
  return wish ? all.filter(name => wish.includes(name)) : all;
}

/** A name as it is shown. */
function readable(name: string): string {
  return name.replace(/-[cs]$/, '').replaceAll('_', ' ');
}

function readLabels(folder: string, categories: readonly string[]): Label[] {
  const home = new Map<number, { category: string; coverage: number }>();
  for (const category of categories) {
    const file = path.join(folder, `c_${category}.csv`);
    for (const row of readTable(file, ['code', 'number', 'name', 'coverage'])) {
      const number = labelNumber(row.get('number'), file, row.line);
      const coverage = Number(row.get('coverage'));
      if (Number.isNaN(coverage))
        throw damaged(
          `${file}, line ${row.line}: expected a number as coverage but found '${row.get('coverage')}'`,
        );
      // on a tie the later category
      if (number > 0 && coverage >= (home.get(number)?.coverage ?? 0))
        home.set(number, { category, coverage });
    }
  }
  const file = path.join(folder, 'label.csv');
  const labels: Label[] = [];
  for (const row of readTable(file, ['number', 'name'])) {
    const number = labelNumber(row.get('number'), file, row.line);
    const category = home.get(number)?.category;
    if (category !== undefined) labels.push({ number, name: readable(row.get('name')), category });
  }
  return labels.sort((a, b) => a.number - b.number);
}

function labelNumber(text: string, file: string, line: number): number {
  const number = text.trim() === '' ? Number.NaN : Number(text);
  if (!Number.isInteger(number) || number < 0 || number > 65535)
    throw damaged(`${file}, line ${line}: expected a label number from 0 to 65535 but found '${text}'`);
  return number;
}

function readIndex(folder: string, categories: readonly string[], split: string, size: number): Row[] {
  const file = path.join(folder, 'index.csv');
  const rows: Row[] = [];
  const splits = new Set<string>();
  for (const row of readTable(file, ['image', 'split', 'sh', 'sw', ...categories])) {
    splits.add(row.get('split'));
    if (row.get('split') !== split) continue;
    const items = categories
      .flatMap(category => row.get(category).split(';'))
      .map(item => item.trim())
      .filter(item => item !== '' && item !== '0');
    if (items.length === 0) continue;
    if (items.length > MOST_MAPS)
      throw damaged(
        `${file}, line ${row.line}: ${row.get('image')} has ${items.length} label maps, more than ${MOST_MAPS}; choose fewer categories`,
      );
    const side = (column: string) => {
      const length = Number(row.get(column));
      if (!Number.isInteger(length) || length < 1 || length > 65535)
        throw damaged(
          `${file}, line ${row.line}: expected a size as ${column} but found '${row.get(column)}'; repair the line`,
        );
      return length;
    };
    rows.push({
      image: row.get('image'),
      line: row.line,
      height: side('sh'),
      width: side('sw'),
      maps: items.map(item => (/^\d+$/.test(item) ? labelNumber(item, file, row.line) : item)),
    });
    if (rows.length >= size) break;
  }
  if (rows.length === 0)
    throw damaged(
      `${file} has no image of split '${split}' with a label in ${categories.join(', ') || 'any category'} (its splits are ${[...splits].join(', ') || 'none'}); choose others`,
    );
  return rows;
}
