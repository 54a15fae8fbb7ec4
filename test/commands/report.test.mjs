// `report` and `compare`: pages again, also of the Python package's reports, and what CI is told.
import fs from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import sharp from 'sharp';
import cli from '../../lib/cli.js';
import { temporaryFolder, writeFiles } from '../helpers/broden.mjs';
import { report } from '../helpers/report.mjs';
import { misfit } from '../helpers/validate-reports.mjs';

async function run(...args) {
  const out = { stdout: '', stderr: '' };
  const terminal = {
    stdout: { write: text => (out.stdout += text) },
    stderr: { write: text => (out.stderr += text) },
  };
  return { code: await cli.main(args, terminal), ...out };
}

/** A report whose units' best labels have an interval of a tenth to each side. */
function withIntervals(units) {
  const whole = report(units);
  for (const unit of whole.layers[0].units)
    for (const label of unit.labels)
      Object.assign(label, { low: label.iou * 0.9, high: label.iou * 1.1, wins: 1 });
  return JSON.stringify(whole);
}

/** What the Python package writes: a list as threshold, no size, no schema, strips. */
const PYTHON = {
  netname: 'alexnet',
  meta: {},
  default_ranking: 'label',
  quantile_threshold: 0.005,
  iou_threshold: 0.04,
  settings: null,
  layers: [
    {
      layer: 'conv5',
      dirname: 'conv5',
      units: [
        {
          unit: 0,
          level: 1.5,
          interp: true,
          top: [
            { imgnum: 3, maxact: 9 },
            { imgnum: 1, maxact: 8 },
          ],
          iou: 0.3,
          lc: 9,
          cc: 9,
          ic: 4,
          label: 'dog',
          labelnum: 5,
          cat: 'object',
        },
        {
          unit: 1,
          level: 2,
          interp: false,
          top: [
            { imgnum: 2, maxact: 4 },
            { imgnum: 1, maxact: 3 },
          ],
          iou: 0.01,
          lc: 9,
          cc: 9,
          ic: 1,
          label: 'cat',
          labelnum: 6,
          cat: 'object',
        },
      ],
      rankings: [
        { name: 'unit', score: [0, 1] },
        { name: 'dog-iou', concept: 'dog', metric: 'iou', score: [-0.3, 0], ranking: [0, 1] },
      ],
      labels: [{ label: 'dog', labelnum: 5, units: [0], cat: 'object' }],
      interpretable: 1,
      iou_threshold: [0.04],
      bargraph: 'bargraph.svg',
    },
  ],
};

async function pythonReport(t) {
  const folder = await temporaryFolder(t);
  await writeFiles(folder, { 'dissect.json': JSON.stringify(PYTHON) });
  await fs.mkdir(path.join(folder, 'conv5/image'), { recursive: true });
  const strip = sharp({ create: { width: 2 * 20 + 5, height: 16, channels: 3, background: '#f00' } });
  for (const name of ['top.jpg', 'orig.jpg', 'seg.png'])
    for (const unit of [0, 1]) await strip.clone().toFile(path.join(folder, `conv5/image/${unit}-${name}`));
  return folder;
}

const dataOf = html => JSON.parse(html.match(/id="data">(.*?)<\/script>/s)[1]);

test("report: the Python package's report gets a page with its strips", async t => {
  const folder = await pythonReport(t);
  t.deepEqual(await run('report', folder), { code: 0, stdout: `report: ${folder}/index.html\n`, stderr: '' });
  const data = dataOf(await fs.readFile(path.join(folder, 'index.html'), 'utf8'));
  t.deepEqual(data.image, [16, 20]);
  t.deepEqual(data.pictures, {
    labels: '{dirname}/image/{unit}-seg.png',
    strips: '{dirname}/image/{unit}-{strip}',
  });
  t.is(data.threshold, 0.04);
  t.deepEqual(data.layers[0].units[0].labels, [[0, 0.3, null, null, 0.44444, 0.44444]]);
});

