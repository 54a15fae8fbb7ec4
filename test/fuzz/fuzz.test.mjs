// Fixed cases of the fuzzer: whatever the input, a result or one sentence, within bounds of time and memory.
import test from 'ava';
import { KINDS } from './kinds.mjs';
import { runCases } from './run.mjs';

const CASES = 50;

for (const kind of Object.keys(KINDS))
  test.serial(`${CASES} damaged inputs: ${kind}`, async t => {
    const { read, refused, problems } = await runCases(kind, 1, 0, CASES);
    t.deepEqual(problems, []);
    t.is(read + refused, CASES);
    t.true(refused > 0, 'some are damaged enough');
  });

/** What the fuzzer has found, and was mended: kind, seed and number of the case. */
const FOUND = [
  ['checkpoints', 101, 40], // values of which the last reaches a byte beyond the file's
  ['checkpoints', 103, 67],
];

test.serial('what was found stays mended', async t => {
  for (const [kind, seed, number] of FOUND) {
    const { problems } = await runCases(kind, seed, number, number + 1);
    t.deepEqual(problems, [], `${kind} ${seed} ${number}`);
  }
});
