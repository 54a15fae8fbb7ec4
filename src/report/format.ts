/** `dissect.json` as text. */

import type { Report } from './types';

/**
 * A report as the text of `dissect.json`, piece by piece, as all of it may be more than one string holds: indented by one
 * space, with one line a unit, ranking and label, numbers as JavaScript prints them, a line feed at the end. `written`
 * keeps the text of what several reports share, which is most of the work.
 */
export function* formatReport(report: Report, written = new Map<unknown, string>()): Generator<string> {
  let piece = '';
  for (const text of formatNew(report, 0, written, Number.POSITIVE_INFINITY)) {
    piece += text;
    if (piece.length < PIECE) continue;
    yield piece;
    piece = '';
  }
  yield `${piece}\n`;
}

/** About the length of a piece. */
const PIECE = 2 ** 20;

/** The depth of what has a line, in the whole report: units, rankings and labels of layers, and images. */
const LINES: Record<string, number> = { layers: 4, top_labels: 2, top_images: 2 };
const OTHERS = 4;

function* format(
  value: unknown,
  depth: number,
  written: Map<unknown, string>,
  line: number,
): Generator<string> {
  if (depth !== line - 1 || typeof value !== 'object') return yield* formatNew(value, depth, written, line);
  const text = written.get(value) ?? [...formatNew(value, depth, written, line)].join('');
  written.set(value, text);
  yield text;
}

function* formatNew(
  value: unknown,
  depth: number,
  written: Map<unknown, string>,
  line: number,
): Generator<string> {
  const list = Array.isArray(value);
  const plain = typeof value !== 'object' || value === null || depth >= line;
  if (plain || (list && value.every(item => typeof item !== 'object'))) return yield JSON.stringify(value);
  const [open, close] = list ? '[]' : '{}';
  const indent = `\n${' '.repeat(depth + 1)}`;
  let before = open;
  for (const [key, item] of Object.entries(value)) {
    if (item === undefined) continue;
    yield `${before}${indent}${list ? '' : `${JSON.stringify(key)}: `}`;
    yield* format(item, depth + 1, written, depth === 0 ? (LINES[key] ?? OTHERS) : line);
    before = ',';
  }
  yield before === open ? `${open}${close}` : `${indent.slice(0, -1)}${close}`;
}
