// The commands that are about a data set: stats and validate.
import fs from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import cli from '../../lib/cli.js';
import stats from '../../lib/commands/stats.js';
import { CocoDataset, datasetStats } from '../../lib/index.js';
import { ROW_A, ROW_B, temporaryFolder, writeBroden, writeImage } from '../helpers/broden.mjs';
import { fixtureInstances, writeCoco } from '../helpers/coco.mjs';

/** Where a command writes to. */
function terminal() {
  const written = { stdout: '', stderr: '' };
  const output = name => ({
    write: text => {
      written[name] += text;
    },
  });
  return { written, stdout: output('stdout'), stderr: output('stderr') };
}

async function run(...args) {
  const { written, ...streams } = terminal();
  return { code: await cli.main(args, streams), ...written };
}

test('stats prints concepts, most pixels first, then categories and sizes', async t => {
  const folder = await writeBroden(await temporaryFolder(t), [ROW_A, ROW_B]);
  const { code, stdout, stderr } = await run('stats', folder, '--categories', 'object', 'color');
  t.is(stderr, '');
  t.is(code, 0);
  t.deepEqual(stdout.split('\n'), [
    'concept        number  category  images  pixels  share',
    'red            1       color     1       16      50.00 %',
    'blue           2       color     1       16      50.00 %',
    'traffic light  3       object    1       4       12.50 %',
    'cat            5       object    1       4       12.50 %',
    'dog            300     object    1       4       12.50 %',
    '(no label)     4       -         1       1       3.13 %',
    '',
    'category  concepts  images  pixels  share',
    'color     2         2       32      100.00 %',
    'object    3         1       12      37.50 %',
    '',
    '2 images; sizes of label maps: 4×4 (2)',
    '',
  ]);
});

test('of photographs without labels stats says that there are none', async t => {
  const folder = await temporaryFolder(t);
  await writeImage(path.join(folder, 'a.png'), 2, 2);
  const { code, stdout, stderr } = await run('stats', folder);
  t.deepEqual([code, stdout], [0, '1 image, no labels\n']);
  t.regex(stderr, /holds photographs without labels/);
});

test('stats prints JSON when asked to', async t => {
  const file = await writeCoco(await temporaryFolder(t), fixtureInstances());
  const { written, ...streams } = terminal();
  await stats.runStats({ directory: file, split: 'train', json: true }, streams);
  t.deepEqual(JSON.parse(written.stdout), await datasetStats(new CocoDataset(file)));
});

test('validate says that nothing is wrong, and what to look at', async t => {
  const folder = await writeBroden(await temporaryFolder(t), [ROW_A, ROW_B]);
  t.deepEqual(await run('validate', folder), {
    code: 0,
    stdout:
      'warning: numbers in label maps that are no label: 4 (images: 1)\n' +
      `no problems and 1 warning in 2 images of ${folder}\n`,
    stderr: '',
  });
});

test('validate lists all problems and exits with 1', async t => {
  const data = fixtureInstances();
  data.annotations[3].category_id = 4;
  const file = await writeCoco(await temporaryFolder(t), data);
  await fs.rm(path.join(path.dirname(file), '../val2017/2.png'));
  const { code, stdout, stderr } = await run('validate', file);
  t.is(code, 1);
  const lines = stdout.trimEnd().split('\n');
  t.regex(lines[0], /^problem: .*annotation 103 has the category 4/);
  t.regex(lines[1], /^problem: image .*2\.png, named in image 2 of .* is missing/);
  t.regex(
    stderr,
    /^netdissect-native: 2 problems and no warnings in 6 images of .*json; repair what is listed$/m,
  );
});
