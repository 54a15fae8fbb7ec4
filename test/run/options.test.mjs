import fs from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import commands from '../../lib/commands/commands.js';
import { dissect, loadModel, retainLayers } from '../../lib/index.js';
import { checkedOptions, DISSECT_OPTIONS } from '../../lib/run/options.js';
import { modelFixture } from '../fixtures/models.mjs';
import { temporaryFolder } from '../helpers/broden.mjs';
import { openModel } from '../helpers/dissection.mjs';

const code = 'ERR_NETDISSECT_OPTION';

test('what is left out has its default, which fits its kind', t => {
  for (const [name, value] of Object.entries(checkedOptions({}))) {
    t.is(value, DISSECT_OPTIONS[name].default, name);
    t.true(value === undefined || DISSECT_OPTIONS[name].kind.fits(value), name);
  }
});

test('a value of another kind is refused, a number given as a text, too, in the same words', t => {
  for (const [name, { kind, default: value }] of Object.entries(DISSECT_OPTIONS))
    for (const wrong of [
      ['string', 'undefined'].includes(typeof value) ? '' : String(value),
      null,
      [value],
      Number.NaN,
      -1,
      {},
    ]) {
      const { message } = t.throws(() => checkedOptions({ [name]: wrong }), { code }, `${name} ${wrong}`);
      t.true(message.startsWith(`expected ${kind.expected} for ${name} but received `), message);
    }
  t.throws(() => checkedOptions({ batchSize: '100' }), {
    message: "expected a whole number from 1 on for batchSize but received '100'",
  });
});

test('so it is in dissect, loadModel and retainLayers, and nothing is written', async t => {
  const outdir = path.join(await temporaryFolder(t), 'out');
  const model = await openModel(t);
  const dataset = { length: 1, imageSize: [8, 8], labels: [], categories: [], get: async () => t.fail() };
  for (const [name, wrong] of [
    ['quantileThreshold', '0.005'],
    ['memory', '512'],
    ['labels', 'no'],
  ])
    await t.throwsAsync(dissect(outdir, model, dataset, { [name]: wrong }), {
      code,
      message: new RegExp(`for ${name}`),
    });
  await t.throwsAsync(fs.stat(outdir), { code: 'ENOENT' });
  const file = modelFixture('in_place').files.scripted;
  await t.throwsAsync(loadModel(file, { threads: '2' }), {
    code,
    message: "expected a whole number from 1 to 1024 for threads but received '2'",
  });
  t.throws(() => retainLayers(model, ['plain'], { addScaleOffset: 'true' }), {
    code,
    message: "expected true or false for addScaleOffset but received 'true'",
  });
});

test("the command's options have the same defaults and kinds", t => {
  const { dissect: command } = commands.COMMANDS;
  for (const [name, option, scale = 1] of [
    ['examples', 'examplesPerUnit'],
    ['batch_size', 'batchSize'],
    ['quantile', 'quantileThreshold'],
    ['iou-threshold', 'iouThreshold'],
    ['memory', 'memory', 2 ** 20],
  ])
    t.is(Number(command.options[name].default) * scale, DISSECT_OPTIONS[option].default, name);
});
