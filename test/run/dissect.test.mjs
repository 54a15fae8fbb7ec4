// The whole run from a data set to the files of a report, on small data.
import { createHash } from 'node:crypto';
import fs from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import test from 'ava';
import sharp from 'sharp';
import {
  BrodenDataset,
  datasetStats,
  dissect,
  downloadBroden,
  loadModel,
  openDataset,
  ReverseNormalize,
  retainLayers,
  validateDataset,
} from '../../lib/index.js';
import native from '../../lib/native/native.js';
import looks from '../../lib/report/looks.js';
import { modelFile, modelFixture } from '../fixtures/models.mjs';
import { temporaryFolder, writeBroden, writeFiles, writeImage } from '../helpers/broden.mjs';
import { pixelsOf } from '../helpers/dissection.mjs';
import { byNumber, sameResults } from '../helpers/native.mjs';
import { randomSource } from '../helpers/random.mjs';
import { referenceDissect, referenceMask } from '../reference.mjs';

const { labelColor, labelColorIndex } = looks;
const COUNT = 12;

/** A data set of noise, 8×8 images with 4×4 label maps. */
async function noiseSet(t, options = {}) {
  const folder = await temporaryFolder(t);
  const random = randomSource(3);
  const rows = [];
  await writeBroden(folder, []);
  for (let i = 0; i < COUNT; i++) {
    const pixels = Array.from({ length: 192 }, () => random.below(256));
    await writeImage(path.join(folder, `images/${i}.png`), 8, 8, pixels);
    rows.push(`${i}.png,train,8,8,4,4,${1 + (i % 2)},a_object.png,${i % 3 ? 6 : ''}`);
  }
  await writeBroden(folder, rows);
  return new BrodenDataset(folder, { imageSize: 8, ...options });
}

async function openModel(t, layers, options) {
  const model = await loadModel(modelFixture('in_place').files.scripted, { device: 'cpu' });
  t.teardown(() => model.close());
  retainLayers(model, layers, options);
  return model;
}

const files = async folder =>
  (await fs.readdir(folder, { recursive: true, withFileTypes: true }))
    .filter(entry => entry.isFile())
    .map(entry => path.relative(folder, path.join(entry.parentPath, entry.name)))
    .sort();

/** What the reference makes of the layer's outputs, which the model gives image by image. */
async function reference(model, dataset, results, options = {}) {
  const items = await Promise.all(Array.from({ length: dataset.length }, (_, i) => dataset.get(i, true)));
  const { mean, deviation } = dataset.normalization;
  const outputs = [];
  for (const { pixels } of items) {
    const floats = new Float32Array(192);
    for (let c = 0; c < 3; c++)
      for (let i = 0; i < 64; i++) {
        const scaled = Math.fround(Math.fround(pixels[i * 3 + c]) / Math.fround(255));
        floats[c * 64 + i] = Math.fround(
          Math.fround(scaled - Math.fround(mean[c])) / Math.fround(deviation[c]),
        );
      }
    outputs.push(await model.forward(floats, [1, 3, 8, 8]));
  }
  const labelCategory = new Int32Array(301).fill(-1);
  for (const { number, category } of dataset.labels)
    labelCategory[number] = dataset.categories.indexOf(category);
  return results.layers.map((layer, l) => ({
    activations: outputs.map(output => output[l].values),
    shape: layer.shape,
    segmentations: items.map(({ segmentation }) =>
      segmentation.maps.map(map =>
        typeof map === 'number'
          ? map
          : Uint16Array.from({ length: 16 }, (_, i) => map[i * 3] + 256 * map[i * 3 + 1]),
      ),
    ),
    segSize: items.map(() => [4, 4]),
    labelCategory,
    categories: dataset.categories.length,
    quantile: 0.05,
    topImages: 5,
    ...options,
  }));
}

test('all numbers of a run equal the reference, layer by layer', async t => {
  const dataset = await noiseSet(t);
  const model = await openModel(t, ['sliced', 'inside:second', 'plain']);
  const results = await dissect(path.join(await temporaryFolder(t), 'out'), model, dataset, {
    quantileThreshold: 0.05,
    examplesPerUnit: 5,
    batchSize: 5,
    forwardSize: 1,
    images: false,
  });
  t.deepEqual(
    results.layers.map(layer => layer.layer),
    ['sliced', 'second', 'plain'],
  );
  t.deepEqual(
    results.layers.map(layer => layer.changedInPlace),
    [true, true, false],
  );
  for (const [l, input] of (await reference(model, dataset, results)).entries()) {
    const { labelPixels, categoryPixels, intersections, ...rest } = referenceDissect(input);
    sameResults(t, results.layers[l], rest);
    const numbers = results.labels.map(label => label.number);
    const counts = byNumber(results.layers[l].tally, numbers, input.labelCategory.length);
    sameResults(t, counts, { labelPixels, categoryPixels, intersections });
  }
});

