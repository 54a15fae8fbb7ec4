// Ends while a forward never returns: node stuck.mjs exit|throw|worker|close
import { isMainThread, Worker, workerData } from 'node:worker_threads';
import { native } from '../../lib/native/native.js';
import { modelFile } from '../fixtures/models.mjs';

const mode = process.argv[2] ?? workerData;

async function hang() {
  const model = new (native().NativeModel)(1);
  await model.load(modelFile('endless_s.pt'), 'cpu');
  const promise = model.forward(['units'], new Float32Array(12).fill(1), [1, 3, 2, 2]);
  console.log('running');
  return { model, promise };
}

if (!isMainThread) await hang();
else if (mode === 'worker') {
  const worker = new Worker(new URL(import.meta.url), { workerData: 'hang' });
  await new Promise(resolve => setTimeout(resolve, 2500));
  const start = Date.now();
  await worker.terminate();
  console.log(`terminated in ${Date.now() - start}`);
  // nothing of the worker's is used any more, and another model runs
  const model = new (native().NativeModel)(1);
  await model.load(modelFile('identity_s.pt'), 'cpu');
  const [{ values }] = await model.forward(['units'], new Float32Array(4), [1, 1, 2, 2]);
  console.log(`another model: ${values.length} values`);
  await model.close();
  globalThis.gc?.();
} else {
  const { model } = await hang();
  await new Promise(resolve => setTimeout(resolve, 300));
  console.log('ending');
  if (mode === 'throw') throw new Error('thrown on purpose');
  if (mode === 'close') {
    // the event loop is not held up
    let ticks = 0;
    const timer = setInterval(() => ticks++, 10);
    model.close();
    await new Promise(resolve => setTimeout(resolve, 300));
    clearInterval(timer);
    process.exit(ticks > 15 ? 5 : 6);
  }
  process.exit(7);
}
