import test from 'ava';
import { shown, some } from '../../lib/base/words.js';

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