test('the report has all its files, and the JSON what the results say', async t => {
  const outdir = path.join(await temporaryFolder(t), 'out');
  const model = await openModel(t, ['inside:a/b', 'plain']);
  const { report } = await dissect(outdir, model, await noiseSet(t), {
    examplesPerUnit: 3,
    netname: 'noise',
    strips: true,
    singleImages: true,
  });
  const strips = folder =>
    [0, 1, 2, 3].flatMap(unit =>
      ['', 's-'].flatMap(prefix =>
        ['mask.png', 'orig.jpg', 'seg.png', 'top.jpg'].map(
          name => `${folder}/image/${prefix}${unit}-${name}`,
        ),
      ),
    );
  t.deepEqual(
    await files(outdir),
    [
      'index.html',
      'dissect.json',
      'dissect.csv',
      ...report.top_images.flatMap(({ imgnum }) => [`images/${imgnum}.jpg`, `images/${imgnum}.png`]),
      ...['ab', 'plain'].flatMap(folder => [
        `${folder}/dissect.json`,
        `${folder}/bargraph.svg`,
        ...[0, 1, 2, 3].map(unit => `${folder}/masks/${unit}.png`),
        ...strips(folder),
      ]),
    ].sort(),
  );
  t.deepEqual(JSON.parse(await fs.readFile(path.join(outdir, 'dissect.json'), 'utf8')), report);
  const single = JSON.parse(await fs.readFile(path.join(outdir, 'ab/dissect.json'), 'utf8'));
  t.is(single.layers.length, 1);
  t.is(single.layers[0].dirname, '.');
  t.is(report.netname, 'noise');
  t.is(report.images, COUNT);
  t.deepEqual(
    report.layers.map(layer => layer.layer),
    ['a/b', 'plain'],
  );
  t.true(report.layers[0].changed_in_place);
});

const contents = async folder =>
  Promise.all(
    (await files(folder)).map(async name => [name, await fs.readFile(path.join(folder, name), 'base64')]),
  );

test('the same run writes the same bytes', async t => {
  const outdir = await temporaryFolder(t);
  const dataset = await noiseSet(t);
  const model = await openModel(t, ['plain']);
  await dissect(outdir, model, dataset, { examplesPerUnit: 2 });
  const first = await contents(outdir);
  await dissect(outdir, model, dataset, { examplesPerUnit: 2, batchSize: 5, numWorkers: 1 });
  t.deepEqual(await contents(outdir), first);
});

test('what was spilled to disk gives the same pictures and numbers', async t => {
  const folder = await temporaryFolder(t);
  const dataset = await noiseSet(t);
  const model = await openModel(t, ['plain', 'sliced']);
  const run = async (name, memory) => {
    const outdir = path.join(folder, name);
    const { profile } = await dissect(outdir, model, dataset, { examplesPerUnit: 4, forwardSize: 1, memory });
    return { spilled: profile.spilledBytes, contents: await contents(outdir) };
  };
  const kept = await run('kept');
  const spilled = await run('spilled', 0);
  t.is(kept.spilled, 0);
  t.true(spilled.spilled > 0);
  t.deepEqual(spilled.contents, kept.contents);
});

test("a layer's values at the call are another thing where it is changed in place, and the report says which", async t => {
  const dataset = await noiseSet(t);
  const levels = async values => {
    const model = await openModel(t, ['sliced', 'plain'], { values });
    const outdir = await temporaryFolder(t);
    const { layers, report } = await dissect(outdir, model, dataset, { examplesPerUnit: 1 });
    return [report.settings.values, ...layers.map(layer => [...layer.levels])];
  };
  const [said, sliced, plain] = await levels();
  const [saidCall, slicedCall, plainCall] = await levels('call');
  t.is(said, 'after the whole forward');
  t.is(saidCall, 'at the call');
  t.is(sliced[1], 0.5, 'the slice that was set');
  t.not(slicedCall[1], 0.5);
  t.is(slicedCall[0], sliced[0]);
  t.deepEqual(plainCall, plain);
});

