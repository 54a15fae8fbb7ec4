import { execFile } from 'node:child_process';
import fs from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { makeFolder } from '../../lib/base/folder.js';
import { OWNER } from '../../lib/base/owner.js';
import { native } from '../../lib/native/native.js';
import { StagedFolder } from '../../lib/report/outdir.js';
import { temporaryFolder, writeFiles } from '../helpers/broden.mjs';

/** Runs a program with Node; its exit code or the signal that ended it. */
const run = args =>
  new Promise(resolve => {
    execFile(process.execPath, args, (error, _, stderr) =>
      resolve({ code: error ? error.code : 0, signal: error?.signal ?? null, stderr }),
    );
  });

const tree = async folder => (await fs.readdir(folder, { recursive: true })).sort();

/** An output folder with nothing beside it. */
const outputFolder = async t => path.join(await temporaryFolder(t), 'out');

/** The name of a process that is over, and of one of which nothing can be known. */
const DEAD = `${OWNER.split('.')[0]}.1@${OWNER.split('@')[1]}`;
const ELSEWHERE = '1.1@elsewhere';

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

test.serial('where moving fails half-way the earlier report is put back', async t => {
  const outdir = await outputFolder(t);
  await writeFiles(outdir, { 'dissect.json': 'old', 'conv1/dissect.json': 'old', 'mine.txt': 'mine' });
  const before = await tree(outdir);
  const { rename } = fs;
  for (let step = 1; step < 4; step++) {
    const staged = await StagedFolder.open(outdir);
    await writeFiles(staged.path, {
      'dissect.json': 'new',
      'conv1/dissect.json': 'new',
      'conv0/dissect.json': 'new',
    });
    let left = step;
    fs.rename = async (from, to) => {
      if (/new\/[\w.]+$/.test(from) && left-- === 1) throw new Error('EIO: the disk is broken');
      return rename.call(fs, from, to);
    };
    try {
      await t.throwsAsync(staged.commit('dissect.json'), { message: /the disk is broken/ });
    } finally {
      fs.rename = rename;
    }
    await staged.discard();
    t.deepEqual(await tree(outdir), before, `step ${step}`);
    t.is(await fs.readFile(path.join(outdir, 'conv1/dissect.json'), 'utf8'), 'old');
  }
});

test('a report without its last file is never put in place', async t => {
  const outdir = await outputFolder(t);
  await writeFiles(outdir, { 'dissect.json': 'old' });
  const staged = await StagedFolder.open(outdir);
  await writeFiles(staged.path, { 'conv1/dissect.json': 'new' });
  await t.throwsAsync(staged.commit('dissect.json'), { code: 'ENOENT' });
  await staged.discard();
  t.deepEqual(await tree(outdir), ['dissect.json']);
});

test('the output folder keeps its permissions, and stays what a link to it leads to', async t => {
  const folder = await temporaryFolder(t);
  await writeFiles(folder, { 'real/dissect.json': 'old' });
  await fs.chmod(path.join(folder, 'real'), 0o751);
  await fs.symlink('real', path.join(folder, 'link'));
  const staged = await StagedFolder.open(path.join(folder, 'link'));
  await writeFiles(staged.path, { 'dissect.json': 'new' });
  await staged.commit('dissect.json');
  t.is((await fs.stat(path.join(folder, 'real'))).mode & 0o777, 0o751);
  t.is(await fs.readFile(path.join(folder, 'link/dissect.json'), 'utf8'), 'new');
  t.deepEqual((await fs.readdir(folder)).sort(), ['link', 'real']);
});

