// What the options of the command do to a run.
import fs from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import cli from '../../lib/cli.js';
import { modelFile, modelFixture } from '../fixtures/models.mjs';
import { ROW_A, ROW_B, temporaryFolder, writeBroden, writeFiles } from '../helpers/broden.mjs';

process.setMaxListeners(50); // of signals: the tests run the command many times at once

/** Runs the command in a folder with a small data set and a model, `m.pt`; its report. `FOLDER` is the folder. */
async function run(t, options, { files = {}, model = ['--model', 'FOLDER/m.pt', '--layers', 'plain'] } = {}) {
  const folder = await temporaryFolder(t);
  await writeBroden(path.join(folder, 'broden'), [ROW_A, ROW_B]);
  await fs.copyFile(modelFixture('in_place').files.scripted, path.join(folder, 'm.pt'));
  await writeFiles(folder, files);
  const output = ['--outdir', 'FOLDER/out', '--no-images', '--no-report'];
  const words = [...model, '--broden', 'FOLDER/broden', '--imgsize', '8', ...output, ...options];
  let printed = '';
  const stream = {
    write: text => {
      printed += text;
    },
  };
  const args = words.map(word => word.replace('FOLDER', folder));
  t.is(await cli.main(args, { stdout: stream, stderr: stream }), 0, printed);
  return JSON.parse(await fs.readFile(path.join(folder, 'out/dissect.json'), 'utf8'));
}

const withLayers = (...layers) => ({ model: ['--model', 'FOLDER/m.pt', '--layers', ...layers] });

test('--layers takes patterns', async t => {
  const report = await run(t, ['--no-labels'], withLayers('pl*', 'last:end'));
  t.deepEqual(
    report.layers.map(({ layer }) => layer),
    ['plain', 'end'],
  );
});

test('--layers all takes every layer', async t => {
  const report = await run(t, ['--no-labels'], withLayers('all'));
  t.true(report.layers.length > 4);
  t.true(report.layers.some(({ layer }) => layer === 'plain'));
});

test('--quantile and --iou-threshold reach the report', async t => {
  const report = await run(t, ['--quantile', '0.25', '--iou-threshold', '0.5']);
  t.is(report.quantile_threshold, 0.25);
  t.is(report.iou_threshold, 0.5);
});

test('--meta merges JSON files in order', async t => {
  const files = { 'a.json': '{"epoch": 1, "seed": {"a": 1}}', 'b.json': '{"epoch": 2, "name": "b"}' };
  const report = await run(t, ['--meta', 'FOLDER/a.json', 'FOLDER/b.json'], { files });
  t.deepEqual(report.meta, { epoch: 2, seed: { a: 1 }, name: 'b' });
});

test('--normalize, or --mean with --std, says how values are normalised', async t => {
  const normalization = async (...options) => (await run(t, options)).settings.normalization;
  t.deepEqual(await normalization(), { mean: [0.485, 0.456, 0.406], deviation: [0.229, 0.224, 0.225] });
  t.deepEqual(await normalization('--normalize', 'imagenet'), await normalization());
  t.deepEqual(await normalization('--normalize', 'none'), { mean: [0, 0, 0], deviation: [1, 1, 1] });
  t.deepEqual(await normalization('--normalize=half'), { mean: [0.5, 0.5, 0.5], deviation: [0.5, 0.5, 0.5] });
  t.deepEqual(await normalization('--normalize=clip'), {
    mean: [0.48145466, 0.4578275, 0.40821073],
    deviation: [0.26862954, 0.26130258, 0.27577711],
  });
  t.deepEqual(await normalization('--mean', '-1', '0', '.5', '--std', '1', '2', '3'), {
    mean: [-1, 0, 0.5],
    deviation: [1, 2, 3],
  });
});

test('--categories chooses labels', async t => {
  const report = await run(t, ['--categories', 'scene', 'object']);
  t.deepEqual(report.categories, ['object', 'scene']);
});

test('--size cuts the data set', async t => {
  t.is((await run(t, ['--size', '1'])).images, 1);
  t.is((await run(t, [])).images, 2);
});

test('a run by a configuration file', async t => {
  const configuration = {
    model: 'm.pt',
    layers: ['plain:only'],
    netname: 'from the file',
    meta: ['m.json'],
    'no-labels': true,
  };
  const report = await run(t, ['--config', 'FOLDER/run.json', '--netname', 'given'], {
    files: { 'run.json': JSON.stringify(configuration), 'm.json': '{"from": "m"}' },
    model: [],
  });
  t.is(report.netname, 'given');
  t.deepEqual(report.meta, { from: 'm' });
  t.is(report.layers[0].layer, 'only');
  t.is(report.default_ranking, 'unit');
});

/** What a run writes to standard output and standard error; the folder is left out of it. */
async function said(t, file, layer, ...options) {
  const folder = await temporaryFolder(t);
  await writeBroden(path.join(folder, 'broden'), [ROW_A, ROW_B]);
  const written = { stdout: '', stderr: '' };
  const into = name => ({
    write: text => {
      written[name] += text.replaceAll(folder, 'FOLDER');
    },
  });
  const args = ['--model', modelFile(file), '--layers', layer, '--broden', path.join(folder, 'broden')];
  const output = ['--imgsize', '16', '--outdir', path.join(folder, 'out'), '--no-images', '--no-report'];
  const streams = { stdout: into('stdout'), stderr: into('stderr') };
  t.is(await cli.main([...args, ...output, ...options], streams), 0, written.stderr);
  const report = JSON.parse(await fs.readFile(path.join(folder, 'out/dissect.json'), 'utf8'));
  return { ...written, report };
}

test('what the model prints and LibTorch warns of stands on standard error, nowhere with --quiet', async t => {
  const { stdout, stderr } = await said(t, 'talking.pt', 'conv');
  t.notRegex(stdout, /shape|deprecated/);
  t.is(
    stderr,
    'netdissect-native: the model prints: the shape is 16\nnetdissect-native: LibTorch warns: this is deprecated\n',
  );
  t.like(await said(t, 'talking.pt', 'conv', '--quiet'), { stdout: '', stderr: '' });
});

test('notices say how the model runs', async t => {
  const { stderr } = await said(t, 'one_image_t.pt', 'norm');
  t.regex(stderr, /^netdissect-native: the model takes one image at a time .*\n$/);
  t.regex(
    (await said(t, 'of_batch_s.pt', 'norm')).stderr,
    /without running statistics, so that values depend/,
  );
  t.is((await said(t, 'of_batch_s.pt', 'first')).stderr, '');
});

test('--train-mode keep goes on, and says so', async t => {
  const { stderr, report } = await said(t, 'dropping_t.pt', 'last', '--train-mode', 'keep');
  t.regex(stderr, /dropout that drops.*whose training mode is kept/);
  t.is(report.settings.train_mode, 'kept');
  t.false('train_mode' in (await said(t, 'dropping_t.pt', 'first')).report.settings);
});
