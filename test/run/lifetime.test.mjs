// Nothing is lost or held for good: memory and threads go with what they belong to, and buffers are read while they are there.
import { execFile } from 'node:child_process';
import fs from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import { dissect, loadModel, retainLayers } from '../../lib/index.js';
import { modelFile, modelFixture } from '../fixtures/models.mjs';
import { temporaryFolder } from '../helpers/broden.mjs';
import { openModel } from '../helpers/dissection.mjs';

const program = name => path.join(import.meta.dirname, '../helpers', name);
const node = async (...args) => JSON.parse((await promisify(execFile)(process.execPath, args)).stdout);

const images = (more = {}) => ({
  length: 6,
  imageSize: [8, 8],
  labels: [{ number: 65535, name: 'left', category: 'side' }],
  categories: ['side'],
  get: async i => ({
    pixels: Uint8Array.from({ length: 192 }, (_, at) => (at * 31 + i * 77) % 256),
    segmentation: { height: 2, width: 2, maps: [Uint16Array.of(65535, 0, 65535, 0)] },
  }),
  ...more,
});

for (const how of ['dropped without close()', 'closed'])
  test(`models and dissections that are ${how} are freed, with their threads`, async t => {
    const { first, last } = await node('--expose-gc', program('dropped.mjs'), how);
    t.log({ first, last });
    t.true(last.threads <= first.threads + 3, `${first.threads} to ${last.threads} threads`);
    t.true(last.mebibytes <= first.mebibytes + 80, `${first.mebibytes} to ${last.mebibytes} MiB`);
  });

test('what a model and a dissection hold natively is told to V8, and taken back', async t => {
  const { loaded, observed, closed, weights, kept } = await node(program('held.mjs'));
  t.is(loaded, weights, 'the weights');
  t.true(observed >= loaded + kept, `${observed} with the cells of the images`);
  t.is(closed, 0);
});

test("sharp's concurrency is as it was found, also where two worker threads dissect at once", async t => {
  t.deepEqual(await node(program('two-workers.mjs')), { before: 3, during: [3, 3], after: 3 });
});

test('an array whose memory is given away during the call is never read after it is gone', async t => {
  const model = await openModel(t, ['plain']);
  const pixels = Float32Array.from({ length: 192 }, (_, i) => Math.sin(i));
  const expected = (await model.forward(pixels, [1, 3, 8, 8]))[0].values;
  for (let round = 0; round < 20; round++) {
    const own = pixels.slice();
    const outputs = model.forward(own, [1, 3, 8, 8]);
    structuredClone(own.buffer, { transfer: [own.buffer] });
    t.is(own.length, 0);
    t.deepEqual((await outputs)[0].values, expected);
  }
  // and in a run: what get() and picture() gave
  const given = [];
  const giveAway = () => {
    for (const array of given.splice(0)) structuredClone(array.buffer, { transfer: [array.buffer] });
  };
  const lend = array => {
    given.push(array);
    setImmediate(giveAway);
    return array;
  };
  const plain = images();
  const run = async dataset =>
    (await dissect(await temporaryFolder(t), model, dataset, { examplesPerUnit: 2 })).layers[0];
  const lent = await run({
    ...plain,
    get: async i => {
      const item = await plain.get(i);
      lend(item.pixels);
      lend(item.segmentation.maps[0]);
      return item;
    },
    picture: async () => lend(new Uint8Array(192)),
  });
  const own = await run(plain);
  t.deepEqual([lent.levels, lent.topImages, lent.tally], [own.levels, own.topImages, own.tally]);
});

test('a label numbered 65535 takes one row', async t => {
  const { layers } = await dissect(await temporaryFolder(t), await openModel(t, ['plain']), images(), {
    images: false,
  });
  t.is(layers[0].tally.labelPixels.length, 1);
  t.is(layers[0].tally.labelPixels[0], 12);
});

test('a picture or recoverImage that gives the wrong thing is found before the run', async t => {
  const model = await openModel(t, ['plain']);
  const outdir = path.join(await temporaryFolder(t), 'out');
  let observed = 0;
  const refused = (more, options, message) =>
    t.throwsAsync(dissect(outdir, model, images(more), { onProgress: () => observed++, ...options }), {
      code: 'ERR_NETDISSECT_DATASET',
      message,
    });
  const floats = { get: async () => ({ pixels: new Float32Array(192) }) };
  await refused(
    { picture: async () => 'a.png' },
    {},
    /^the data set's picture must give image 0 as a Uint8Array of 192 RGB bytes \(8 × 8 × 3\) but gave string$/,
  );
  await refused({ picture: async () => new Uint8Array(191) }, {}, /but gave 191 bytes$/);
  await refused({ picture: async () => undefined }, {}, /but gave undefined$/);
  await refused(
    floats,
    { recoverImage: () => new Float32Array(192) },
    /^recoverImage must give image 0 .* but gave Float32Array$/,
  );
  t.is(observed, 0);
});

test('what a model raises is told in its own words', async t => {
  const model = await loadModel(modelFile('raising_s.pt'), { device: 'cpu' });
  t.teardown(() => model.close());
  retainLayers(model, ['units']);
  await t.throwsAsync(
    dissect(
      await temporaryFolder(t),
      model,
      images({
        picture: async () => new Uint8Array(192),
        get: async () => ({ pixels: new Uint8Array(192).fill(255) }),
        labels: [],
        categories: [],
      }),
      {},
    ),
    {
      code: 'ERR_NETDISSECT_FORWARD',
      message: 'the model fails on images that it is given: ValueError: images of this clinic have 12 bits',
    },
  );
});

test('the temporary file is made in the folder that is named, and a folder that is missing is said', async t => {
  const model = await loadModel(modelFixture('in_place').files.scripted, { device: 'cpu' });
  t.teardown(() => model.close());
  retainLayers(model, ['plain']);
  const run = async spill =>
    dissect(await temporaryFolder(t), model, images(), { images: false, memory: 0, spill });
  const { profile } = await run(await temporaryFolder(t));
  t.true(profile.spilledBytes > 0);
  await t.throwsAsync(run('/nowhere'), {
    code: 'ERR_NETDISSECT_SPILL',
    message: /in \/nowhere: No such file/,
  });
});

test.serial(
  'a full disk is told with the file that it has no room for, whichever it is; nothing is left',
  async t => {
    const model = await openModel(t, ['plain']);
    const folder = await temporaryFolder(t);
    const real = fs.writeFile;
    t.teardown(() => {
      fs.writeFile = real;
    });
    for (const name of ['images/0.jpg', 'masks/1.png', 'bargraph.svg', 'plain/dissect.json', 'index.html']) {
      fs.writeFile = async (file, ...more) => {
        if (!String(file).endsWith(name)) return real(file, ...more);
        throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
      };
      const run = dissect(
        path.join(folder, 'out'),
        model,
        images({ picture: async () => new Uint8Array(192) }),
        {},
      );
      const { message } = await t.throwsAsync(run, { code: 'ERR_NETDISSECT_OUTDIR' });
      t.regex(
        message,
        new RegExp(`^cannot write .*${name}: no space is left; free some, or choose another output folder$`),
      );
      t.deepEqual(await fs.readdir(folder), []);
    }
  },
);
