// Runs cases one after the other: node child.mjs KIND SEED FROM TO. A line of JSON a case, before and after it.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { NetdissectError } from '../../lib/index.js';
import { randomSource } from '../helpers/random.mjs';
import { checkSentence, KINDS } from './kinds.mjs';

const [kind, seed, from, to] = process.argv.slice(2).map((argument, i) => (i ? Number(argument) : argument));
const say = value => fs.writeSync(1, `${JSON.stringify(value)}\n`);
let number = from;

/** What is no outcome that a user should see; undefined where all is well. */
async function problemOf(folder) {
  const random = randomSource(seed * 1_000_003 + number);
  for (let i = 0; i < 5; i++) random.uniform();
  try {
    await KINDS[kind](folder, random);
    return { outcome: 'read' };
  } catch (error) {
    if (!(error instanceof NetdissectError))
      return { outcome: 'fault', problem: error.stack ?? String(error) };
    try {
      checkSentence(error.message);
    } catch (wrong) {
      return { outcome: 'fault', problem: wrong.message };
    }
    return { outcome: 'refused' };
  }
}

const late = error => {
  say({ number, outcome: 'fault', problem: `out of reach: ${error?.stack ?? error}` });
  process.exit(1);
};
process.on('uncaughtException', late);
process.on('unhandledRejection', late);
const top = fs.mkdtempSync(path.join(os.tmpdir(), 'netdissect-fuzz-'));
process.on('exit', () => fs.rmSync(top, { recursive: true, force: true }));
for (; number < to; number++) {
  const folder = path.join(top, 'case');
  fs.mkdirSync(folder);
  say({ number, begun: true });
  const result = await problemOf(folder);
  fs.rmSync(folder, { recursive: true, force: true });
  say({ number, ...result, mebibytes: Math.round(process.resourceUsage().maxRSS / 1024) });
}
