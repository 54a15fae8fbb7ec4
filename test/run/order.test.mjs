// Calls in every order: each one resolves or rejects with a code, in the main thread and in a worker's; the process lives.
import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';

const program = path.join(import.meta.dirname, '../helpers/order.mjs');

for (const where of ['main', 'worker'])
  test(`calls in every order reject with a code or resolve, in a ${where === 'main' ? 'main thread' : 'worker'}`, async t => {
    const { stdout } = await promisify(execFile)(process.execPath, [program, where], { maxBuffer: 2 ** 26 });
    const { orders, codes, odd } = JSON.parse(stdout);
    t.deepEqual(odd, []);
    t.is(orders, 2 * 720);
    t.deepEqual(Object.keys(codes).sort(), ['ERR_NETDISSECT_USAGE', 'resolved']);
  });