test('report --embed: one file, with the pictures in it; the page beside it stays', async t => {
  const folder = await pythonReport(t);
  await writeFiles(folder, { 'index.html': 'old' });
  t.is((await run('report', folder, '--embed', '--quiet')).code, 0);
  t.is(await fs.readFile(path.join(folder, 'index.html'), 'utf8'), 'old');
  const html = await fs.readFile(path.join(folder, 'report.html'), 'utf8');
  const files = JSON.parse(html.match(/id="files">(.*?)<\/script>/s)[1]);
  t.deepEqual(
    Object.keys(files).sort(),
    [0, 1].flatMap(unit => ['orig.jpg', 'seg.png', 'top.jpg'].map(name => `conv5/image/${unit}-${name}`)),
  );
  t.is(
    files['conv5/image/0-top.jpg'],
    await fs.readFile(path.join(folder, 'conv5/image/0-top.jpg'), 'base64'),
  );
});

test('report: what is no report is refused with the reason, and nothing is written', async t => {
  const folder = await temporaryFolder(t);
  const changed = change => {
    const whole = structuredClone(PYTHON);
    change(whole, whole.layers[0], whole.layers[0].units[0]);
    return JSON.stringify(whole);
  };
  for (const [text, reason] of [
    ['{', /is not JSON/],
    ['[]', /it lists no layers/],
    ['{"format": 2, "layers": [1]}', /its format is 2, and this program knows 1/],
    [
      changed((_, layer) => (layer.dirname = '../elsewhere')),
      /the folder of layer "conv5" is "\.\.\/elsewhere"/,
    ],
    [changed((_, layer) => (layer.units = 3)), /layer "conv5" lists no units/],
    [changed((_, __, unit) => (unit.level = 'high')), /a unit of layer "conv5"/],
    [changed((_, __, unit) => (unit.top = [{ imgnum: -1, maxact: 2 }])), /a unit of layer "conv5"/],
  ]) {
    await writeFiles(folder, { 'dissect.json': text });
    const { code, stderr } = await run('report', folder);
    t.is(code, 1);
    t.regex(stderr, reason);
    t.deepEqual(await fs.readdir(folder), ['dissect.json']);
  }
});

test('compare: a page and its data; a lost concept that is guarded ends with code 2, the comparison being written', async t => {
  const folder = await temporaryFolder(t);
  const at = name => path.join(folder, name);
  await writeFiles(folder, {
    'a/dissect.json': withIntervals([{ 2: 50 }, { 1: 50 }]),
    'b/dissect.json': withIntervals([{ 2: 5 }, { 1: 50 }]),
  });
  const outdir = at('out');
  const compared = await run('compare', at('a'), at('b'), '--outdir', outdir);
  t.is(compared.code, 0, compared.stderr);
  const comparison = JSON.parse(await fs.readFile(path.join(outdir, 'compare.json'), 'utf8'));
  t.is(misfit(comparison, 'compare-1'), undefined);
  const { comparisons } = comparison;
  t.deepEqual(
    comparisons[0].concepts.map(({ label, changes }) => [label, changes]),
    [
      ['red', ['kept']],
      ['sky', ['lost']],
    ],
  );
  const guarded = await run(
    'compare',
    at('a'),
    at('b'),
    '--outdir',
    outdir,
    '--fail-on-lost',
    'red',
    'sky',
    '--quiet',
  );
  t.deepEqual([guarded.code, guarded.stdout], [2, '']);
  t.regex(guarded.stderr, /lost: sky in conv1 of .*b \(IoU 0\.333, and now 0\.026\)\n$/);
  t.is(
    (await run('compare', at('a'), at('b'), '--outdir', outdir, '--fail-on-lost', 'red', '--quiet')).code,
    0,
  );
  t.regex(
    (await run('compare', at('a'), at('b'), '--outdir', outdir, '--fail-on-lost', 'zebra')).stderr,
    /no detector of zebra/,
  );
  await writeFiles(folder, { 'mine/index.html': 'mine' });
  t.regex(
    (await run('compare', at('a'), at('b'), '--outdir', at('mine'))).stderr,
    /index\.html is in the way/,
  );
});
