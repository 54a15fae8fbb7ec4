// What all data sets of image files do: options, perturbations, normalisation.
import fs from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import npy from '../../lib/base/npy.js';
import {
  BrodenDataset,
  CocoDataset,
  IMAGENET_NORMALIZATION,
  LabelledDataset,
  MaskDataset,
  MultiSegmentDataset,
  openDataset,
  readPerturbation,
} from '../../lib/index.js';
import { ROW_A, ROW_B, temporaryFolder, writeBroden } from '../helpers/broden.mjs';
import { IMAGES, reference } from '../helpers/images.mjs';

const open = async (t, options, rows = [ROW_A, ROW_B]) =>
  new BrodenDataset(await writeBroden(await temporaryFolder(t), rows), { imageSize: 8, ...options });

/** A data set of one image, `perturbed/image.png`, which has the size asked for. */
async function openPhoto(t, options) {
  const dataset = await open(t, { imageSize: [24, 30], ...options });
  await fs.copyFile(path.join(IMAGES, 'perturbed/image.png'), dataset.nameOf(0));
  return dataset;
}

const perturbation = () => readPerturbation(path.join(IMAGES, 'perturbed/perturbation.npy'));

test("a perturbation's centre is added, the sum clipped and normalised in float32: what numpy computes", async t => {
  const dataset = await openPhoto(t, { perturbation: perturbation() });
  const { pixels } = await dataset.get(0, false);
  const expected = npy.readNpy(path.join(IMAGES, 'perturbed/normalized.npy'));
  t.deepEqual(expected.shape, [3, 24, 30]);
  t.deepEqual(pixels, expected.data);
  t.deepEqual(
    new Uint8Array(await dataset.picture(0)),
    new Uint8Array((await reference('perturbed/picture.png')).data),
  );
  t.is(dataset.settings.perturbation, 'perturbation.npy');
});

/** Zeros with one value at [y, x, c]. */
function single(height, width, [y, x, c], value) {
  const values = new Float32Array(height * width * 3);
  values[(y * width + x) * 3 + c] = value;
  return { height, width, values };
}

test('of a perturbation one row or column too large the first ones stay: margins are rounded down', async t => {
  const at = async (size, place) => {
    const dataset = await open(t, { perturbation: single(...size, place, 100) });
    const plain = await open(t, {});
    const a = await dataset.picture(0);
    const b = await plain.picture(0);
    return a.findIndex((value, i) => value !== b[i]);
  };
  t.is(await at([8, 8], [2, 3, 1]), (2 * 8 + 3) * 3 + 1);
  t.is(await at([9, 9], [0, 0, 0]), 0);
  t.is(await at([9, 9], [8, 8, 0]), -1);
  t.is(await at([11, 12], [1, 2, 2]), 2);
  t.is(await at([11, 12], [0, 2, 2]), -1);
});

test('the sum is clipped to 0..255, and a fraction of a byte reaches the model', async t => {
  const { mean, deviation } = IMAGENET_NORMALIZATION;
  const first = async value => {
    const dataset = await open(t, { perturbation: single(8, 8, [0, 0, 0], value) });
    return ((await dataset.get(0, false)).pixels[0] * deviation[0] + mean[0]) * 255;
  };
  const close = (a, b) => t.true(Math.abs(a - b) < 1e-4, `${a}`);
  close(await first(-11), 0); // the image's value is 10
  close(await first(1000), 255);
  close(await first(0.25), 10.25);
});

test('no perturbation and one of zeros give the same numbers', async t => {
  const normalization = { mean: [0.1, 0.2, 0.3], deviation: [0.7, 0.8, 0.9] };
  const perturbation = single(24, 30, [0, 0, 0], 0);
  const dataset = await openPhoto(t, { perturbation, transformImage: normalization });
  const { pixels } = await dataset.get(0, false);
  const bytes = await dataset.picture(0);
  const { fround } = Math;
  const native = (byte, c) => {
    const { mean, deviation } = normalization;
    return fround(fround(fround(fround(byte) / 255) - fround(mean[c])) / fround(deviation[c]));
  };
  const plane = 24 * 30;
  t.true(
    pixels.every(
      (value, i) => value === native(bytes[(i % plane) * 3 + Math.floor(i / plane)], Math.floor(i / plane)),
    ),
  );
});

