// Layers of an earlier report that stay in the output folder, beside a report of others.
import fs from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { BrodenDataset, dissect, loadModel, retainLayers } from '../../lib/index.js';
import { temporaryFolder } from '../helpers/broden.mjs';

const root = path.join(import.meta.dirname, '../..');
const OPTIONS = { decoys: 0, bootstrap: 0, examplesPerUnit: 2 };

/** Images of a layer's folder's own report that are not in `images/`, and the bytes of those that are. */
function imagesOf(outdir, layer) {
  const report = JSON.parse(fs.readFileSync(path.join(outdir, layer, 'dissect.json'), 'utf8'));
  const file = imgnum => path.join(outdir, layer, report.pictures.images.replace('{imgnum}', imgnum));
  const used = new Set(report.layers[0].units.flatMap(({ top }) => top.map(({ imgnum }) => imgnum)));
  return Object.fromEntries(
    [...used].map(imgnum => [
      imgnum,
      fs.existsSync(file(imgnum)) ? fs.readFileSync(file(imgnum)).toString('base64') : 'missing',
    ]),
  );
}

test('they keep their images, which the new report has too, or are refused where these are others', async t => {
  const outdir = path.join(await temporaryFolder(t), 'out');
  const model = await loadModel(path.join(root, 'sample/model.pt'), { device: 'cpu' });
  t.teardown(() => model.close());
  const data = (more = {}) =>
    new BrodenDataset(path.join(root, 'sample/broden'), { imageSize: 64, split: 'all', size: 12, ...more });
  const run = async (layer, dataset = data(), more = {}) => {
    retainLayers(model, [layer]);
    await dissect(outdir, model, dataset, { ...OPTIONS, ...more });
  };
  await run('conv1');
  const before = imagesOf(outdir, 'conv1');
  await run('conv5');
  t.deepEqual(imagesOf(outdir, 'conv1'), before);
  const [first, second] = ['conv1', 'conv5'].map(layer => Object.values(imagesOf(outdir, layer)));
  t.false([...first, ...second].includes('missing'));
  const files = fs.readdirSync(outdir, { recursive: true }).sort();
  const refused = dataset =>
    t.throwsAsync(run('conv2', dataset), {
      code: 'ERR_NETDISSECT_OUTDIR',
      message: /out\/conv1 is a layer of an earlier report, and its images.* are others; choose another/,
    });
  await refused(data({ size: 11 }));
  await refused(data({ shuffle: 1 }));
  await refused(data({ imageSize: 65 }));
  await refused(data({ resize: 'crop' }));
  await refused(data({ categories: ['color'] }));
  t.deepEqual(fs.readdirSync(outdir, { recursive: true }).sort(), files);
  await run('conv2', data({ size: 11 }), { images: false });
  t.deepEqual(imagesOf(outdir, 'conv1'), before, 'a report without pictures leaves them alone');
  await refused(data({ size: 11 }));
  await run('conv2');
  t.deepEqual(imagesOf(outdir, 'conv1'), before);
});
