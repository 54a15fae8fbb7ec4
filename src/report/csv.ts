/** A cell of a CSV table, as RFC 4180 has it. */

export type Cell = string | number | boolean | null | undefined;

/** Nothing where a value is null or absent. */
export function csvCell(value: Cell): string {
  const text = value === null || value === undefined ? '' : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