test('units that come last are dissected as the same values with the units first', async t => {
  const model = await loadModel(modelFixture('units_last').files.scripted, { device: 'cpu' });
  t.teardown(() => model.close());
  retainLayers(model, ['linear', 'first']);
  const { layers, report } = await dissect(await temporaryFolder(t), model, await noiseSet(t), {
    examplesPerUnit: 2,
  });
  const [{ layer, unitsLast, ...last }, { layer: other, unitsLast: not, ...first }] = layers;
  t.deepEqual([layer, unitsLast, other, not], ['linear', true, 'first', false]);
  t.deepEqual(last.shape, [7, 4, 4]);
  t.deepEqual(last, first);
  t.deepEqual(
    report.layers.map(({ units_last }) => units_last),
    [true, undefined],
  );
});

test('the strips show the top images in rank order, the mask and the labels', async t => {
  const outdir = await temporaryFolder(t);
  const dataset = await noiseSet(t);
  const model = await openModel(t, ['plain']);
  const results = await dissect(outdir, model, dataset, {
    examplesPerUnit: 3,
    quantileThreshold: 0.05,
    forwardSize: 1,
    strips: true,
  });
  const [input] = await reference(model, dataset, results);
  const read = async name => {
    const { data, info } = await sharp(path.join(outdir, 'plain/image', name))
      .ensureAlpha()
      .raw()
      .toBuffer({ resolveWithObject: true });
    t.deepEqual([info.width, info.height], [3 * 8 + 2 * 5, 8], name);
    return (x, y) => [...data.subarray((y * info.width + x) * 4, (y * info.width + x) * 4 + 4)];
  };
  for (let unit = 0; unit < 4; unit++) {
    const mask = await read(`${unit}-mask.png`);
    const seg = await read(`${unit}-seg.png`);
    const orig = await read(`${unit}-orig.jpg`);
    for (let rank = 0; rank < 3; rank++) {
      const image = results.layers[0].topImages[unit * 3 + rank];
      const map = input.activations[image].subarray(unit * 64, (unit + 1) * 64);
      const lit = referenceMask(map, [8, 8], results.layers[0].levels[unit], [8, 8]);
      const picture = await dataset.picture(image);
      let error = 0;
      for (let y = 0; y < 8; y++)
        for (let x = 0; x < 8; x++) {
          const near = (dy, dx) => Math.abs(dy) + Math.abs(dx) <= 2;
          let close = false;
          for (let v = 0; v < 8; v++)
            for (let u = 0; u < 8; u++) close ||= lit[v * 8 + u] === 1 && near(v - y, u - x);
          const expected = lit[y * 8 + x] ? [0, 0, 0, 0] : close ? [200, 200, 0, 255] : [0, 0, 0, 178];
          t.deepEqual(mask(rank * 13 + x, y), expected, `unit ${unit}, rank ${rank}, ${x},${y}`);
          for (let c = 0; c < 3; c++)
            error += Math.abs(orig(rank * 13 + x, y)[c] - picture[(y * 8 + x) * 3 + c]) / 192;
        }
      t.true(error < 60, 'the photograph, as far as JPEG keeps noise');
      // the pixel with 300 under the whole-image labels: the label with the fewest pixels is on top
      t.deepEqual(seg(rank * 13, 7), seg(rank * 13 + 2, 5), 'one label, one colour');
      t.notDeepEqual(seg(rank * 13, 7), seg(rank * 13, 0), 'another label, another colour');
    }
    for (let y = 0; y < 8; y++) t.deepEqual(mask(9, y), [255, 255, 255, 255], 'white between images');
  }
});

