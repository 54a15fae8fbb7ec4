/** Tables of comma-separated values with a header, whose lines messages can name. */

import { type CsvError, parse } from 'csv-parse/sync';
import { readText } from '../../base/read';
import { damaged, type OnProblem, takeEach } from '../files';

/** A column by its name, or by several that people give it, of which the first is asked for. Case does not matter. */
export type Column = string | readonly [string, ...string[]];

export interface Row {
  line: number;
  /** The cell of a column that was asked for; empty where the table lacks it. */
  get(column: string): string;
}

export interface TableOptions {
  /** Columns that may be there. */
  optional?: readonly Column[];
  /** Of which one has to be there. */
  oneOf?: readonly Column[];
  /** What kind of data set needs the table. */
  what?: string;
  delimiter?: string;
  /** Gets what is wrong with a row, which is then left out; by default it is thrown. */
  onProblem?: OnProblem;
}

/** What `read` makes of each row of a CSV file, which must have the columns; undefined leaves the row out. */
export function readTable<Result>(
  file: string,
  columns: readonly Column[],
  read: (row: Row) => Result | undefined,
  { optional = [], oneOf = [], what = 'Broden', delimiter = ',', onProblem }: TableOptions = {},
): Result[] {
  const text = readText(file, (why, cause) => damaged(`${file} ${why}; a ${what} data set needs it`, cause));
  let records: { info: { lines: number }; record: string[] }[];
  try {
    // info.lines is the line that a record ends on
    records = parse(text, {
      delimiter,
      info: true,
      record_delimiter: ['\r\n', '\n', '\r'],
      relax_column_count: true,
      skip_empty_lines: true,
    }) as unknown as typeof records;
  } catch (cause) {
    const { message } = cause as CsvError;
    throw damaged(`${file} is damaged: ${message}`, cause);
  }
  const header = (records[0]?.record ?? []).map(name => name.trim());
  const place = new Map<string, number>();
  for (const column of [...columns, ...optional, ...oneOf]) {
    const found = spellings(column).find(name => header.some(cell => same(cell, name)));
    if (found === undefined) continue;
    const at = header.findIndex(cell => same(cell, found));
    if (header.findLastIndex(cell => same(cell, found)) !== at)
      throw damaged(`${file} has two columns '${found}' in its header; remove or rename one`);
    place.set(spellings(column)[0], at);
  }
  const missing =
    columns.find(column => !place.has(spellings(column)[0])) ??
    (oneOf.some(column => place.has(spellings(column)[0])) ? undefined : oneOf[0]);
  if (missing !== undefined) {
    const [name, ...others] = spellings(missing);
    const whole = [...oneOf.slice(0, 1), ...columns].map(column => spellings(column)[0]);
    throw damaged(
      `${file} has no column '${name}'${others.length > 0 ? ` (or ${others.join(', ')})` : ''} in its header (${header.join(',') || 'it is empty'}); the header of a ${what} table is ${whole.join(',')}`,
    );
  }
  return takeEach(
    records.slice(1),
    ({ info, record }) => {
      if (record.length < columns.length || record.length > header.length)
        throw damaged(
          `${file}, line ${info.lines}: expected ${record.length > header.length ? `${header.length} cells` : `at least ${columns.length} cells`} but found ${record.length}; repair the line`,
        );
      return read({ line: info.lines, get: column => record[place.get(column) ?? -1] ?? '' });
    },
    onProblem,
  );
}

const spellings = (column: Column): readonly string[] => (typeof column === 'string' ? [column] : column);

const same = (cell: string, name: string) => cell === name || cell.toLowerCase() === name;
