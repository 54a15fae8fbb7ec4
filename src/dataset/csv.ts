/** Tables of comma-separated values with a header, whose lines messages can name. */

import { type CsvError, parse } from 'csv-parse/sync';
import { readText } from '../read';
import { damaged } from './files';

export type Table = { line: number; get(column: string): string }[];

/** The rows of a CSV file, which must have the columns; `what` is what kind of data set needs it. */
export function readTable(file: string, columns: readonly string[], what = 'Broden', delimiter = ','): Table {
  const text = readText(file, (why, cause) => damaged(`${file} ${why}; a ${what} data set needs it`, cause));
  let records: { info: { lines: number }; record: string[] }[];
  try {
    // info.lines is the line that a record ends on
    records = parse(text, {
      delimiter,
      info: true,
      record_delimiter: ['\r\n', '\n', '\r'],
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
        `${file} has no column '${column}' in its header (${header.join(',') || 'it is empty'}); it is no ${what} table`,
      );
  return records.slice(1).map(({ info, record }) => {
    if (record.length < columns.length)
      throw damaged(
        `${file}, line ${info.lines}: expected at least ${columns.length} cells but found ${record.length}; repair the line`,
      );
    return { line: info.lines, get: column => record[place.get(column) ?? -1] ?? '' };
  });
}