test('pictures that are stored once are those of the strips', async t => {
  const outdir = await temporaryFolder(t);
  const dataset = await noiseSet(t);
  const { report } = await dissect(outdir, await openModel(t, ['plain']), dataset, {
    examplesPerUnit: 3,
    quantileThreshold: 0.05,
    strips: true,
  });
  const read = name =>
    sharp(path.join(outdir, name)).ensureAlpha().raw().toBuffer({ resolveWithObject: true });
  const at = ({ data, info }, x, y) => [
    ...data.subarray((y * info.width + x) * 4, (y * info.width + x) * 4 + 4),
  ];
  t.deepEqual(report.pictures, {
    images: 'images/{imgnum}.jpg',
    labels: 'images/{imgnum}.png',
    masks: '{dirname}/masks/{unit}.png',
    strips: '{dirname}/image/{unit}-{strip}',
  });
  for (const { unit, top } of report.layers[0].units) {
    const strip = await read(`plain/image/${unit}-mask.png`);
    const masks = await read(`plain/masks/${unit}.png`);
    t.deepEqual([masks.info.width, masks.info.height], [8, 24]);
    for (const [rank, { imgnum }] of top.entries()) {
      for (let y = 0; y < 8; y++)
        for (let x = 0; x < 8; x++)
          t.deepEqual(at(masks, x, rank * 8 + y), at(strip, rank * 13 + x, y), `unit ${unit}, rank ${rank}`);
      // the label maps are of 4×4 pixels, a map for each category that the image has
      const shown = report.top_images.find(image => image.imgnum === imgnum);
      const labels = await read(`images/${imgnum}.png`);
      t.deepEqual([labels.info.width, labels.info.height], [4, 4 * shown.categories.length]);
    }
  }
  // what each pixel of each map is, from the data set
  for (const { imgnum, categories, labels } of report.top_images) {
    const { segmentation } = await dataset.get(imgnum, true);
    const numbers = segmentation.maps.map(map =>
      typeof map === 'number'
        ? new Array(16).fill(map)
        : Array.from({ length: 16 }, (_, i) => map[i * 3] + 256 * map[i * 3 + 1]),
    );
    const ofNumber = new Map(dataset.labels.map(label => [label.number, label]));
    const present = [...new Set(numbers.flat())].filter(number => ofNumber.has(number)).sort((a, b) => a - b);
    t.deepEqual(labels, present);
    t.deepEqual(
      categories,
      dataset.categories.filter(name => present.some(number => ofNumber.get(number).category === name)),
    );
    const picture = await read(`images/${imgnum}.png`);
    for (const [place, category] of categories.entries())
      for (let i = 0; i < 16; i++) {
        const own = numbers.map(map => map[i]).filter(number => ofNumber.get(number)?.category === category);
        const colors = own.map(number => [...labelColor(labelColorIndex(number)), 255].join());
        const seen = at(picture, i % 4, place * 4 + Math.floor(i / 4)).join();
        t.true(own.length === 0 ? seen === '0,0,0,0' : colors.includes(seen), `image ${imgnum}, ${category}`);
      }
  }
});

