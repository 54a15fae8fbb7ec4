import fs from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { readCheckpoint } from '../../../lib/model/checkpoint/checkpoint.js';
import { temporaryFolder } from '../../helpers/broden.mjs';

const code = 'ERR_NETDISSECT_CHECKPOINT';

/** A file of that header, and values behind it. */
async function write(t, header, values = Buffer.alloc(64, 1)) {
  const file = path.join(await temporaryFolder(t), 'a.safetensors');
  const text = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeUInt32LE(text.length);
  await fs.writeFile(file, Buffer.concat([length, text, values]));
  return file;
}

test('names, types, shapes and values are those of the header', async t => {
  const values = Buffer.from(Array.from({ length: 20 }, (_, i) => i));
  const file = await write(
    t,
    {
      __metadata__: { format: 'pt' },
      'b.weight': { dtype: 'F32', shape: [2, 1], data_offsets: [4, 12] },
      a: { dtype: 'BF16', shape: [2], data_offsets: [0, 4] },
      scalar: { dtype: 'I64', shape: [], data_offsets: [12, 20] },
      none: { dtype: 'U8', shape: [0], data_offsets: [20, 20] },
    },
    values,
  );
  const checkpoint = await readCheckpoint(file);
  t.teardown(() => checkpoint.close());
  const found = await Promise.all(
    checkpoint.tensors.map(async tensor => [
      tensor.name,
      tensor.dtype,
      tensor.shape,
      [...(await tensor.read())],
    ]),
  );
  t.deepEqual(found, [
    ['b.weight', 'float32', [2, 1], [4, 5, 6, 7, 8, 9, 10, 11]],
    ['a', 'bfloat16', [2], [0, 1, 2, 3]],
    ['scalar', 'int64', [], [12, 13, 14, 15, 16, 17, 18, 19]],
    ['none', 'uint8', [0], []],
  ]);
  t.deepEqual(checkpoint.meta, {});
});

test('types that no model has are refused when they are asked for', async t => {
  const file = await write(t, { a: { dtype: 'F8_E4M3', shape: [2], data_offsets: [0, 2] } });
  const checkpoint = await readCheckpoint(file);
  t.teardown(() => checkpoint.close());
  await t.throwsAsync(checkpoint.tensors[0].read(), {
    code,
    message: /cannot take 'a' from .*: its type is F8_E4M3; expected one of F64, F32, F16, BF16, I64/,
  });
});

test('a header that makes no sense is refused', async t => {
  const entry = { dtype: 'F32', shape: [2], data_offsets: [0, 8] };
  for (const [header, message] of [
    ['{"a": ', /is damaged or cut off \(its header is no JSON: /],
    [{ a: { ...entry, shape: [3] } }, /'a' has other bytes than its shape needs/],
    [{ a: { ...entry, data_offsets: [60, 68] } }, /'a' has other bytes/],
    [{ a: { ...entry, data_offsets: [8, 0] } }, /'a' has other bytes/],
    [{ a: { ...entry, shape: [-2] } }, /does not describe 'a'/],
    [{ a: { ...entry, shape: [2 ** 30, 2 ** 30] } }, /'a' has other bytes/],
    [{ a: 1 }, /does not describe 'a'/],
    [{ a: null }, /does not describe 'a'/],
  ])
    await t.throwsAsync(readCheckpoint(await write(t, header)), { code, message });
  const file = await write(t, { a: entry });
  await fs.truncate(file, 20);
  await t.throwsAsync(readCheckpoint(file), { code, message: /its header ends too early/ });
});
