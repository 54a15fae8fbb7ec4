// Prints sharp's concurrency, set to 3, after two dissections that overlap.
import sharp from 'sharp';
import { dissect, loadModel, retainLayers } from '../../lib/index.js';
import { modelFixture } from '../fixtures/models.mjs';
import { temporaryFolder } from './broden.mjs';

const ends = [];
const t = { teardown: end => ends.push(end) };
const folder = await temporaryFolder(t);
const model = await loadModel(modelFixture('in_place').files.scripted, { device: 'cpu' });
retainLayers(model, ['plain']);
const dataset = {
  length: 20,
  imageSize: [8, 8],
  labels: [],
  categories: [],
  get: async i => ({ pixels: new Uint8Array(192).fill(i) }),
};
sharp.concurrency(3);
const first = dissect(`${folder}/a`, model, dataset, { examplesPerUnit: 2 });
const second = dissect(`${folder}/b`, model, dataset, { examplesPerUnit: 1 });
await Promise.all([first, second]);
console.log(sharp.concurrency());
model.close();
for (const end of ends) await end();
