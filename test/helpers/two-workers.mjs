// Prints sharp's concurrency, which is the process's, before, in and after two worker threads that dissect at once.
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import sharp from 'sharp';
import { dissect, loadModel, retainLayers } from '../../lib/index.js';
import { modelFixture } from '../fixtures/models.mjs';
import { temporaryFolder } from './broden.mjs';

if (isMainThread) {
  const workers = [1, 2].map(() => new Worker(new URL(import.meta.url)));
  const message = worker => new Promise(resolve => worker.once('message', resolve));
  await Promise.all(workers.map(message)); // sharp sets it itself where it is loaded
  sharp.concurrency(3);
  const before = sharp.concurrency();
  for (const worker of workers) worker.postMessage('go');
  const during = await Promise.all(workers.map(message));
  console.log(JSON.stringify({ before, during, after: sharp.concurrency() }));
} else {
  const ends = [];
  const folder = await temporaryFolder({ teardown: end => ends.push(end) });
  const model = await loadModel(modelFixture('in_place').files.scripted, { device: 'cpu' });
  retainLayers(model, ['plain']);
  let during;
  parentPort.postMessage('ready');
  await new Promise(resolve => parentPort.once('message', resolve));
  const dataset = {
    length: 20,
    imageSize: [8, 8],
    labels: [],
    categories: [],
    get: async i => {
      during = sharp.concurrency();
      return { pixels: new Uint8Array(192).fill(i) };
    },
  };
  await dissect(`${folder}/out`, model, dataset, { examplesPerUnit: 2 });
  parentPort.postMessage(during);
  await model.close();
  for (const end of ends) await end();
}
