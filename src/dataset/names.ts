/** What the values of label maps are called: a table, a list or a JSON file beside the data. */

import fs from 'node:fs';
import path from 'node:path';
import { readJson } from '../read';
import { labelNumber } from './broden';
import { readTable, type Row as TableRow } from './csv';
import { damaged, type OnProblem, takeEach } from './files';
import { readLines } from './pairs';

export interface Names {
  file: string;
  /** Name and category by value, in the file's order. */
  names: Map<number, { name: string; category: string }>;
  /** Whether the file names all values that there are, one after the other. */
  complete: boolean;
}

/** The files in which names are looked for, the first that is there. */
const NAMES_FILES = ['labels.csv', 'names.json', 'names.txt', 'classes.txt', 'objectInfo150.txt'];

/** Names of the values 0 and 255 that say that they are no label. */
const NO_LABEL = /^(background|void|unlabell?ed|ignored?|none|other)$/i;

const WHAT = 'mask';
const NEEDED = "a data set of masks needs the labels' names";

/** The names in `file`, or in the first of {@link NAMES_FILES} in the folder. */
export function readNames(directory: string, given?: string, onProblem?: OnProblem): Names {
  const file = given ?? NAMES_FILES.map(name => path.join(directory, name)).find(name => fs.existsSync(name));
  if (file === undefined)
    throw damaged(
      `${directory} has no file with the labels' names; write labels.csv with a header number,name,category and a line for each value of the masks, or one of ${NAMES_FILES.slice(1).join(', ')}`,
    );
  const { rows, complete } = readRows(file, onProblem);
  const beyond = rows.find(({ value }) => value > 65535);
  if (beyond)
    throw damaged(
      `${beyond.where}: there are more than 65535 names, the most that masks can tell apart; leave some out`,
    );
  const names: Names['names'] = new Map();
  const known = new Map<string, number>();
  const take = ({ value, name, category, where }: Row) => {
    if (names.has(value)) throw damaged(`${where}: the value ${value} has a name already; remove one`);
    if ((value === 0 || value === 255) && NO_LABEL.test(name)) return;
    const other = known.get(`${category}\n${name}`);
    if (other !== undefined)
      throw damaged(`${where}: '${name}' is the name of value ${other} already; choose another`);
    known.set(`${category}\n${name}`, value);
    names.set(value, { name, category });
  };
  takeEach(rows, take, onProblem);
  if (names.size === 0) throw damaged(`${file} names no label; write one name a line`);
  return { file, names, complete };
}

interface Row {
  value: number;
  name: string;
  category: string;
  where: string;
}

function readRows(file: string, onProblem?: OnProblem): { rows: Row[]; complete: boolean } {
  if (/\.csv$/i.test(file)) return { rows: table(file, ['number', 'name'], ',', onProblem), complete: false };
  if (/^objectInfo.*\.txt$/i.test(path.basename(file)))
    return { rows: table(file, ['Idx', 'Name'], '\t', onProblem), complete: true };
  if (/\.json$/i.test(file)) return json(file);
  return { rows: list(readLines(file, NEEDED), i => `${file}, line ${i + 1}`), complete: true };
}

function table(
  file: string,
  columns: [string, string],
  delimiter: string,
  onProblem: OnProblem | undefined,
): Row[] {
  const read = (row: TableRow) => {
    const where = `${file}, line ${row.line}`;
    const text = row.get(columns[1]);
    // ADE20K's table lists synonyms
    const name = (delimiter === '\t' ? text.split(',')[0] : text).trim();
    if (name === '') throw damaged(`${where}: expected a name but found none; write one`);
    const value = labelNumber(row.get(columns[0]), file, row.line);
    return { value, name, category: row.get('category').trim() || 'object', where };
  };
  return readTable(file, columns, read, { optional: ['category'], what: WHAT, delimiter, onProblem });
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
  const rows = Object.entries(content).map(([number, name]) => {
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
