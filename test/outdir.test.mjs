import fs from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { StagedFolder } from '../lib/outdir.js';
import { temporaryFolder, writeFiles } from './helpers/broden.mjs';

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

test('an output folder that cannot be written to is refused', async t => {
  const folder = await temporaryFolder(t);
  await writeFiles(folder, { file: 'x' });
  await t.throwsAsync(StagedFolder.open(path.join(folder, 'file', 'out')), {
    code: 'ERR_NETDISSECT_OUTDIR',
    message: /cannot write to .*; choose another output folder/,
  });
});