test('without strips there are none, and their images, masks and numbers are the same', async t => {
  const folder = await temporaryFolder(t);
  const dataset = await noiseSet(t);
  const model = await openModel(t, ['plain']);
  const run = async (name, options) => {
    await dissect(path.join(folder, name), model, dataset, { examplesPerUnit: 2, ...options });
    return (await contents(path.join(folder, name))).filter(([file]) => /^images|masks|csv$/.test(file));
  };
  const plain = await run('plain', {});
  t.deepEqual(await run('strips', { strips: true, numWorkers: 1 }), plain);
  t.false((await files(path.join(folder, 'plain'))).some(name => /plain\/image\//.test(name)));
  t.deepEqual((await run('single', { singleImages: true })).length, plain.length);
  t.deepEqual(
    (await files(path.join(folder, 'single'))).filter(name => /image\/(?!s-)/.test(name)),
    [],
  );
});

test('where a report comes from: files, digests, versions, images; the same for any number of workers', async t => {
  const dataset = await noiseSet(t);
  const model = await openModel(t, ['plain']);
  const command = { model: 'my model.pt', layers: ['plain'], strips: true };
  const { report } = await dissect(await temporaryFolder(t), model, dataset, {
    images: false,
    examplesPerUnit: 2,
    command,
  });
  const file = modelFixture('in_place').files.scripted;
  t.deepEqual(report.provenance, {
    package: createRequire(import.meta.url)('../../package.json').version,
    libtorch: native.native().describe().libtorch,
    device: 'cpu',
    model: {
      file: path.basename(file),
      sha256: createHash('sha256')
        .update(await fs.readFile(file))
        .digest('hex'),
    },
    dataset: { name: dataset.name, split: 'train', images: COUNT },
    command: "netdissect-native --model 'my model.pt' --layers plain --strips",
  });
  t.is(report.pictures, undefined);
  const numbers = new Set(report.layers[0].units.flatMap(({ top }) => top.map(({ imgnum }) => imgnum)));
  t.deepEqual(
    report.top_images,
    [...numbers].sort((a, b) => a - b).map(imgnum => ({ imgnum, file: `images/${imgnum}.png` })),
  );
});

test('without labels: units by number, levels and pictures only', async t => {
  const outdir = await temporaryFolder(t);
  const { report, layers } = await dissect(outdir, await openModel(t, ['plain']), await noiseSet(t), {
    labels: false,
    examplesPerUnit: 2,
    report: false,
    strips: true,
  });
  t.is(report.default_ranking, 'unit');
  t.is(layers[0].tally, null);
  const written = await files(outdir);
  t.true(written.includes('plain/image/0-top.jpg'));
  t.false(written.some(name => /seg\.png|bargraph|index\.html/.test(name)));
});

test('a normalisation and the same one as a function give the same results', async t => {
  const mean = [0.4, 0.5, 0.6];
  const deviation = [0.2, 0.3, 0.25];
  const model = await openModel(t, ['plain']);
  const normalise = (pixels, height, width) => {
    const out = new Float32Array(pixels.length);
    for (let c = 0; c < 3; c++)
      for (let i = 0; i < height * width; i++)
        out[c * height * width + i] = Math.fround(
          Math.fround(Math.fround(Math.fround(pixels[i * 3 + c] / 255) - Math.fround(mean[c]))) /
            Math.fround(deviation[c]),
        );
    return out;
  };
  const folder = await temporaryFolder(t);
  const options = { examplesPerUnit: 4, quantileThreshold: 0.05, strips: true };
  const native = await dissect(
    path.join(folder, 'a'),
    model,
    await noiseSet(t, { transformImage: { mean, deviation } }),
    options,
  );
  const dataset = await noiseSet(t, { transformImage: normalise });
  const own = await dissect(path.join(folder, 'b'), model, dataset, {
    ...options,
    recoverImage: new ReverseNormalize(mean, deviation),
  });
  sameResults(t, own.layers[0].tally, native.layers[0].tally);
  t.deepEqual(own.layers[0].levels, native.layers[0].levels);
  const strip = name => fs.readFile(path.join(folder, name, 'plain/image/1-orig.jpg'), 'base64');
  t.is(await strip('a'), await strip('b'), 'recovered pictures are the photographs');
});

test('a data set can be any object with length, labels, categories and get', async t => {
  const colors = [
    [255, 0, 0],
    [0, 255, 0],
    [0, 0, 255],
  ];
  const dataset = {
    length: 6,
    imageSize: [8, 8],
    labels: [{ number: 1, name: 'left', category: 'side' }],
    categories: ['side'],
    get: async i => ({
      pixels: Uint8Array.from({ length: 192 }, (_, at) => colors[i % 3][at % 3]),
      segmentation: { height: 2, width: 2, maps: [Uint16Array.from([1, 0, 1, 0])] },
    }),
  };
  const { layers } = await dissect(await temporaryFolder(t), await openModel(t, ['plain']), dataset, {
    examplesPerUnit: 1,
  });
  t.is(layers[0].tally.labelPixels[0], 12);
});

test('progress comes phase by phase', async t => {
  const seen = [];
  await dissect(await temporaryFolder(t), await openModel(t, ['plain']), await noiseSet(t), {
    examplesPerUnit: 1,
    batchSize: 6,
    forwardSize: 5,
    onProgress: progress => seen.push(progress),
  });
  // a machine that is busy may take so long over a batch that it is looked at within, after a forward
  t.deepEqual(
    seen.filter(p => p.phase === 'observe' && p.done !== 5).map(p => p.done),
    [0, 10, 12],
  );
  t.deepEqual(seen.filter(p => p.phase === 'count').at(-1), { phase: 'count', done: 12, total: 12 });
  t.deepEqual(
    seen.filter(p => p.phase === 'decoy').map(p => p.done),
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
  );
  t.deepEqual(
    seen.filter(p => p.phase === 'draw').map(p => p.total - p.done),
    Array.from(seen.filter(p => p.phase === 'draw').keys()).reverse(),
  );
});

test('an aborted run leaves the output folder as it was', async t => {
  const model = await openModel(t, ['plain']);
  const dataset = await noiseSet(t);
  for (const phase of ['observe', 'count', 'decoy', 'draw']) {
    const outdir = await temporaryFolder(t);
    await writeFiles(outdir, { 'dissect.json': 'earlier' });
    const abort = new AbortController();
    const run = dissect(outdir, model, dataset, {
      batchSize: 3,
      signal: abort.signal,
      onProgress: progress => progress.phase === phase && abort.abort(),
    });
    t.is((await run.catch(error => error)).name, 'AbortError');
    t.deepEqual(await files(outdir), ['dissect.json'], phase);
  }
});

test('a run that fails leaves no folder behind', async t => {
  const outdir = path.join(await temporaryFolder(t), 'new');
  const dataset = await noiseSet(t);
  await fs.rm(dataset.nameOf(7));
  await t.throwsAsync(dissect(outdir, await openModel(t, ['plain']), dataset), {
    message: /7\.png, named in line 9 of index\.csv, is missing/,
  });
  await t.throwsAsync(fs.stat(outdir), { code: 'ENOENT' });
});

test('an activation that is no number is refused with the name of the image', async t => {
  const dataset = await noiseSet(t, {
    transformImage: pixels => Float32Array.from(pixels, value => (value === 77 ? Number.NaN : value)),
  });
  const outdir = path.join(await temporaryFolder(t), 'new');
  await t.throwsAsync(dissect(outdir, await openModel(t, ['plain']), dataset), {
    code: 'ERR_NETDISSECT_ACTIVATION',
    message: /layer 'plain', unit 0: a NaN or infinite activation on image \d+ \(.*\d+\.png\)/,
  });
});

test('options that make no sense are refused', async t => {
  const dataset = await noiseSet(t);
  const model = await openModel(t, ['plain']);
  const outdir = path.join(await temporaryFolder(t), 'new');
  for (const options of [
    { batchSize: 0 },
    { examplesPerUnit: 1.5 },
    { quantileThreshold: 1 },
    { iouThreshold: 'a' },
    { memory: -1 },
  ])
    await t.throwsAsync(dissect(outdir, model, dataset, options), {
      code: 'ERR_NETDISSECT_OPTION',
      message: /^expected /,
    });
  retainLayers(model, ['plain:..']);
  await t.throwsAsync(dissect(outdir, model, dataset), { code: 'ERR_NETDISSECT_OPTION' });
  await t.throwsAsync(fs.stat(outdir), { code: 'ENOENT' });
});

test('arguments that are left out or of another kind are refused', async t => {
  const dataset = await noiseSet(t);
  const model = await openModel(t, ['plain']);
  const folder = await temporaryFolder(t);
  const refused = (work, message, code = 'ERR_NETDISSECT_OPTION') => t.throwsAsync(work, { code, message });
  await refused(() => dissect(undefined, model, dataset), /^expected the path of .* but received undefined$/);
  await refused(
    () => dissect(folder, undefined, dataset),
    /^expected a model that loadModel gave but received undefined$/,
  );
  await refused(() => dissect(folder, 'resnet18.pt', dataset), /received 'resnet18\.pt'$/);
  const noDataset = /^expected a data set but received undefined$/;
  await refused(() => dissect(folder, model), noDataset, 'ERR_NETDISSECT_DATASET');
  await refused(() => datasetStats(), noDataset, 'ERR_NETDISSECT_DATASET');
  t.regex((await validateDataset(() => {})).problems[0], noDataset);
  await refused(() => loadModel(), /^expected the path of a model but received undefined$/);
  await refused(
    () => downloadBroden(),
    /^expected the path of a folder as directory but received undefined$/,
  );
  await refused(async () => retainLayers(undefined, ['plain']), /^expected a model/);
  await refused(async () => retainLayers(model, 'plain'), /^expected a list of layers but received 'plain'$/);
  await refused(
    async () => retainLayers(model, [5]),
    /^expected the name of a layer.* but received undefined$/,
  );
  await refused(() => model.layers('x'), /^expected one number or .* for imageSize but received 'x'$/);
});

test('a data set that throws at once, or gives something else than bytes and floats, is refused', async t => {
  const dataset = await noiseSet(t);
  const model = await openModel(t, ['plain']);
  const outdir = path.join(await temporaryFolder(t), 'new');
  const like = get => ({
    length: dataset.length,
    imageSize: dataset.imageSize,
    labels: dataset.labels,
    categories: dataset.categories,
    get,
  });
  const throwing = like((i, segmentation) => {
    if (i === 8) throw new Error('on purpose');
    return dataset.get(i, segmentation);
  });
  await t.throwsAsync(dissect(outdir, model, throwing, { numWorkers: 2 }), { message: 'on purpose' });
  const doubles = like(async (i, segmentation) => ({
    ...(await dataset.get(i, segmentation)),
    pixels: new Float64Array(192),
  }));
  await t.throwsAsync(dissect(outdir, model, doubles, { images: false }), {
    code: 'ERR_NETDISSECT_DATASET',
    message: /must give its pixels as Uint8Array or Float32Array/,
  });
  const floats = like(async () => ({ pixels: new Float32Array(192) }));
  await t.throwsAsync(dissect(outdir, model, floats), {
    code: 'ERR_NETDISSECT_OPTION',
    message: /recoverImage/,
  });
  await t.throwsAsync(fs.stat(outdir), { code: 'ENOENT' });
});

test('images without labels, with a scale and offset', async t => {
  const model = await openModel(t, ['plain'], { addScaleOffset: true });
  const dataset = await noiseSet(t);
  const some = {
    length: dataset.length,
    imageSize: dataset.imageSize,
    labels: dataset.labels,
    categories: dataset.categories,
    get: (i, segmentation) => dataset.get(i, segmentation && i % 2 === 0),
  };
  const results = await dissect(await temporaryFolder(t), model, some, { examplesPerUnit: 2 });
  t.is(pixelsOf(results, 6), 4 * 16);
});

test('what is changed during a run does not reach into it', async t => {
  const model = await openModel(t, ['plain']);
  const run = dissect(await temporaryFolder(t), model, await noiseSet(t), { images: false });
  retainLayers(model, ['last', 'inside']);
  t.deepEqual(
    (await run).layers.map(layer => layer.layer),
    ['plain'],
  );
});

test('two runs at once on one model give the same', async t => {
  const model = await openModel(t, ['plain']);
  const dataset = await noiseSet(t);
  const run = async options =>
    dissect(await temporaryFolder(t), model, dataset, { examplesPerUnit: 2, ...options });
  const [a, b] = await Promise.all([run({}), run({ batchSize: 3 })]);
  sameResults(t, a.layers[0].tally, b.layers[0].tally);
});

test('what JSON cannot keep of meta is refused, or written as JSON has it', async t => {
  const model = await openModel(t, ['plain']);
  const dataset = await noiseSet(t);
  const outdir = await temporaryFolder(t);
  await t.throwsAsync(dissect(outdir, model, dataset, { meta: { big: 1n } }), {
    code: 'ERR_NETDISSECT_OPTION',
    message: /^meta cannot be written as JSON/,
  });
  await dissect(outdir, model, dataset, { images: false, meta: { when: new Date(0), nothing: undefined } });
  t.deepEqual(JSON.parse(await fs.readFile(path.join(outdir, 'dissect.json'), 'utf8')).meta, {
    when: '1970-01-01T00:00:00.000Z',
  });
});

test('more examples than a strip can hold are refused before the run', async t => {
  const dataset = { ...(await noiseSet(t)), length: 9000, imageSize: [8, 8], get: () => t.fail() };
  await t.throwsAsync(
    dissect(await temporaryFolder(t), await openModel(t, ['plain']), dataset, {
      examplesPerUnit: 6000,
      strips: true,
    }),
    {
      code: 'ERR_NETDISSECT_OPTION',
      message: /at most 5038 examples per unit/,
    },
  );
  await t.throwsAsync(
    dissect(await temporaryFolder(t), await openModel(t, ['plain']), dataset, { examplesPerUnit: 8200 }),
    { code: 'ERR_NETDISSECT_OPTION', message: /at most 8187 examples per unit/ },
  );
});

test('a model of four channels is given the opacity that the files have, else 255', async t => {
  const folder = await temporaryFolder(t);
  const random = randomSource(11);
  const image = channels => Buffer.from(Array.from({ length: 64 * channels }, () => random.below(256)));
  const files = { 'a.png': image(4), 'b.png': image(3) };
  for (const [name, data] of Object.entries(files))
    await sharp(data, { raw: { width: 8, height: 8, channels: data.length / 64 } })
      .png()
      .toFile(path.join(folder, name));
  const model = await loadModel(modelFile('alpha_s.pt'), { device: 'cpu' });
  t.teardown(() => model.close());
  retainLayers(model, ['conv']);
  const dataset = openDataset(folder, {
    imageSize: 8,
    transformImage: { mean: [0, 0, 0], deviation: [1, 1, 1] },
  });
  const { layers } = await dissect(path.join(folder, 'out'), model, dataset, {
    images: false,
    report: false,
  });
  const floats = Object.values(files).flatMap(data =>
    [0, 1, 2, 3].flatMap(c =>
      Array.from(
        { length: 64 },
        (_, i) => (data.length === 256 ? data[i * 4 + c] : c < 3 ? data[i * 3 + c] : 255) / 255,
      ),
    ),
  );
  const [{ values }] = await model.forward(Float32Array.from(floats), [2, 4, 8, 8]);
  const largest = (i, unit) => Math.max(...values.subarray((i * 3 + unit) * 64, (i * 3 + unit + 1) * 64));
  for (let unit = 0; unit < 3; unit++) {
    const both = [0, 1].map(i => largest(i, unit)).sort((a, b) => b - a);
    for (const [rank, value] of both.entries())
      t.true(Math.abs(layers[0].topActivations[unit * 2 + rank] - value) < 1e-5);
  }
});

test('what onProgress throws rejects', async t => {
  const dataset = await noiseSet(t);
  const model = await loadModel(modelFixture('in_place').files.scripted, { device: 'cpu' });
  t.teardown(() => model.close());
  retainLayers(model, ['plain']);
  const outdir = path.join(await temporaryFolder(t), 'out');
  const { length, imageSize, labels, categories } = dataset;
  const later = () => new Promise(resolve => setTimeout(resolve, 60));
  const get = async (...args) => {
    await later();
    return dataset.get(...args);
  };
  const slow = { length, imageSize, labels, categories, get };
  let calls = 0;
  const onProgress = ({ done }) => {
    if (done > 0 || ++calls > 1) throw new Error('enough');
  };
  await t.throwsAsync(dissect(outdir, model, slow, { batchSize: 1, images: false, onProgress }), {
    message: 'enough',
  });
  await t.throwsAsync(fs.stat(outdir), { code: 'ENOENT' });
});

test('batch size, workers, memory and pictures change no bit', async t => {
  const random = randomSource(17);
  const pictures = Array.from({ length: 13 }, () =>
    Uint8Array.from({ length: 64 * 64 * 3 }, () => random.below(256)),
  );
  const dataset = {
    length: pictures.length,
    imageSize: [64, 64],
    labels: [],
    categories: [],
    get: async index => ({ pixels: pictures[index] }),
  };
  const results = [];
  const picture = async index => pictures[index];
  for (const options of [
    { batchSize: 1 },
    { batchSize: 5 },
    { batchSize: 100, numWorkers: 1 },
    { memory: 0 }, // two passes
    { images: true, singleImages: true },
  ]) {
    const model = await loadModel(path.join(import.meta.dirname, '../../sample/model.pt'), { device: 'cpu' });
    t.teardown(() => model.close());
    retainLayers(model, ['conv5']);
    const outdir = path.join(await temporaryFolder(t), 'out');
    const { layers } = await dissect(
      outdir,
      model,
      { ...dataset, picture },
      { images: false, report: false, ...options },
    );
    results.push(layers[0]);
  }
  for (const { levels, topImages, topActivations } of results.slice(1)) {
    t.deepEqual(levels, results[0].levels);
    t.deepEqual(topImages, results[0].topImages);
    t.deepEqual(topActivations, results[0].topActivations);
  }
});

test('a data set may fill the same arrays for every image', async t => {
  const random = randomSource(19);
  const images = Array.from({ length: 7 }, () => ({
    pixels: Uint8Array.from({ length: 192 }, () => random.below(256)),
    map: Uint16Array.from({ length: 16 }, () => random.below(3)),
  }));
  const labels = [1, 2].map(number => ({ number, name: `label ${number}`, category: 'object' }));
  const dataset = get => ({ length: 7, imageSize: [8, 8], labels, categories: ['object'], get });
  const pixels = new Uint8Array(192);
  const map = new Uint16Array(16);
  const reusing = async index => {
    pixels.set(images[index].pixels);
    map.set(images[index].map);
    return { pixels, segmentation: { height: 4, width: 4, maps: [map] } };
  };
  const fresh = async index => ({
    pixels: images[index].pixels,
    segmentation: { height: 4, width: 4, maps: [images[index].map] },
  });
  const run = async get => {
    const outdir = path.join(await temporaryFolder(t), 'out');
    const { layers } = await dissect(outdir, await openModel(t, ['plain']), dataset(get), {
      images: false,
      report: false,
    });
    return layers[0];
  };
  sameResults(t, (await run(reusing)).tally, (await run(fresh)).tally);
});
