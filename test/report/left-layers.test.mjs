// Layers of an earlier report that stay in the output folder, beside a report of others.
import fs from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { BrodenDataset, dissect, loadModel, retainLayers } from '../../lib/index.js';
import { temporaryFolder } from '../helpers/broden.mjs';

const root = path.join(import.meta.dirname, '../..');
const OPTIONS = { decoys: 0, bootstrap: 0, examplesPerUnit: 2 };

/** The pictures that a layer's own report shows, by image number. */
function picturesOf(outdir, layer) {
  const report = JSON.parse(fs.readFileSync(path.join(outdir, layer, 'dissect.json'), 'utf8'));
  const { images, labels } = report.pictures;
  const bytes = (pattern, imgnum) =>
    fs.readFileSync(path.join(outdir, layer, pattern.replace('{imgnum}', imgnum)), 'base64');
  return Object.fromEntries(
    report.top_images.map(({ imgnum }) => [imgnum, [images, labels].map(pattern => bytes(pattern, imgnum))]),
  );
}

test('they show the images of their own run, whatever the new report shows', async t => {
  const outdir = path.join(await temporaryFolder(t), 'out');
  const model = await loadModel(path.join(root, 'sample/model.pt'), { device: 'cpu' });
  t.teardown(() => model.close());
  const run = async (layer, more = {}, options = {}) => {
    retainLayers(model, [layer]);
    const choice = { imageSize: 64, split: 'all', size: 12, ...more };
    await dissect(outdir, model, new BrodenDataset(path.join(root, 'sample/broden'), choice), {
      ...OPTIONS,
      ...options,
    });
    return picturesOf(outdir, layer);
  };
  const first = await run('conv1');
  const second = await run('conv5', { shuffle: 1 });
  t.notDeepEqual(first, second);
  t.deepEqual(picturesOf(outdir, 'conv1'), first);
  retainLayers(model, ['conv2']);
  await t.notThrowsAsync(
    dissect(outdir, model, new BrodenDataset(path.join(root, 'sample/broden'), { imageSize: 64, size: 8 }), {
      ...OPTIONS,
      images: false,
    }),
  );
  t.false(fs.existsSync(path.join(outdir, 'images')), 'of no report any more');
  t.deepEqual(picturesOf(outdir, 'conv1'), first);
  t.deepEqual(picturesOf(outdir, 'conv5'), second);
  // as soon as a report has the layer again it is that report's
  const again = await run('conv1', { size: 9 });
  t.notDeepEqual(again, first);
  t.false(fs.existsSync(path.join(outdir, 'conv1/images')));
  t.deepEqual(picturesOf(outdir, 'conv5'), second);
});
