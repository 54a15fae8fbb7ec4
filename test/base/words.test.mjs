import test from 'ava';
import { printable, shown, some } from '../../lib/base/words.js';

test('a list is whole up to so many names', t => {
  t.is(some([], 2), '');
  t.is(some(['a', 'b'], 2), 'a, b');
  t.is(some(['a', 'b', 'c', 'd'], 2), 'a, b and 2 more');
});

test('values of any kind have their words', t => {
  const values = [
    'x',
    7,
    Number.NaN,
    null,
    undefined,
    [1, 2],
    {},
    new Date(),
    Object.create(null),
    true,
    8n,
    () => {},
  ];
  t.deepEqual(values.map(shown), [
    "'x'",
    '7',
    'NaN',
    'null',
    'undefined',
    'a list of 2',
    'Object',
    'Date',
    'an object',
    'true',
    '8',
    'Function',
  ]);
});

test('a sentence is of one line and of some length, and holds nothing that a terminal obeys', t => {
  t.is(printable('a\r\n b\u2028c'), 'a  b c');
  t.is(printable('\u001b[2J\u0007\u009b31m é✓'), '\ufffd[2J\ufffd\ufffd31m é✓');
  const long = `begin${'x'.repeat(9000)}end`;
  t.regex(printable(long), /^begin.* … .*end$/);
  t.true(printable(long).length < 1600);
});
