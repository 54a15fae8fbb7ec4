/**
 * Loaded before every test file: each report that a test writes is held against the schema of the package, and a run whose
 * report does not fit rejects.
 */

import fs from 'node:fs';
import path from 'node:path';
import Ajv from 'ajv/dist/2020.js';
import format from '../../lib/report/format.js';

const validators = new Map();

function validatorOf(name) {
  if (!validators.has(name)) {
    const file = path.join(import.meta.dirname, '../../schema', `${name}.json`);
    const ajv = new Ajv.default({
      allErrors: false,
      strict: true,
      strictTypes: false,
      strictRequired: false,
    });
    validators.set(name, ajv.compile(JSON.parse(fs.readFileSync(file, 'utf8'))));
  }
  return validators.get(name);
}

/** What of a report, or a comparison, does not fit its schema; undefined where all does. */
export function misfit(report, name = 'dissect-1') {
  const validator = validatorOf(name);
  if (validator(JSON.parse(JSON.stringify(report)))) return undefined;
  const [{ instancePath, message, params }] = validator.errors;
  return `${instancePath} ${message} ${JSON.stringify(params)}`;
}

const { formatReport } = format;
format.formatReport = (report, ...rest) => {
  if (report?.layers) {
    const wrong = misfit(report);
    if (wrong) throw new Error(`the report does not fit its schema: ${wrong}`);
  }
  return formatReport(report, ...rest);
};
