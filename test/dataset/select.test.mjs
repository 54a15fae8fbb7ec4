import test from 'ava';
import selection from '../../lib/dataset/select.js';

const { select } = selection;
const rows = Array.from({ length: 10 }, (_, i) => i);

test('without a seed the order stays and size cuts', t => {
  t.deepEqual(select(rows, {}), rows);
  t.deepEqual(select(rows, { size: 3 }), [0, 1, 2]);
  t.deepEqual(select(rows, { size: 100 }), rows);
});

/** mulberry32 and the shuffle of Fisher and Yates, in whole numbers of any size. */
function slowShuffle(values, seed) {
  const word = value => BigInt.asUintN(32, value);
  let state = BigInt(seed);
  const below = n => {
    state = word(state + 0x6d2b79f5n);
    let t = word((state ^ (state >> 15n)) * (state | 1n));
    t ^= word(t + word((t ^ (t >> 7n)) * (t | 61n)));
    return Number(((t ^ (t >> 14n)) * BigInt(n)) >> 32n);
  };
  const left = [...values];
  const out = [];
  while (left.length > 0) {
    const at = below(left.length);
    out.unshift(left[at]);
    left[at] = left.at(-1);
    left.pop();
  }
  return out;
}

test('a seed shuffles, the same way everywhere, before size cuts', t => {
  t.deepEqual(select(rows, { shuffle: 1 }), [7, 8, 3, 2, 1, 5, 9, 4, 0, 6]);
  const many = Array.from({ length: 500 }, (_, i) => i);
  for (const seed of [0, 1, 7, 2 ** 31, 2 ** 32 - 1]) {
    const shuffled = select(many, { shuffle: seed });
    t.deepEqual(shuffled, slowShuffle(many, seed));
    t.deepEqual(select(many, { shuffle: seed, size: 20 }), shuffled.slice(0, 20));
    t.deepEqual(
      shuffled.toSorted((a, b) => a - b),
      many,
    );
  }
  t.deepEqual(rows, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], 'the rows given stay');
});

test('every place is as likely', t => {
  const counts = Array.from({ length: 5 }, () => new Array(5).fill(0));
  for (let seed = 0; seed < 5000; seed++)
    for (const [place, row] of select([0, 1, 2, 3, 4], { shuffle: seed }).entries()) counts[row][place]++;
  // 1000 expected, with a deviation of 28
  t.true(
    counts.flat().every(count => Math.abs(count - 1000) < 150),
    `${counts}`,
  );
});
