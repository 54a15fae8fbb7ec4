import test from 'ava';
import { inOrder } from '../../lib/base/in-order.js';

const sleep = ms => new Promise(resolve => setTimeout(resolve, ms));
const collect = async iterable => {
  const all = [];
  for await (const item of iterable) all.push(item);
  return all;
};

test('results come in order, whichever is ready first', async t => {
  const task = async i => {
    await sleep((5 - (i % 5)) * 3);
    return i * i;
  };
  t.deepEqual(
    await collect(inOrder(12, task, 5, 5)),
    Array.from({ length: 12 }, (_, i) => i * i),
  );
  t.deepEqual(await collect(inOrder(0, task, 5, 5)), []);
});

test('no more than `atOnce` run at once, and no more than `ahead` are begun before they are taken', async t => {
  let running = 0;
  let most = 0;
  let begun = 0;
  const task = async i => {
    begun++;
    most = Math.max(most, ++running);
    await sleep(1);
    running--;
    return i;
  };
  const results = inOrder(30, task, 3, 8);
  await results.next();
  await sleep(40);
  t.is(begun, 9);
  await collect(results);
  t.is(begun, 30);
  t.is(most, 3);
});

test('a failure is passed on, and nothing more is begun', async t => {
  let begun = 0;
  const task = async i => {
    begun++;
    await sleep(1);
    if (i === 3) throw new Error('no');
    return i;
  };
  await t.throwsAsync(collect(inOrder(100, task, 2, 4)), { message: 'no' });
  const then = begun;
  await sleep(20);
  t.is(begun, then);
  t.true(begun < 10);
});
