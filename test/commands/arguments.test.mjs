// From arguments and a configuration file to the values of options.
import fs from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import parsing from '../../lib/commands/arguments.js';
import { temporaryFolder } from '../helpers/broden.mjs';

const parse = line => parsing.parseArguments(Array.isArray(line) ? line : line.split(' '));
const values = line => parse(line).values;

/** The values of a run with this configuration, and the folder of its file. */
async function configured(t, configuration, line = '') {
  const folder = await temporaryFolder(t);
  const file = path.join(folder, 'run.json');
  await fs.writeFile(file, JSON.stringify(configuration));
  return { folder, ...values(['--config', file, ...line.split(' ').filter(Boolean)]) };
}

test('defaults hold where nothing is given', t => {
  const { name, values } = parse('--model m.pt');
  t.is(name, 'dissect');
  t.like(values, {
    broden: 'dataset/broden',
    outdir: 'dissect',
    imgsize: [227, 227],
    size: 10000,
    examples: 20,
    batch_size: 100,
    quantile: 0.005,
    'iou-threshold': 0.04,
    split: 'train',
    tokens: 'auto',
    values: 'final',
    quiet: false,
    netname: undefined,
  });
});

test('a value follows its option, or an equals sign', t => {
  t.like(values('--model=m.pt --size=5 --layers=a b --imgsize=8,9 --memory 1e3'), {
    model: 'm.pt',
    size: 5,
    layers: ['a', 'b'],
    imgsize: [8, 9],
    memory: 1000,
  });
});

test('values keep their spaces, equals signs and colons', t => {
  const { netname, layers, outdir } = values([
    '--netname',
    'Res Net = 18',
    '--layers',
    'a:the first',
    '--outdir=a b=c',
  ]);
  t.deepEqual([netname, layers, outdir], ['Res Net = 18', ['a:the first'], 'a b=c']);
});

test('what looks like a number stays a text where a text is wanted', t => {
  t.like(values('--layers 0 1.0 --netname 007'), { layers: ['0', '1.0'], netname: '007' });
});

test('negative numbers are values', t => {
  t.deepEqual(values('--mean -0.5 -1 -.5 --std 1 1 1').mean, [-0.5, -1, -0.5]);
  t.throws(() => values('--mean 0 -5x 0'), { message: /^unknown option -5x; see/ });
});

test('hyphens and underscores mean the same', t => {
  t.like(values('--batch-size 3 --num_workers 2 --add-scale-offset --no_labels --iou_threshold=0.5'), {
    batch_size: 3,
    num_workers: 2,
    add_scale_offset: true,
    'no-labels': true,
    'iou-threshold': 0.5,
  });
});

test('--segments means --broden', t => {
  t.is(values('--segments data').broden, 'data');
});

test('a flag can be given as true or false', t => {
  t.like(values('--quiet false --profile=true --no-images'), {
    quiet: false,
    profile: true,
    'no-images': true,
  });
});

test('lists can be given in parts, other values once', t => {
  t.deepEqual(values('--layers a --quiet --layers b c --quiet').layers, ['a', 'b', 'c']);
  t.throws(() => values('--size 1 --size 2'), { message: '--size is given 2 times; give it once' });
});

test('a command has options of its own', t => {
  t.like(parse('layers m.pt --imgsize 9'), { name: 'layers', values: { model: 'm.pt', imgsize: [9, 9] } });
  t.like(parse('stats data --categories a b'), {
    name: 'stats',
    values: { directory: 'data', categories: ['a', 'b'] },
  });
  t.throws(() => parse('layers m.pt --examples 3'), { message: /^unknown option --examples; see/ });
});

test('tokens are counted or named', t => {
  t.deepEqual(
    ['auto', 'none', '0', '5'].map(tokens => values(`--tokens ${tokens}`).tokens),
    ['auto', 'none', 0, 5],
  );
});

test('a configuration file gives values; the command line wins', async t => {
  const configuration = {
    size: 5,
    'batch-size': 7,
    layers: ['a', 'b'],
    quiet: true,
    imgsize: 224,
    mean: [0, 0, 0],
  };
  t.like(await configured(t, configuration, '--size 6 --layers c'), {
    size: 6,
    batch_size: 7,
    layers: ['c'],
    quiet: true,
    imgsize: [224, 224],
    mean: [0, 0, 0],
    examples: 20,
  });
  t.false((await configured(t, configuration, '--quiet=false')).quiet);
});

test("paths in a configuration file count from the file's folder", async t => {
  const { folder, model, segments, outdir, meta, broden, netname } = await configured(
    t,
    {
      model: 'models/m.pt',
      segments: '../data',
      outdir: '/absolute',
      meta: ['a.json', '/b.json'],
      netname: 'x',
    },
    '',
  );
  t.is(model, path.join(folder, 'models/m.pt'));
  t.is(broden, path.join(folder, '../data'));
  t.is(segments, undefined);
  t.is(outdir, '/absolute');
  t.deepEqual(meta, [path.join(folder, 'a.json'), '/b.json']);
  t.is(netname, 'x');
});

test('a configuration file may begin with a byte-order mark', async t => {
  const file = path.join(await temporaryFolder(t), 'run.json');
  await fs.writeFile(file, '\uFEFF{"size": 3}');
  t.is(values(['--config', file]).size, 3);
});
