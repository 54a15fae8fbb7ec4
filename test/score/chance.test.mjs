import test from 'ava';
import chanceModule from '../../lib/score/chance.js';
import { randomSource } from '../helpers/random.mjs';

const { chance, derangement } = chanceModule;
const floats = (...values) => Float64Array.from(values);

test('a derangement is a permutation without fixed points, the same for a seed', t => {
  for (const n of [2, 3, 10, 1000])
    for (let seed = 1; seed <= 20; seed++) {
      const partner = derangement(n, seed);
      t.deepEqual(
        [...partner].sort((a, b) => a - b),
        [...Array(n).keys()],
      );
      t.true(partner.every((other, image) => other !== image));
      t.deepEqual(derangement(n, seed), partner);
    }
  t.notDeepEqual(derangement(1000, 1), derangement(1000, 2));
});

test('what chance would find is the mean over the decoys, with their deviation', t => {
  const { expected, deviation } = chance(
    floats(0.5, 0.1, 0.03),
    [floats(0.05, 0, 0), floats(0.05, 0.06, 0.041)],
    0.04,
  );
  t.is(expected, 2);
  t.is(deviation, Math.sqrt(2));
  t.is(chance(floats(1), [floats(0.04)], 0.04).expected, 0, 'strictly over');
  t.is(chance(floats(1), [floats(1)], 0.04).deviation, 0, 'of one decoy');
});

/** The definition, slow and plain: the smallest share over thresholds below the score. */
function plainQ(scores, decoys, score) {
  const events = [0, ...scores, ...decoys.flatMap(decoy => [...decoy])];
  let least = 1;
  for (const tau of events) {
    if (tau >= score) continue;
    const found = scores.filter(other => other > tau).length;
    const expected =
      decoys.reduce((sum, decoy) => sum + decoy.filter(other => other > tau).length, 0) / decoys.length;
    least = Math.min(least, expected / Math.max(1, found));
  }
  return Math.min(1, least);
}

test("a unit's q is the smallest share of chance that a threshold under its score leaves", t => {
  t.deepEqual([...chance(floats(0.5, 0.2, 0.1, 0), [floats(0.15, 0.05, 0, 0)], 0.04).q], [0, 0, 1 / 3, 1]);
  const random = randomSource(3);
  for (let round = 0; round < 50; round++) {
    const some = () =>
      Float64Array.from({ length: 12 }, () => (random.below(3) ? random.below(8) / 8 : random.uniform()));
    const scores = some();
    const decoys = Array.from({ length: 1 + random.below(4) }, some);
    const { q } = chance(scores, decoys, 0.04);
    for (const [unit, score] of scores.entries()) t.is(q[unit], plainQ([...scores], decoys, score));
  }
});

test('equal scores have equal q, and a higher score never a higher one', t => {
  const scores = floats(0.1, 0.3, 0.1, 0.2, 0.3);
  const { q } = chance(scores, [floats(0.25, 0.05, 0.05, 0, 0), floats(0.15, 0.1, 0, 0, 0)], 0.04);
  t.is(q[0], q[2]);
  t.is(q[1], q[4]);
  t.true(q[1] <= q[3] && q[3] <= q[0]);
});
