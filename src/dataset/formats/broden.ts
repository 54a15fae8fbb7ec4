/**
 * The Broden data set as it is published, and anything laid out like it: an index of images with their label
 * maps, category by category, and tables of what the label numbers mean.
 */

import fs from 'node:fs';
import path from 'node:path';
import type { Label } from '../../score/results';
import { checkMapSize } from '../check';
import { chosenCategories } from '../choose';
import { damaged, FileDataset, type FileDatasetOptions } from '../files';
import type { Pixels } from '../images/pixels';
import { readLabelMap } from '../images/read-image';
import { select } from '../select';
import { readTable, type Row as TableRow } from './csv';

export interface BrodenOptions extends FileDatasetOptions {
  /** 224, 227 or 384; by default the smallest that holds the image size. */
  resolution?: number;
}

interface Row {
  image: string;
  /** The line in index.csv. */
  line: number;
  /** The image's, `ih` and `iw`, where the table has them. */
  imageSize?: readonly [height: number, width: number];
  /** The label maps'. */
  height: number;
  width: number;
  maps: (number | string)[];
}

const RESOLUTIONS = [224, 227, 384];
const MOST_MAPS = 6;

/** A Broden data set. The constructor reads its tables; images are read one by one. */
export class BrodenDataset extends FileDataset {
  readonly folder: string;
  readonly labels: readonly Label[];
  readonly categories: readonly string[];
  readonly #rows: Row[];

  constructor(directory: string, options: BrodenOptions = {}) {
    super(directory, options);
    this.folder = findFolder(directory, options.resolution ?? Math.max(...this.imageSize));
    this.categories = chooseCategories(this.folder, options);
    this.labels = readLabels(this.folder, this.categories, options);
    this.#rows = select(readIndex(this.folder, this.categories, options), options);
  }

  protected override get labelFile(): string {
    return path.join(this.folder, 'index.csv');
  }

  get length(): number {
    return this.#rows.length;
  }

  nameOf(index: number): string {
    return path.join(this.folder, 'images', this.#rows[index].image);
  }

  protected override shape(index: number) {
    return this.#rows[index].imageSize;
  }

  protected namedIn(index: number): string {
    return `line ${this.#rows[index].line} of index.csv`;
  }

  protected async segmentation(index: number) {
    const { height, width, maps } = this.#rows[index];
    const read = async (map: number | string) => {
      if (typeof map === 'number') return map;
      const file = path.join(this.folder, 'images', map);
      const pixels = await readLabelMap(file).catch(cause => {
        throw this.unreadable('label map', file, index, cause);
      });
      if (pixels.height !== height || pixels.width !== width)
        throw damaged(
          `label map ${map} is ${pixels.height}×${pixels.width} but ${this.namedIn(index)} says ${height}×${width}; repair one of them`,
        );
      if (isGrey(pixels))
        throw damaged(
          `label map ${map}, named in ${this.namedIn(index)}, is grey; its labels must stand as R + 256·G in a coloured PNG`,
        );
      return pixels.data;
    };
    return { height, width, maps: await Promise.all(maps.map(read)) };
  }
}

/** Whether a map was a greyscale file: blue is no part of a label, and nowhere differs from the rest. */
function isGrey({ data, channels }: Pixels): boolean {
  let used = channels < 3;
  for (let i = 0; channels >= 3 && i < data.length; i += channels) {
    if (data[i] !== data[i + 1] || data[i] !== data[i + 2]) return false;
    used ||= data[i] !== 0;
  }
  return used;
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

function chooseCategories(folder: string, { categories, onProblem }: BrodenOptions): string[] {
  const all = readTable(path.join(folder, 'category.csv'), ['name'], row => row.get('name'), { onProblem });
  return chosenCategories(all, categories);
}

/** A name as it is shown. */
function readable(name: string): string {
  return name.replace(/-[cs]$/, '').replaceAll('_', ' ');
}

function readLabels(folder: string, categories: readonly string[], { onProblem }: BrodenOptions): Label[] {
  const home = new Map<number, { category: string; coverage: number }>();
  for (const category of categories) {
    const file = path.join(folder, `c_${category}.csv`);
    const read = (row: TableRow) => {
      const number = labelNumber(row.get('number'), file, row.line);
      const coverage = Number(row.get('coverage'));
      if (Number.isNaN(coverage))
        throw damaged(
          `${file}, line ${row.line}: expected a number as coverage but found '${row.get('coverage')}'`,
        );
      // on a tie the later category
      if (number > 0 && coverage >= (home.get(number)?.coverage ?? 0))
        home.set(number, { category, coverage });
    };
    readTable(file, ['code', 'number', 'name', 'coverage'], read, { onProblem });
  }
  const file = path.join(folder, 'label.csv');
  const read = (row: TableRow) => {
    const number = labelNumber(row.get('number'), file, row.line);
    const category = home.get(number)?.category;
    return category === undefined ? undefined : { number, name: readable(row.get('name')), category };
  };
  return readTable(file, ['number', 'name'], read, { onProblem }).sort((a, b) => a.number - b.number);
}

/** A label number as a table has it. */
export function labelNumber(text: string, file: string, line: number): number {
  const number = text.trim() === '' ? Number.NaN : Number(text);
  if (!Number.isInteger(number) || number < 0 || number > 65535)
    throw damaged(`${file}, line ${line}: expected a label number from 0 to 65535 but found '${text}'`);
  return number;
}

function readIndex(folder: string, categories: readonly string[], options: BrodenOptions): Row[] {
  const { split = 'train', onProblem } = options;
  const file = path.join(folder, 'index.csv');
  const splits = new Set<string>();
  const read = (row: TableRow): Row | undefined => {
    splits.add(row.get('split'));
    if (split !== 'all' && row.get('split') !== split) return undefined;
    const items = categories
      .flatMap(category => row.get(category).split(';'))
      .map(item => item.trim())
      .filter(item => item !== '' && item !== '0');
    if (items.length === 0) return undefined;
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
    checkMapSize(side('sh'), side('sw'), `${file}, line ${row.line}`);
    return {
      image: row.get('image'),
      line: row.line,
      ...(row.get('ih') && row.get('iw') && { imageSize: [side('ih'), side('iw')] as const }),
      height: side('sh'),
      width: side('sw'),
      maps: items.map(item => (/^\d+$/.test(item) ? labelNumber(item, file, row.line) : item)),
    };
  };
  const rows = readTable(file, ['image', 'split', 'sh', 'sw', ...categories], read, {
    optional: ['ih', 'iw'],
    onProblem,
  });
  if (rows.length === 0)
    throw damaged(
      `${file} has no image of ${split === 'all' ? 'any split' : `split '${split}'`} with a label in ${categories.join(', ') || 'any category'} (its splits are ${[...splits].join(', ') || 'none'}; 'all' takes any); choose others`,
    );
  return rows;
}