test('transformImage as a function is given the perturbed picture', async t => {
  let seen;
  const dataset = await openPhoto(t, {
    perturbation: perturbation(),
    transformImage: pixels => {
      seen = pixels;
      return new Float32Array(pixels.length);
    },
  });
  await dataset.get(0, false);
  t.deepEqual(seen, await dataset.picture(0));
});

test('what is no path is refused by every kind', t => {
  for (const open of [
    openDataset,
    ...[BrodenDataset, CocoDataset, LabelledDataset, MaskDataset, MultiSegmentDataset].map(
      Kind => path => new Kind(path),
    ),
  ])
    for (const [path, shown] of [
      [undefined, 'undefined'],
      [null, 'null'],
      [7, '7'],
      ['', "''"],
      [{ imageSize: 8 }, 'Object'],
    ])
      t.throws(() => open(path), {
        code: 'ERR_NETDISSECT_OPTION',
        message: `expected the path of a data set but received ${shown}`,
      });
});

test('options that make no sense are refused', async t => {
  const refused = (options, message) =>
    t.throwsAsync(open(t, options), { code: 'ERR_NETDISSECT_OPTION', message });
  await refused({ perturbation: single(7, 8, [0, 0, 0], 1) }, /is 7×8, smaller than the images of 8×8/);
  await refused(
    { perturbation: { ...perturbation(), width: 36 } },
    /expected 3132 values \(29 × 36 × 3\) in perturbation\.npy/,
  );
  await refused({ resize: 'squash' }, /expected stretch or crop for resize but received 'squash'/);
  await refused({ imageSize: 0 }, /for imageSize but received 0/);
  await refused({ imageSize: [8] }, /for imageSize but received \[8\]/);
  await refused({ imageSize: [8, 8.5] }, /for imageSize but received \[8, 8\.5\]/);
  for (const shuffle of [-3, 0.5, 2 ** 32, Number.NaN, '7'])
    await refused({ shuffle }, /expected a whole number from 0 to 4294967295 for shuffle but received /);
  await refused({ categories: [7] }, /^expected a list of names for categories but received a list of 1$/);
  await refused({ split: 7 }, /^expected a text for split but received 7$/);
  await refused(
    { resolution: '224' },
    /^expected a whole number from 1 on for resolution but received '224'$/,
  );
  for (const size of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, '8'])
    await refused({ size }, /expected a whole number from 1 on for size but received /);
  for (const imageSize of [null, 'large', Number.NaN, {}])
    await refused({ imageSize }, /for imageSize but received (null|'large'|NaN|Object)$/);
  await refused({ categories: 'object' }, /^expected a list of names for categories but received 'object'$/);
});

test('the fingerprint is of what is made of an image and its label map, not of the choice of images or of where they lie', async t => {
  const print = async options => (await open(t, options)).fingerprint;
  const own = await print({});
  t.regex(own, /^[0-9a-f]{64}$/);
  for (const same of [
    { split: 'all', size: 1, shuffle: 3 },
    { categories: ['color'], resize: 'stretch', imageSize: [8, 8], onProblem() {} },
    { transformImage: { mean: [0, 0, 0], deviation: [1, 1, 1] } },
  ])
    t.is(await print(same), own, JSON.stringify(same));
  for (const other of [
    { imageSize: 9 },
    { resize: 'crop' },
    { resolution: 8 },
    { perturbation: perturbation() },
  ])
    t.not(await print(other), own, Object.keys(other)[0]);
  t.is(await print({ transformImage: pixels => pixels }), undefined);
  const relabelled = await open(t, {}, [ROW_A, ROW_B.replace(',2,,', ',3,,')]);
  t.not(relabelled.fingerprint, own, 'labels of the images');
});
