// Drops 200 models with a dissection each, without close(), or closed where that is the argument; prints memory and threads after some and after all.
import fs from 'node:fs';
import { native } from '../../lib/native/native.js';
import { modelFile } from '../fixtures/models.mjs';
import { nativeOptions } from './native.mjs';

const input = {
  shape: [64, 16, 16],
  activations: Array.from({ length: 8 }),
  quantile: 0.5,
  topImages: 2,
  labelCategory: Int32Array.of(-1, 0),
  categories: 1,
};
const pixels = Float32Array.from({ length: 8 * 64 * 256 }, (_, i) => (i * 7) % 5);

async function drop() {
  const model = new (native().NativeModel)(1);
  await model.load(modelFile('identity_s.pt'), 'cpu');
  const dissection = await model.dissect(nativeOptions(input));
  await dissection.observe({ first: 0, count: 8, pixels });
  await dissection.finish();
  if (process.argv[2] === 'closed') await Promise.all([dissection.close(), model.close()]);
}

async function collect() {
  for (let i = 0; i < 6; i++) {
    globalThis.gc();
    await new Promise(resolve => setTimeout(resolve, 20));
  }
  return {
    mebibytes: Math.round(process.memoryUsage.rss() / 2 ** 20),
    threads: fs.readdirSync('/proc/self/task').length,
  };
}

for (let i = 0; i < 40; i++) await drop();
const first = await collect();
for (let i = 0; i < 160; i++) {
  await drop();
  if (i % 20 === 0) await collect();
}
console.log(JSON.stringify({ first, last: await collect() }));
