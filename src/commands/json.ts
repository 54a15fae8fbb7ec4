/** Reading the JSON files that options name. */

import fs from 'node:fs';
import { optionError } from '../options';

/** The object in a JSON file; `what` says what it is for. */
export function readJsonObject(file: string, what: string): Record<string, unknown> {
  let text: string;
  try {
    text = fs.readFileSync(file, 'utf8').replace(/^\uFEFF/, '');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const why = code === 'ENOENT' ? 'there is no such file' : code === 'EISDIR' ? 'it is a folder' : message;
    throw optionError(`cannot read ${file} (${what}): ${why}`);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const why = (error as Error).message.replace(/\s+/g, ' ');
    throw optionError(`${file} (${what}) is not JSON: ${why}; repair it`);
  }
  if (value === null || typeof value !== 'object' || Array.isArray(value))
    throw optionError(
      `expected a JSON object in ${file} (${what}) but found ${JSON.stringify(value).slice(0, 40)}`,
    );
  return value as Record<string, unknown>;
}
