/** What the values of label maps are called: a table, a list or a JSON file beside the data. */

import fs from 'node:fs';
import path from 'node:path';
import { readJson } from '../../base/read';
import { damaged, type OnProblem, takeEach } from '../files';
import { labelNumber } from './broden';
import { type Column, readTable, type Row as TableRow } from './csv';
import type { KnownName } from './known-names';
import { readLines } from './pairs';

export interface Names {
  /** Undefined where the names are built in. */
  file?: string;
  /** Name and category by value, in the file's order. */
  names: Map<number, { name: string; category: string }>;
  /** Whether the file names all values that there are, one after the other. */
  complete: boolean;
  /** Whether the file says the values, or lists names one after the other. */
  numbered: boolean;
  /** Where masks are in colour, values by `R + 256·G + 65536·B`, {@link NONE} for no label. */
  colours?: Map<number, number>;
}

/** The value of a colour that is no label. */
export const NONE = -1;

/** The files in which names are looked for, the first that is there. */
const NAMES_FILES = [
  'labels.csv',
  'names.json',
  'names.txt',
  'classes.txt',
  'class_names.txt',
  'objectInfo150.txt',
];

/** Names of the values 0 and 255 that say that they are no label. */
const NO_LABEL = /^(background|void|unlabell?ed|ignored?|none|other)$/i;

const WHAT = 'mask';
const NEEDED = "a data set of masks needs the labels' names";

/** The names in `given`, or in the first of {@link NAMES_FILES} in the folder, or else those that are known. */
export function readNames(
  directory: string,
  given?: string,
  known?: readonly KnownName[],
  onProblem?: OnProblem,
): Names {
  const file = given ?? NAMES_FILES.map(name => path.join(directory, name)).find(name => fs.existsSync(name));
  if (file === undefined) {
    if (known)
      return {
        names: new Map(known.map(({ value, ...name }) => [value, name])),
        complete: true,
        numbered: true,
      };
    throw damaged(
      `${directory} has no file with the labels' names; write labels.csv with a header number,name,category and a line for each value of the masks, or one of ${NAMES_FILES.slice(1).join(', ')}`,
    );
  }
  const { rows, complete } = readRows(file, onProblem);
  const beyond = rows.find(({ value }) => value > 65535);
  if (beyond)
    throw damaged(
      `${beyond.where}: there are more than 65535 names, the most that masks can tell apart; leave some out`,
    );
  const names: Names['names'] = new Map();
  const colours: Names['colours'] = new Map();
  const taken = new Map<string, number>();
  const take = ({ value, name, category, where, colour }: Row) => {
    if (colour !== undefined) {
      if (colours.has(colour)) throw damaged(`${where}: its colour is that of another line; choose another`);
      colours.set(colour, NONE);
    }
    if (names.has(value)) throw damaged(`${where}: the value ${value} has a name already; remove one`);
    if ((value === 0 || value === 255 || colour !== undefined) && NO_LABEL.test(name)) return;
    const other = taken.get(`${category}\n${name}`);
    if (other !== undefined)
      throw damaged(`${where}: '${name}' is the name of value ${other} already; choose another`);
    taken.set(`${category}\n${name}`, value);
    names.set(value, { name, category });
    if (colour !== undefined) colours.set(colour, value);
  };
  takeEach(rows, take, onProblem);
  if (names.size === 0) throw damaged(`${file} names no label; write one name a line`);
  const numbered = !complete && rows.some(({ numbered }) => numbered);
  return { file, names, complete, numbered, ...(colours.size > 0 && { colours }) };
}

interface Row {
  value: number;
  name: string;
  category: string;
  where: string;
  colour?: number;
  /** Whether the file has its value. */
  numbered?: boolean;
}

const NUMBER: Column = ['number', 'id', 'value', 'index', 'class_id'];
const NAME: Column = ['name', 'label', 'class', 'class_name'];
const RGB: readonly Column[] = [
  ['r', 'red'],
  ['g', 'green'],
  ['b', 'blue'],
];

