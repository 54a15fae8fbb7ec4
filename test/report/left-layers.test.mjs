// Layers of an earlier report that stay in the output folder, beside a report of others.
import fs from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { BrodenDataset, dissect, loadModel, retainLayers } from '../../lib/index.js';
import leftLayers from '../../lib/report/left-layers.js';
import outdirModule from '../../lib/report/outdir.js';
import { temporaryFolder, writeFiles } from '../helpers/broden.mjs';

const { giveImages } = leftLayers;
const { StagedFolder } = outdirModule;

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

const LAYER = JSON.stringify({
  pictures: { images: '../images/{imgnum}.jpg' },
  layers: [{ units: [{ top: [{ imgnum: 3 }, { imgnum: 4 }] }] }],
});
const REPORT = '{\n "format": 1,\n "pictures": {},\n "layers": []\n}\n';

async function outputFolder(t, files) {
  const folder = await temporaryFolder(t);
  const outdir = path.join(folder, 'out');
  await writeFiles(outdir, {
    'dissect.json': REPORT,
    'images/3.jpg': 'three',
    'images/3.png': 'labels',
    ...files,
  });
  return outdir;
}
const has = (outdir, file) => fs.existsSync(path.join(outdir, file));
const patternOf = outdir =>
  JSON.parse(fs.readFileSync(path.join(outdir, 'conv1/dissect.json'), 'utf8')).pictures.images;

test('a run that was killed in between is gone on with', async t => {
  const outdir = await outputFolder(t, { 'conv1/dissect.json': LAYER, 'conv1/dissect.json.new': '{' });
  fs.mkdirSync(path.join(outdir, 'conv1/images'));
  fs.linkSync(path.join(outdir, 'images/3.jpg'), path.join(outdir, 'conv1/images/3.jpg'));
  t.is(patternOf(outdir), '../images/{imgnum}.jpg', 'it shows those of its report until then');
  await giveImages(outdir, ['conv2']);
  t.is(patternOf(outdir), 'images/{imgnum}.jpg');
  t.deepEqual(fs.readdirSync(path.join(outdir, 'conv1/images')).sort(), ['3.jpg', '3.png']);
  t.false(has(outdir, 'conv1/dissect.json.new'));
  const before = fs.readFileSync(path.join(outdir, 'conv1/dissect.json'), 'utf8');
  await giveImages(outdir, ['conv2']);
  t.is(fs.readFileSync(path.join(outdir, 'conv1/dissect.json'), 'utf8'), before, 'once');
});

test('a damaged or hostile report takes nothing from beside the folder, and stops no run', async t => {
  for (const imgnum of ['"../../../photo"', '"x"', '-1', '0.5', 'null', '{}']) {
    const outdir = await outputFolder(t, {
      'conv1/dissect.json': `{"pictures": {"images": "../images/{imgnum}.jpg"}, "layers": [{"units": [{"top": [{"imgnum": ${imgnum}}]}]}]}`,
      '../photo.jpg': 'mine',
    });
    await giveImages(outdir, []);
    t.is(fs.readFileSync(path.join(outdir, '../photo.jpg'), 'utf8'), 'mine');
    t.deepEqual(fs.readdirSync(path.join(outdir, 'conv1/images')), []);
  }
  for (const text of ['"../images/{imgnum}.jpg"', '{"layers": 5, "x": "../images/{imgnum}.jpg"}', '{']) {
    const outdir = await outputFolder(t, { 'conv1/dissect.json': text });
    await t.notThrowsAsync(giveImages(outdir, []));
  }
});

test('images of the user in a folder with a name of a layer are never replaced', async t => {
  for (const files of [
    { 'conv1/images/1.jpg': 'mine' },
    { 'conv1/images/holiday.jpg': 'mine', 'conv1/masks/1.png': 'mine' },
    { 'conv1/images/holiday.jpg': 'mine', 'conv1/dissect.json': LAYER },
    { 'conv1/images': 'a file of mine', 'conv1/dissect.json': LAYER },
  ]) {
    const outdir = await outputFolder(t, files);
    await t.throwsAsync(StagedFolder.open(outdir, ['conv1']), {
      code: 'ERR_NETDISSECT_OUTDIR',
      message: /conv1\/images.* is in the way and is no part of an earlier report/,
    });
  }
  const outdir = await outputFolder(t, { 'conv1/images/3.jpg': 'old', 'conv1/dissect.json': LAYER });
  const staged = await StagedFolder.open(outdir, ['conv1']);
  await staged.discard();
});
