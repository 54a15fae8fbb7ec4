/**
 * Fuzzes what reads inputs: `npm run fuzz -- --minutes N [options]`. Whatever the input, what comes of it is a result or one
 * sentence, within bounds of time and memory.
 *
 *   --minutes N    for how long
 *   --kind KIND    one kind of input; all in turn by default
 *   --seed S       where to begin, by default by the time
 *   --case N       this one case alone, which a finding names
 */
import { parseArgs } from 'node:util';
import { KINDS } from './kinds.mjs';
import { runCases } from './run.mjs';

const STRETCH = 100;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '1' },
    kind: { type: 'string' },
    seed: { type: 'string', default: String(Math.floor(Date.now() / 1000)) },
    case: { type: 'string' },
  },
});
const kinds = Object.keys(KINDS);
if (values.kind && !kinds.includes(values.kind)) {
  console.error(`--kind takes one of ${kinds.join(', ')}, not ${values.kind}.`);
  process.exit(1);
}
const end = Date.now() + Number(values.minutes) * 60_000;
const totals = new Map();
let seed = Number(values.seed);
for (; totals.size === 0 || (Date.now() < end && values.case === undefined); seed++)
  for (const kind of values.kind ? [values.kind] : kinds) {
    const first = Number(values.case ?? 0);
    const { read, refused, problems } = await runCases(kind, seed, first, values.case ? first + 1 : STRETCH);
    const total = totals.get(kind) ?? { tried: 0, read: 0, refused: 0, problems: 0 };
    totals.set(kind, {
      tried: total.tried + read + refused + problems.length,
      read: total.read + read,
      refused: total.refused + refused,
      problems: total.problems + problems.length,
    });
    for (const { number, problem } of problems)
      console.log(`✖ npm run fuzz -- --kind ${kind} --seed ${seed} --case ${number}\n${problem}`);
    if (Date.now() >= end) break;
  }
console.table(Object.fromEntries(totals));
process.exitCode = [...totals.values()].some(({ problems }) => problems > 0) ? 1 : 0;
