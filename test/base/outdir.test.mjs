import fs from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { makeFolder, StagedFolder } from '../../lib/base/outdir.js';
import { temporaryFolder, writeFiles } from '../helpers/broden.mjs';

const tree = async folder => (await fs.readdir(folder, { recursive: true })).sort();

test('a report replaces an earlier one when it is whole, and leaves other files alone', async t => {
  const outdir = path.join(await temporaryFolder(t), 'a', 'b');
  await writeFiles(outdir, {
    'dissect.json': 'old',
    'conv1/dissect.json': 'old',
    'conv1/old.txt': 'old',
    'mine.txt': 'x',
  });
  const staged = await StagedFolder.open(outdir);
  await writeFiles(staged.path, { 'dissect.json': 'new', 'conv1/dissect.json': 'new' });
  t.is(await fs.readFile(path.join(outdir, 'dissect.json'), 'utf8'), 'old');
  await staged.commit('dissect.json');
  t.is(await fs.readFile(path.join(outdir, 'dissect.json'), 'utf8'), 'new');
  t.deepEqual(await tree(outdir), ['conv1', 'conv1/dissect.json', 'dissect.json', 'mine.txt']);
});

test('a discarded report leaves what was there', async t => {
  const folder = await temporaryFolder(t);
  await writeFiles(folder, { 'dissect.json': 'old' });
  const staged = await StagedFolder.open(folder);
  await writeFiles(staged.path, { 'dissect.json': 'new' });
  await staged.discard();
  t.deepEqual(await tree(folder), ['dissect.json']);
  t.is(await fs.readFile(path.join(folder, 'dissect.json'), 'utf8'), 'old');
});

test('folders that were made for a discarded report go again', async t => {
  const folder = await temporaryFolder(t);
  const staged = await StagedFolder.open(path.join(folder, 'a', 'b'));
  await staged.discard();
  t.deepEqual(await tree(folder), []);
});

test('where moving fails half-way the earlier report is put back', async t => {
  const folder = await temporaryFolder(t);
  await writeFiles(folder, { 'dissect.json': 'old', 'conv1/a.txt': 'old' });
  const staged = await StagedFolder.open(folder);
  await writeFiles(staged.path, { 'conv1/a.txt': 'new' });
  await t.throwsAsync(staged.commit('dissect.json'), { code: 'ENOENT' });
  await staged.discard();
  t.deepEqual(await tree(folder), ['conv1', 'conv1/a.txt', 'dissect.json']);
  t.is(await fs.readFile(path.join(folder, 'conv1/a.txt'), 'utf8'), 'old');
});

test.serial('what it replaces and cannot be removed fails no report, and blocks no later one', async t => {
  const folder = await temporaryFolder(t);
  const { rm } = fs;
  fs.rm = async () => {
    throw new Error('EBUSY: resource busy');
  };
  try {
    for (const text of ['one', 'two', 'three']) {
      const staged = await StagedFolder.open(folder);
      await writeFiles(staged.path, { 'dissect.json': text, 'conv1/dissect.json': text });
      await staged.commit('dissect.json');
      t.is(await fs.readFile(path.join(folder, 'dissect.json'), 'utf8'), text);
    }
    const staged = await StagedFolder.open(folder);
    await t.notThrowsAsync(staged.discard());
  } finally {
    fs.rm = rm;
  }
  const left = (await fs.readdir(folder)).filter(name => !name.startsWith('.unfinished-'));
  t.deepEqual(left.sort(), ['conv1', 'dissect.json']);
});

test('where no folder can be made this is said at once', async t => {
  const folder = await temporaryFolder(t);
  await fs.symlink(path.join(folder, 'gone'), path.join(folder, 'link'));
  const places = [path.join(folder, 'link/a/b')];
  if (process.platform === 'linux') places.push('/proc/netdissect/out');
  for (const outdir of places)
    await t.throwsAsync(StagedFolder.open(outdir), {
      code: 'ERR_NETDISSECT_OUTDIR',
      message: /cannot write to .*; choose another output folder/,
    });
});

test('several at once make the same folders', async t => {
  const folder = await temporaryFolder(t);
  const outdir = path.join(folder, 'a/b/c/d');
  const made = await Promise.all(Array.from({ length: 8 }, () => makeFolder(outdir)));
  t.true(made.includes(path.join(folder, 'a')));
  t.is(await makeFolder(outdir), undefined);
  t.true((await fs.stat(outdir)).isDirectory());
});

test('what is no part of an earlier report is never replaced', async t => {
  const folder = await temporaryFolder(t);
  const refused = (outdir, name) =>
    t.throwsAsync(StagedFolder.open(path.join(folder, outdir), ['conv1', 'image']), {
      code: 'ERR_NETDISSECT_OUTDIR',
      message: `${path.join(folder, outdir, name)} is in the way and is no part of an earlier report; choose another output folder`,
    });
  await writeFiles(folder, {
    'site/index.html': 'mine',
    'data/image/photo.jpg': 'mine',
    'both/dissect.json': '{}',
    'both/conv1/dissect.json': '{}',
    'both/conv1/notes.txt': 'mine',
    'report/dissect.json': '{}',
    'report/index.html': 'old',
    'report/conv1/dissect.json': '{}',
    'report/conv1/image/0-top.jpg': 'old',
  });
  const before = await tree(folder);
  await refused('site', 'index.html');
  await refused('data', 'image/photo.jpg');
  await refused('both', 'conv1/notes.txt');
  t.deepEqual(await tree(folder), before);
  const staged = await StagedFolder.open(path.join(folder, 'report'), ['conv1']);
  await staged.discard();
});

test('two runs into one folder: each report is whole', async t => {
  const folder = await temporaryFolder(t);
  for (let round = 0; round < 20; round++) {
    await Promise.all(
      ['one', 'two'].map(async name => {
        const staged = await StagedFolder.open(folder, ['conv1', 'conv2']);
        await writeFiles(staged.path, {
          'dissect.json': name,
          'conv1/dissect.json': name,
          'conv2/dissect.json': name,
        });
        await staged.commit('dissect.json');
      }),
    );
    const read = name => fs.readFile(path.join(folder, name), 'utf8');
    const whole = await read('dissect.json');
    t.deepEqual([await read('conv1/dissect.json'), await read('conv2/dissect.json')], [whole, whole]);
    t.deepEqual((await fs.readdir(folder)).sort(), ['conv1', 'conv2', 'dissect.json']);
  }
});

test('a report is not moved into place while another is', async t => {
  const folder = await temporaryFolder(t);
  await writeFiles(folder, { '.replaced/dissect.json': 'old' });
  const staged = await StagedFolder.open(folder);
  await t.throwsAsync(staged.commit('dissect.json'), {
    code: 'ERR_NETDISSECT_OUTDIR',
    message: /another run is moving its report .* or was killed while it did/,
  });
  t.true((await tree(folder)).includes('.replaced/dissect.json'));
});

test('an output folder that cannot be written to is refused', async t => {
  const folder = await temporaryFolder(t);
  await writeFiles(folder, { file: 'x' });
  await t.throwsAsync(StagedFolder.open(path.join(folder, 'file', 'out')), {
    code: 'ERR_NETDISSECT_OUTDIR',
    message: /cannot write to .*; choose another output folder/,
  });
});
