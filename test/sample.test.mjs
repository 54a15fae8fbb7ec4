// The embedded sample: the trained model has detectors, the same network with random weights far fewer.
import path from 'node:path';
import test from 'ava';
import { BrodenDataset, dissect, loadModel, retainLayers } from '../lib/index.js';
import { temporaryFolder } from './helpers/broden.mjs';

const sample = path.join(import.meta.dirname, '../sample');

async function concepts(t, file) {
  const model = await loadModel(path.join(sample, file), { device: 'cpu' });
  t.teardown(() => model.close());
  retainLayers(model, ['conv4', 'conv5']);
  const dataset = new BrodenDataset(path.join(sample, 'broden'), { imageSize: 224 });
  t.true(dataset.length >= 150);
  t.true(dataset.categories.length >= 4);
  const { report } = await dissect(await temporaryFolder(t), model, dataset, { images: false });
  const found = report.layers.flatMap(layer => layer.units.filter(({ interp }) => interp));
  const sure = found.filter(({ q }) => q <= 0.05).length;
  t.log(`${file}: ${found.length} detectors, ${sure} of them with q up to 0.05`);
  t.true(sure > 0.75 * found.length, 'what they find is no chance');
  return new Set(report.layers.flatMap(layer => layer.labels.map(label => label.labelnum))).size;
}

test('the trained model finds at least 12 distinct concepts, random weights at most half as many', async t => {
  const trained = await concepts(t, 'model.pt');
  const random = await concepts(t, 'random.pt');
  t.log(`${trained} concepts, with random weights ${random}`);
  t.true(trained >= 12);
  t.true(random <= trained / 2);
});
