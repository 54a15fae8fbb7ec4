import { printable } from '../base/words';

/** Rows of cells as lines with columns, whatever names from files stand in them. */
export function table(texts: string[][]): string {
  const rows = texts.map(row => row.map(printable));
  const widths = rows[0].map((_, column) => Math.max(...rows.map(row => row[column].length)));
  return rows
    .map(row =>
      row
        .map((cell, i) => cell.padEnd(widths[i]))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
