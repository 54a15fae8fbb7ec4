// Pickles are read as data. What PyTorch writes is in checkpoint.test.mjs; here are single opcodes and hostile pickles.
import test from 'ava';
import { Global, Opaque, unpickle } from '../../../lib/model/checkpoint/pickle.js';
import { call, pickled, python } from '../../helpers/checkpoint.mjs';

/** A pickle of opcodes in hexadecimal, `'text'` for characters. */
const opcodes = (...parts) =>
  Buffer.concat([
    Buffer.from([0x80, 4]),
    ...parts.map(part =>
      part.startsWith("'") ? Buffer.from(part.slice(1)) : Buffer.from(part.replaceAll(' ', ''), 'hex'),
    ),
  ]);

test('plain values', t => {
  const value = ['text', 1, -5, 2.5, true, null, { a: [], b: ['c'] }];
  t.deepEqual(unpickle(pickled(value)), [
    'text',
    1,
    -5,
    2.5,
    true,
    null,
    new Map([
      ['a', []],
      ['b', ['c']],
    ]),
  ]);
});

test('long integers are exact, or opaque where a number does not hold them', t => {
  const long = hex => unpickle(opcodes(`8a ${(hex.length / 2).toString(16).padStart(2, '0')} ${hex}`, "'."));
  t.is(long(''), 0);
  t.is(long('ff'), -1);
  t.is(long('00ff'), -256);
  t.is(long('ff00'), 255);
  t.is(long('000000000001'), 2 ** 40);
  t.is(long('00000000ffffff'), -(2 ** 32));
  t.is(long('ffffffffffff1f'), Number.MAX_SAFE_INTEGER);
  t.is(long('010000000000e0ff'), -Number.MAX_SAFE_INTEGER);
  t.true(long('0000000000002000') instanceof Opaque);
  t.true(long('ffffffffffffffff00') instanceof Opaque);
});

test('what is named is not looked up, and what is called is not called', t => {
  const value = unpickle(
    pickled([python('os', 'system'), call(python('os', 'system'), ['touch /tmp/never'])]),
  );
  t.deepEqual(value[0], new Global('os.system'));
  t.true(value[1] instanceof Opaque);
  t.is(value[1].name, 'os.system');
  t.deepEqual(value[1].args, ['touch /tmp/never']);
});

test('names that JavaScript knows mean nothing', t => {
  const value = unpickle(
    pickled(
      new Map([
        ['__proto__', 1],
        ['constructor', call(python('Object', 'prototype'), [])],
      ]),
    ),
  );
  t.is(value.get('__proto__'), 1);
  t.is(Object.getPrototypeOf(value), Map.prototype);
  t.is(value.get('constructor').constructor, Opaque);
});

test('damaged pickles are refused with the place', t => {
  const refused = (bytes, message) => t.throws(() => unpickle(bytes), { message });
  refused(Buffer.from(''), /ends too early/);
  refused(Buffer.from('hello'), /expected a pickle of protocol 2 to 5/);
  refused(Buffer.from([0x80, 1, 0x2e]), /expected a pickle of protocol 2 to 5/);
  refused(Buffer.from([0x80, 6, 0x2e]), /expected a pickle of protocol 2 to 5/);
  refused(opcodes("'N"), /ends too early at byte 3/);
  refused(opcodes("'."), /an empty stack/);
  refused(opcodes("'t."), /a missing mark/);
  refused(opcodes("'(0t."), /an empty stack/);
  refused(opcodes("'N(0t."), /a missing mark/);
  refused(opcodes("'h", '07', "'."), /an unknown reference/);
  refused(opcodes("'NNa."), /no list/);
  refused(opcodes("'NNNs."), /no dict/);
  refused(opcodes('93', "'."), /an empty stack/);
  refused(opcodes("'NN", '93', "'."), /a class without a name/);
  refused(opcodes("'cos"), /ends too early/);
  refused(opcodes('ff'), /the unknown opcode 255 at byte 2/);
});

test('lengths beyond the end allocate nothing and end at once', t => {
  for (const length of [
    '58ffffffff',
    '8b ffffffff',
    '42 ffffffff',
    '54 ffffff7f',
    '8e ffffffffffffffff',
    '8d 00000000ffff0000',
    '96 ffffffffffffff7f',
  ])
    t.throws(() => unpickle(opcodes(length, "'N.")), { message: /ends too early/ }, length);
});

test('a bomb of references takes memory in proportion to its length', t => {
  // each list holds the one before a hundred times
  const layers = 2000;
  const parts = ["']", '94'];
  for (let i = 0; i < layers; i++) {
    const before = Buffer.alloc(5, 'j');
    before.writeUInt32LE(i, 1);
    parts.push("'](", ...Array(100).fill(before.toString('hex')), "'e", '94');
  }
  let list = unpickle(opcodes(...parts, "'."));
  for (let i = 0; i < layers; i++) {
    t.is(list.length, 100);
    list = list[99];
  }
  t.is(list.length, 0);
});

test('deep nesting does not exhaust the stack', t => {
  let list = unpickle(
    Buffer.concat([Buffer.from([0x80, 2, 0x5d]), Buffer.alloc(300_000, 0x85), Buffer.from('.')]),
  );
  for (let i = 0; i < 300_000; i++) [list] = list;
  t.deepEqual(list, []);
});
