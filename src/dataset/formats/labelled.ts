/** Images with labels of the whole image: a CSV table of images and their labels. */

import path from 'node:path';
import type { Label } from '../../score/results';
import { chosenCategories, noSplit } from '../choose';
import { damaged, FileDataset, type FileDatasetOptions, takeEach } from '../files';
import { select } from '../select';
import { type Column, readTable, type Row as TableRow } from './csv';

export interface LabelledOptions extends FileDatasetOptions {
  /** The folder that the table's paths start from; the table's own by default. */
  images?: string;
}

interface Row {
  image: string;
  /** The first line that names it. */
  line: number;
  split: string;
  labels: Set<number>;
}

const IMAGE: Column = ['image', 'filename', 'file_name', 'file', 'filepath', 'path', 'image_path'];
const LABEL: Column = ['label', 'class', 'class_name', 'classname', 'target', 'name'];

/** The category of labels without one. */
const CATEGORY = 'label';

/**
 * A data set of labelled images: a CSV file with the columns `image,label`, or their usual other names, and, if wanted, `category` and
 * `split`; an image with several labels has several lines. Labels are numbered from 1 on, sorted by category and name.
 * Each covers the whole image; masks are compared on a grid of half the image's size, as in Broden.
 */
export class LabelledDataset extends FileDataset {
  /** The CSV file. */
  readonly file: string;
  readonly labels: readonly Label[];
  readonly categories: readonly string[];
  readonly #rows: readonly Row[];
  readonly #images: string;

  constructor(file: string, options: LabelledOptions = {}) {
    super(file, options);
    const { split = 'train', onProblem } = options;
    this.file = file;
    this.#images = options.images ?? path.dirname(file);
    const cells = (row: TableRow) => ({
      line: row.line,
      image: cell(file, row, 'image'),
      name: cell(file, row, 'label'),
      category: row.get('category').trim() || CATEGORY,
      split: row.get('split').trim(),
    });
    const optional = ['category', 'split'];
    const table = readTable(file, [IMAGE, LABEL], cells, { optional, what: 'labelled', onProblem });
    const categories = [...new Set(table.map(row => row.category))].sort();
    this.categories = chosenCategories(categories, options.categories);

    const key = (row: { category: string; name: string }) => `${row.category}\0${row.name}`;
    const numbers = new Map([...new Set(table.map(key))].sort().map((label, i) => [label, i + 1]));
    this.labels = Array.from(numbers, ([label, number]) => {
      const [category, name] = label.split('\0');
      return { number, name, category };
    }).filter(label => this.categories.includes(label.category));

    const rows = new Map<string, Row>();
    const take = (row: (typeof table)[number]) => {
      const { image, line, split: part } = row;
      const known = rows.get(image);
      if (known && known.split !== part)
        throw damaged(
          `${file}, line ${line}: ${image} is in split '${part}' but in '${known.split}' in line ${known.line}; repair one of them`,
        );
      const entry = known ?? { image, line, split: part, labels: new Set() };
      if (this.categories.includes(row.category)) entry.labels.add(numbers.get(key(row))!);
      rows.set(image, entry);
    };
    takeEach(table, take, onProblem);
    const used = chooseSplit(file, [...rows.values()], split).filter(row => row.labels.size > 0);
    this.#rows = select(used, options);
    if (this.#rows.length === 0)
      throw damaged(
        `${file} has no image of split '${split}' with a label in ${this.categories.join(', ') || 'any category'}; choose others`,
      );
  }

  protected override get labelFile(): string {
    return this.file;
  }

  get length(): number {
    return this.#rows.length;
  }

  nameOf(index: number): string {
    return path.resolve(this.#images, this.#rows[index].image);
  }

  protected namedIn(index: number): string {
    return `line ${this.#rows[index].line} of ${path.basename(this.file)}`;
  }

  protected async segmentation(index: number) {
    return this.wholeImage([...this.#rows[index].labels]);
  }
}

function cell(file: string, row: TableRow, column: string): string {
  const text = row.get(column).trim();
  if (text === '') throw damaged(`${file}, line ${row.line}: expected a text as ${column} but found none`);
  return text;
}

/** The rows of a split; all are `train` where the table names no splits. */
function chooseSplit(file: string, rows: Row[], split: string): Row[] {
  const splits = [...new Set(rows.map(row => row.split))].filter(name => name !== '').sort();
  if (split === 'all' || (split === 'train' && splits.length === 0)) return rows;
  if (!splits.includes(split)) throw noSplit(file, split, splits);
  return rows.filter(row => row.split === split);
}