test.serial('what it replaces and cannot be removed fails no report, and blocks no later one', async t => {
  const folder = await outputFolder(t);
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
  const left = await fs.readdir(folder);
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

test('three runs into one folder: each report is whole', async t => {
  const folder = await outputFolder(t);
  for (let round = 0; round < 20; round++) {
    await Promise.all(
      ['one', 'two', 'three'].map(async name => {
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

test('a report is not moved into place while another is, unless that run is dead', async t => {
  const outdir = await outputFolder(t);
  await writeFiles(outdir, { 'dissect.json': 'old', '.lock': ELSEWHERE });
  await t.throwsAsync(StagedFolder.open(outdir), {
    code: 'ERR_NETDISSECT_OUTDIR',
    message: /another run is moving its report .*, or was killed on another machine while it did/,
  });
  t.deepEqual(await tree(outdir), ['.lock', 'dissect.json']);
  await fs.writeFile(path.join(outdir, '.lock'), DEAD);
  const staged = await StagedFolder.open(outdir);
  await writeFiles(staged.path, { 'dissect.json': 'new' });
  await staged.commit('dissect.json');
  t.deepEqual(await tree(outdir), ['dissect.json']);
});

test('what dead runs left is cleared away, what others use is not', async t => {
  const folder = await temporaryFolder(t);
  const outdir = path.join(folder, 'out');
  await writeFiles(folder, {
    // a run that was killed before its report was whole
    [`.out.unfinished-${DEAD}-aaaaaa/conv1/dissect.json`]: 'half',
    // one that was killed when the folders had changed places
    [`.out.unfinished-${DEAD}-bbbbbb/.replaced`]: DEAD,
    [`.out.unfinished-${DEAD}-bbbbbb/dissect.json`]: 'older',
    [`.out.unfinished-${DEAD}-bbbbbb/conv9/dissect.json`]: 'of an earlier report',
    // one that was killed while it moved entries
    [`out/.unfinished-${DEAD}-cccccc/.moving`]: '["conv1","conv2","dissect.json"]',
    [`out/.unfinished-${DEAD}-cccccc/new/conv2/dissect.json`]: 'moved',
    [`out/.unfinished-${DEAD}-cccccc/new/dissect.json`]: 'moved',
    'out/conv1/dissect.json': 'moved',
    'out/conv2/dissect.json': 'old',
    'out/dissect.json': 'old',
    [`.out.unfinished-${ELSEWHERE}-dddddd/dissect.json`]: 'of a run on another machine',
    [`.other.unfinished-${DEAD}-eeeeee/dissect.json`]: 'of another folder',
  });
  await (await StagedFolder.open(outdir)).discard();
  t.deepEqual(await tree(outdir), [
    'conv1',
    'conv1/dissect.json',
    'conv2',
    'conv2/dissect.json',
    'conv9',
    'conv9/dissect.json',
    'dissect.json',
  ]);
  for (const name of ['conv1/dissect.json', 'conv2/dissect.json', 'dissect.json'])
    t.is(await fs.readFile(path.join(outdir, name), 'utf8'), 'moved');
  t.deepEqual((await fs.readdir(folder)).sort(), [
    `.other.unfinished-${DEAD}-eeeeee`,
    `.out.unfinished-${ELSEWHERE}-dddddd`,
    'out',
  ]);
});

// Every step of a commit, as far as it goes by renaming and removing, is the last one of a run.
for (const [kind, mine] of [
  ['a folder of reports alone', []],
  ['a folder with files of the user', ['mine.txt']],
])
  test(`killed between any two steps: the old report or the new one, whole, and the next run works: ${kind}`, async t => {
    const program = path.join(import.meta.dirname, '../helpers/commit.mjs');
    const names = [
      'dissect.json',
      'index.html',
      'conv1/dissect.json',
      'conv1/image/0-top.jpg',
      'conv2/dissect.json',
    ];
    const place = await temporaryFolder(t);
    await writeFiles(place, { 'a/1': '', 'b/2': '' });
    const oneStep = mine.length === 0 && native().exchange(path.join(place, 'a'), path.join(place, 'b'));
    if (mine.length === 0 && !oneStep) t.log('this file system does not exchange folders');
    let killed = 0;
    for (let step = 1; ; step++) {
      const folder = await temporaryFolder(t);
      const outdir = path.join(folder, 'out');
      await writeFiles(
        outdir,
        Object.fromEntries([...names, 'conv9/dissect.json', ...mine].map(name => [name, 'old'])),
      );
      const { signal } = await run([program, outdir, 'new', String(step)]);
      const report = async () => {
        const texts = await Promise.all(
          names.map(name => fs.readFile(path.join(outdir, name), 'utf8').catch(() => 'none')),
        );
        return [...new Set(texts)];
      };
      // where files of the user's are, entries are moved one by one, and the next run goes on with that
      if (oneStep) t.is((await report()).length, 1, `killed at step ${step}: ${await report()}`);
      t.is(
        await fs.readFile(path.join(outdir, mine[0] ?? 'dissect.json'), 'utf8').then(text => text.length),
        3,
      );
      const next = await run([program, outdir, 'next', '0']);
      t.deepEqual([next.code, next.signal], [0, null]);
      t.deepEqual(await report(), ['next']);
      t.deepEqual(await fs.readdir(folder), ['out'], `after step ${step} nothing is left beside it`);
      t.deepEqual((await fs.readdir(outdir)).sort(), [
        'conv1',
        'conv2',
        'conv9',
        'dissect.json',
        'index.html',
        ...mine,
      ]);
      if (!signal) break;
      killed++;
    }
    t.true(killed >= (oneStep ? 2 : 6), `${killed} steps`);
  });

test('an output folder that cannot be written to is refused', async t => {
  const folder = await temporaryFolder(t);
  await writeFiles(folder, { file: 'x' });
  await t.throwsAsync(StagedFolder.open(path.join(folder, 'file', 'out')), {
    code: 'ERR_NETDISSECT_OUTDIR',
    message: /cannot write to .*; choose another output folder/,
  });
});

test('a damaged list of what a dead run was moving moves nothing, least of all beside the folder', async t => {
  for (const list of ['["../mine.txt"]', '["dissect.json","a/b"]', '[".."]', '{"a":1}', '["diss', '']) {
    const outdir = await outputFolder(t);
    const mine = path.join(outdir, '../mine.txt');
    const dead = `.unfinished-${DEAD}-abcdef`;
    await writeFiles(outdir, {
      'dissect.json': '{}',
      [`${dead}/.moving`]: list,
      [`${dead}/mine.txt`]: 'of the dead run',
      [`${dead}/new/dissect.json`]: '{"moved":true}',
      '../mine.txt': "the user's",
    });
    await t.throwsAsync(StagedFolder.open(outdir, ['conv1']), {
      code: 'ERR_NETDISSECT_OUTDIR',
      message: /\.moving, the list of .*, is damaged; move away .* and run this again$/,
    });
    t.is(await fs.readFile(mine, 'utf8'), "the user's");
    t.is(await fs.readFile(path.join(outdir, 'dissect.json'), 'utf8'), '{}');
    // as it says
    await fs.rename(path.join(outdir, dead), path.join(outdir, '../away'));
    await (await StagedFolder.open(outdir, ['conv1'])).discard();
  }
});

const REPORT = '{\n "format": 1,\n "pictures": {\n  "images": "images/{imgnum}.jpg"\n },\n "layers": []\n}\n';

test("a report's images are replaced as a whole, and go with a report that has none", async t => {
  const outdir = await outputFolder(t);
  await writeFiles(outdir, { 'dissect.json': REPORT, 'images/3.jpg': 'old', 'images/3.png': 'old' });
  const second = await StagedFolder.open(outdir);
  await writeFiles(second.path, { 'dissect.json': REPORT, 'images/4.jpg': 'new' });
  await second.commit('dissect.json');
  t.deepEqual(await tree(outdir), ['dissect.json', 'images', 'images/4.jpg']);
  const third = await StagedFolder.open(outdir);
  await writeFiles(third.path, { 'dissect.json': '{\n "layers": []\n}\n' });
  await third.commit('dissect.json');
  t.deepEqual(await tree(outdir), ['dissect.json']);
});

test("a folder of images that is no report's is never replaced", async t => {
  for (const files of [
    { 'images/3.jpg': 'mine' },
    { 'images/3.jpg': 'mine', 'dissect.json': '{\n "layers": []\n}\n' },
    { 'images/3.jpg': 'old', 'images/holiday.jpg': 'mine', 'dissect.json': REPORT },
    { 'images/0003.jpg': 'mine', 'dissect.json': REPORT },
    { images: 'a file of mine', 'dissect.json': REPORT },
  ]) {
    const outdir = await outputFolder(t);
    await writeFiles(outdir, files);
    const before = await tree(outdir);
    await t.throwsAsync(StagedFolder.open(outdir), {
      code: 'ERR_NETDISSECT_OUTDIR',
      message: /images.* is in the way and is no part of an earlier report/,
    });
    t.deepEqual(await tree(outdir), before);
  }
  const outdir = await outputFolder(t);
  await writeFiles(outdir, { 'dissect.csv': 'mine' });
  await t.throwsAsync(StagedFolder.open(outdir), { message: /dissect\.csv is in the way/ });
});
