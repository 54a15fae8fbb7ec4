// A real ImageNet model on real photographs. NETDISSECT_REAL_DATA names the folder; skipped without it.
import path from 'node:path';
import test from 'ava';
import { BrodenDataset, dissect, loadModel, retainLayers } from '../lib/index.js';
import { temporaryFolder } from './helpers/broden.mjs';

const folder = process.env.NETDISSECT_REAL_DATA;
const real = folder ? test : test.skip;

real(
  'SqueezeNet over 600 photographs: fire9 205 (±1) of 512 units and 44 concepts, fire5 79 (±1) of 256 and 16',
  async t => {
    const model = await loadModel(path.join(folder, 'models/squeezenet1_0_imagenet.pt'), { device: 'cpu' });
    t.teardown(() => model.close());
    retainLayers(model, ['fire9', 'fire5']);
    const dataset = new BrodenDataset(path.join(folder, 'broden'), { imageSize: 224, size: 600 });
    const { report } = await dissect(await temporaryFolder(t), model, dataset, { images: false });
    const [fire9, fire5] = report.layers;
    t.deepEqual([fire9.units.length, fire5.units.length], [512, 256]);
    t.true(Math.abs(fire9.interpretable - 205) <= 1, `fire9: ${fire9.interpretable}`);
    t.true(Math.abs(fire5.interpretable - 79) <= 1, `fire5: ${fire5.interpretable}`);
    t.is(fire9.labels.length, 44);
    t.is(fire5.labels.length, 16);
  },
);
