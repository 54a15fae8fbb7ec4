/** Reading the JSON files that options name. */

import { optionError } from '../base/errors';
import { readJson } from '../base/read';

/** The object in a JSON file; `what` says what it is for. */
export function readJsonObject(file: string, what: string): Record<string, unknown> {
  const value = readJson(file, why => optionError(`${file} (${what}) ${why}; give a file of a JSON object`));
  if (value === null || typeof value !== 'object' || Array.isArray(value))
    throw optionError(
      `expected a JSON object in ${file} (${what}) but found ${JSON.stringify(value).slice(0, 40)}`,
    );
  return value as Record<string, unknown>;
}