function readRows(file: string, onProblem?: OnProblem): { rows: Row[]; complete: boolean } {
  if (/\.csv$/i.test(file)) return { rows: readCsv(file, onProblem), complete: false };
  if (/^objectInfo.*\.txt$/i.test(path.basename(file)))
    return { rows: readObjectInfo(file, onProblem), complete: true };
  if (/\.json$/i.test(file)) return json(file);
  return { rows: list(readLines(file, NEEDED), i => `${file}, line ${i + 1}`), complete: true };
}

/** A table of names by value, or by colour: values are then the lines' numbers where no column has others. */
function readCsv(file: string, onProblem?: OnProblem): Row[] {
  let lines = 0;
  const read = (row: TableRow) => {
    lines++;
    const where = `${file}, line ${row.line}`;
    const name = nameIn(row, 'name', where);
    const number = row.get('number').trim();
    if (number === '-1') return undefined; // how Cityscapes writes that there is no value
    const rgb = RGB.map(([column]) => row.get(column).trim());
    const colour = rgb.some(text => text !== '') ? colourOf(rgb, where) : undefined;
    const value = colour !== undefined && number === '' ? lines : labelNumber(number, file, row.line);
    const category = row.get('category').trim() || 'object';
    return { value, name, category, where, colour, numbered: number !== '' };
  };
  const optional = ['category', ...RGB.slice(1)];
  return readTable(file, [NAME], read, { optional, oneOf: [NUMBER, RGB[0]], what: WHAT, onProblem });
}

function colourOf(rgb: readonly string[], where: string): number {
  const [r, g, b] = rgb.map(text => (/^\d{1,3}$/.test(text) ? Number(text) : 256));
  if (Math.max(r, g, b) > 255)
    throw damaged(`${where}: expected a colour, r, g and b from 0 to 255, but found ${rgb.join(',')}`);
  return r + 256 * g + 65536 * b;
}

/** ADE20K's table. */
function readObjectInfo(file: string, onProblem?: OnProblem): Row[] {
  const read = (row: TableRow) => {
    const where = `${file}, line ${row.line}`;
    // it lists synonyms
    const name = nameIn(row, 'Name', where).split(',')[0].trim();
    return { value: labelNumber(row.get('Idx'), file, row.line), name, category: 'object', where };
  };
  return readTable(file, ['Idx', 'Name'], read, { what: WHAT, delimiter: '\t', onProblem });
}

function nameIn(row: TableRow, column: string, where: string): string {
  const name = row.get(column).trim();
  if (name === '') throw damaged(`${where}: expected a name but found none; write one`);
  return name;
}

function json(file: string): { rows: Row[]; complete: boolean } {
  const content = readJson(file, (why, cause) => damaged(`${file} ${why}; ${NEEDED}`, cause));
  const strings = (values: unknown[]): values is string[] => values.every(name => typeof name === 'string');
  if (Array.isArray(content) && strings(content))
    return {
      rows: list(
        content.map(name => name.trim()),
        i => `${file}, name ${i + 1}`,
      ),
      complete: true,
    };
  if (content === null || typeof content !== 'object' || !strings(Object.values(content)))
    throw damaged(
      `${file} must be a list of names, ["wall", "sky"], or an object of names by value, {"1": "wall"}`,
    );
  const entries = Object.entries(content).filter(([number]) => number !== '-1');
  const rows = entries.map(([number, name]) => {
    if (!/^\d+$/.test(number) || Number(number) > 65535)
      throw damaged(`${file}: expected a value from 0 to 65535 but found '${number}'`);
    return { value: Number(number), name: name.trim(), category: 'object', where: file };
  });
  return { rows: rows.filter(({ name }) => name !== ''), complete: false };
}

/** Names one after the other, from value 1 on, or from 0 where the first says that it is no label. */
function list(names: string[], where: (index: number) => string): Row[] {
  const first = NO_LABEL.test(names[0] ?? '') ? 0 : 1;
  return names
    .map((name, i) => ({ value: first + i, name, category: 'object', where: where(i) }))
    .filter(({ name }) => name !== '');
}
