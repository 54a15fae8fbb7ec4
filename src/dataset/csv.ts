/** Tables of comma-separated values with a header, whose lines messages can name. */

import { type CsvError, parse } from 'csv-parse/sync';
import { readText } from '../read';
import { damaged, type OnProblem, takeEach } from './files';

export interface Row {
  line: number;
  /** The cell of a column that was asked for; empty where the table lacks it. */
  get(column: string): string;
}

export interface TableOptions {
  /** Columns that may be there. */
  optional?: readonly string[];
  /** What kind of data set needs the table. */
  what?: string;
  delimiter?: string;
  /** Gets what is wrong with a row, which is then left out; by default it is thrown. */
  onProblem?: OnProblem;
}

/** What `read` makes of each row of a CSV file, which must have the columns; undefined leaves the row out. */
export function readTable<Result>(
  file: string,
  columns: readonly string[],
  read: (row: Row) => Result | undefined,
  { optional = [], what = 'Broden', delimiter = ',', onProblem }: TableOptions = {},
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
  const place = new Map(header.map((name, i) => [name, i]));
  for (const column of columns)
    if (!place.has(column))
      throw damaged(
        `${file} has no column '${column}' in its header (${header.join(',') || 'it is empty'}); it is no ${what} table`,
      );
  for (const column of [...columns, ...optional])
    if (header.indexOf(column) !== header.lastIndexOf(column))
      throw damaged(`${file} has two columns '${column}' in its header; remove or rename one`);
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
