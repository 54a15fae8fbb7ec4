// Unpacking archives that may be damaged or hostile.
import { existsSync } from 'node:fs';
import fs from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { ArchiveError, unzip } from '../../lib/download/unzip.js';
import { temporaryFolder } from '../helpers/broden.mjs';
import { zipOf } from '../helpers/zip.mjs';

const INDEX = { name: 'top/index.csv', data: 'image\na.png\n' };
const OPTIONS = { top: 'top', holds: 'index.csv' };
const FOLDER = 0o040755;
const LINK = 0o120777;
const LARGE = Buffer.alloc(3 * 2 ** 20, 'large ');

async function tryUnzip(t, archive, options) {
  const outside = await temporaryFolder(t);
  const file = path.join(outside, 'archive.zip');
  const folder = path.join(outside, 'new', 'folder');
  await fs.writeFile(file, archive);
  await unzip(file, folder, { ...OPTIONS, ...options });
  return folder;
}

async function contents(folder) {
  const entries = await fs.readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter(entry => entry.isFile()).map(entry => path.join(entry.parentPath, entry.name));
  return Object.fromEntries(
    await Promise.all(
      files.sort().map(async file => [path.relative(folder, file), await fs.readFile(file, 'utf8')]),
    ),
  );
}

test('stored and packed files, in folders and not, come out as they went in; the top folder is stripped', async t => {
  const long = 'abc'.repeat(1_000_000);
  const entries = [
    { name: 'top/', mode: FOLDER },
    INDEX,
    { name: 'top/images/a/1.txt', data: long, deflate: true },
    { name: 'top/images/a/2.txt', data: long },
    { name: 'top/images/a/é.txt', data: 'é' },
    { name: 'top/empty.txt', data: '', deflate: true },
  ];
  const expected = {
    'empty.txt': '',
    'images/a/1.txt': long,
    'images/a/2.txt': long,
    'images/a/é.txt': 'é',
    'index.csv': INDEX.data,
  };
  t.deepEqual(await contents(await tryUnzip(t, zipOf(entries))), expected);
  t.deepEqual(await contents(await tryUnzip(t, zipOf(entries, { zip64: true }))), expected, 'zip64');
});

test('an archive without the top folder is taken as it is; what lies beside the top folder is left out', async t => {
  const bare = zipOf([
    { name: 'index.csv', data: 'x' },
    { name: 'images/a', data: 'a' },
  ]);
  t.deepEqual(await contents(await tryUnzip(t, bare)), { 'images/a': 'a', 'index.csv': 'x' });
  const beside = zipOf([INDEX, { name: '__MACOSX/index.csv', data: 'junk' }]);
  const reports = [];
  const onProgress = (...report) => reports.push(report);
  t.deepEqual(await contents(await tryUnzip(t, beside, { onProgress })), { 'index.csv': INDEX.data });
  t.deepEqual(reports.at(-1), [INDEX.data.length + 4, INDEX.data.length + 4]);
});

test('many files come out whole, and progress ends at the sum of their sizes', async t => {
  const many = Array.from({ length: 300 }, (_, i) => ({
    name: `top/${i % 7}/${i}`,
    data: String(i).repeat(i),
    deflate: i % 2 === 1,
  }));
  const reports = [];
  const folder = await tryUnzip(t, zipOf([INDEX, ...many]), {
    onProgress: (done, total) => reports.push([done, total]),
  });
  const found = await contents(folder);
  t.is(Object.keys(found).length, 301);
  for (const { name, data } of many) t.is(found[name.slice(4)], data);
  const total = many.reduce((sum, { data }) => sum + data.length, INDEX.data.length);
  t.deepEqual(reports.at(-1), [total, total]);
  t.true(reports.every(([done], i) => i === 0 || done >= reports[i - 1][0]));
});

test('the space that the files take is told before anything is written', async t => {
  const outside = await temporaryFolder(t);
  await fs.writeFile(
    path.join(outside, 'a.zip'),
    zipOf([INDEX, { name: 'top/b', data: Buffer.alloc(4097) }]),
  );
  const folder = path.join(outside, 'new');
  const stop = new Error('too much');
  await t.throwsAsync(
    unzip(path.join(outside, 'a.zip'), folder, {
      ...OPTIONS,
      onSize: bytes => {
        t.is(bytes, 3 * 4096);
        throw stop;
      },
    }),
    { is: stop },
  );
  t.deepEqual(await fs.readdir(outside), ['a.zip']);
});

const hostile = {
  'a path with ..': [{ name: 'top/../../evil', data: 'x' }, /relative path/],
  'an absolute path': [{ name: '/evil', data: 'x' }, /absolute path/],
  'a drive letter': [{ name: 'C:evil', data: 'x' }, /absolute path/],
  'a stream of a file on Windows': [{ name: 'top/a:evil', data: 'x' }, /no name of a file/],
  'a backslash': [{ name: 'top\\..\\evil', data: 'x' }, /invalid characters/],
  'a NUL': [{ name: 'top/evil\0.png', data: 'x' }, /no name of a file/],
  'a dot': [{ name: 'top/./evil', data: 'x' }, /no name of a file/],
  'an empty name': [{ name: '', data: 'x' }, /no name of a file/],
  'a double slash': [{ name: 'top//evil', data: 'x' }, /no name of a file/],
  'a symbolic link': [{ name: 'top/evil', data: '/etc', mode: LINK }, /"top\/evil" is a link/],
  'a link called a folder': [{ name: 'top/evil/', data: '/etc', mode: LINK }, /is a link/],
  'a device': [{ name: 'top/evil', mode: 0o020666 }, /no plain file/],
  'a name twice': [INDEX, /holds top\/index\.csv twice/],
  'a file that is a folder, too': [{ name: 'top/index.csv/evil', data: 'x' }, /as a file and as a folder/],
  encryption: [{ name: 'top/evil', data: 'x'.repeat(20), flags: 1 }, /mismatch|encrypted/],
  'an unknown method': [{ name: 'top/evil', data: 'x', method: 14 }, /method that is not known \(14\)/],
  'a wrong CRC of a stored file': [
    { name: 'top/evil', data: 'x', crc: 1 },
    /top\/evil is damaged: its CRC-32/,
  ],
  'a wrong CRC of a packed file': [{ name: 'top/evil', data: 'x', crc: 1, deflate: true }, /CRC-32/],
  'more bytes than declared': [
    { name: 'top/evil', data: Buffer.alloc(1e6), size: 10, deflate: true },
    /top\/evil is damaged: it has not the 10 bytes that it declares/,
  ],
  'fewer bytes than declared': [
    { name: 'top/evil', data: 'x', size: 10, deflate: true },
    /has not the 10 bytes/,
  ],
  'a stored file of another size': [{ name: 'top/evil', data: 'x', size: 10 }, /size mismatch/],
  'a large file with a wrong CRC': [
    { name: 'top/evil', data: LARGE, crc: 1, deflate: true },
    /CRC-32 is wrong/,
  ],
  'a large file with more bytes than declared': [
    { name: 'top/evil', data: LARGE, size: 2 ** 21, deflate: true },
    /top\/evil is damaged: it has not the 2097152 bytes/,
  ],
  'a large file with fewer bytes than declared': [
    { name: 'top/evil', data: 'x', size: 2 ** 21, deflate: true },
    /has not the 2097152 bytes/,
  ],
  'a large file with no packed data': [
    { name: 'top/evil', data: '', method: 8, size: 2 ** 21 },
    /is damaged/,
  ],
  'no packed data': [{ name: 'top/evil', data: 'not deflated', method: 8, size: 12 }, /top\/evil is damaged/],
};

for (const [what, [entry, message]] of Object.entries(hostile))
  test(`refused: ${what}`, async t => {
    const outside = await temporaryFolder(t);
    const file = path.join(outside, 'archive.zip');
    await fs.writeFile(file, zipOf([INDEX, entry]));
    await t.throwsAsync(unzip(file, path.join(outside, 'a', 'b'), OPTIONS), {
      instanceOf: ArchiveError,
      message,
    });
    t.deepEqual(
      (await fs.readdir(outside, { recursive: true })).filter(
        name => name.includes('evil') && !name.startsWith('a/b/'),
      ),
      [],
      'nothing outside the folder',
    );
  });

test('refused: an archive that is cut short, damaged in its directory, empty, or without the index', async t => {
  const whole = zipOf([INDEX, { name: 'top/a', data: 'a'.repeat(1000), deflate: true }]);
  for (const length of [0, 3, 50, whole.length - 30, whole.length - 1])
    await t.throwsAsync(
      tryUnzip(t, whole.subarray(0, length)),
      { instanceOf: ArchiveError },
      `${length} bytes`,
    );
  const damaged = Buffer.from(whole);
  damaged.fill(0, whole.indexOf('PK\x01\x02'), whole.indexOf('PK\x01\x02') + 4);
  await t.throwsAsync(tryUnzip(t, damaged), { instanceOf: ArchiveError, message: /central directory/ });
  const header = Buffer.from(whole);
  header.fill(0, header.indexOf('top/a') - 30, header.indexOf('top/a') - 26);
  await t.throwsAsync(tryUnzip(t, header), {
    instanceOf: ArchiveError,
    message: /top\/a is damaged: invalid local file header/,
  });
  await t.throwsAsync(tryUnzip(t, zipOf([])), { instanceOf: ArchiveError, message: 'it holds no index.csv' });
  const other = zipOf([{ name: 'other/index.csv', data: 'x' }]);
  await t.throwsAsync(tryUnzip(t, other), { instanceOf: ArchiveError, message: 'it holds no index.csv' });
});

test('a damaged byte anywhere in a file is found, unless it changes nothing', async t => {
  const data = 'abc'.repeat(50);
  for (const deflate of [false, true]) {
    const whole = zipOf([INDEX, { name: 'top/a', data, deflate }]);
    for (let at = whole.indexOf('top/a') + 5; at < whole.indexOf('PK\x01\x02'); at++) {
      const damaged = Buffer.from(whole);
      damaged[at] ^= 0x10;
      const found = await tryUnzip(t, damaged).then(
        async folder => (await contents(folder)).a,
        error => error,
      );
      t.true(found instanceof ArchiveError || (deflate && found === data), `byte ${at}`);
    }
  }
});

test('an abort stops the unpacking, between files and within a large one', async t => {
  const stop = new Error('stop');
  const many = Array.from({ length: 100 }, (_, i) => ({ name: `top/${i}`, data: 'x' }));
  const outside = await temporaryFolder(t);
  const archive = path.join(outside, 'a.zip');
  const folder = path.join(outside, 'new');
  await fs.writeFile(archive, zipOf([INDEX, ...many]));
  const between = new AbortController();
  await t.throwsAsync(
    unzip(archive, folder, { ...OPTIONS, signal: between.signal, onProgress: () => between.abort(stop) }),
    { is: stop },
  );
  t.deepEqual(await fs.readdir(folder), ['index.csv']);

  await fs.writeFile(archive, zipOf([{ name: 'top/large', data: LARGE }, INDEX]));
  await fs.rm(folder, { recursive: true });
  const within = new AbortController();
  const watch = () => (existsSync(path.join(folder, 'large')) ? within.abort(stop) : setImmediate(watch));
  watch();
  const error = await t.throwsAsync(unzip(archive, folder, { ...OPTIONS, signal: within.signal }));
  t.is(error.cause, stop);
  t.deepEqual(await fs.readdir(folder), ['large']);
});

test('refused before anything is written: files that share their bytes, a small archive that would fill a disk', async t => {
  const outside = await temporaryFolder(t);
  const file = path.join(outside, 'a.zip');
  const data = Buffer.alloc(100_000);
  const archive = zipOf([
    INDEX,
    ...Array.from({ length: 50 }, (_, i) => ({ name: `top/${i + 10}`, data, deflate: true })),
  ]);
  await fs.writeFile(file, archive);
  await t.notThrowsAsync(unzip(file, path.join(outside, 'honest'), OPTIONS));
  // all entries of the directory lead to the first one's bytes
  let first;
  for (let at = archive.indexOf('PK\x01\x02'); at >= 0; at = archive.indexOf('PK\x01\x02', at + 4)) {
    if (archive.toString('latin1', at + 46, at + 50) !== 'top/' || archive[at + 50] > 0x39) continue;
    first ??= archive.readUInt32LE(at + 42);
    archive.writeUInt32LE(first, at + 42);
  }
  await fs.writeFile(file, archive);
  await t.throwsAsync(unzip(file, path.join(outside, 'new'), OPTIONS), {
    instanceOf: ArchiveError,
    message: /^top\/11 lies where another file lies$/,
  });
  // or each lies within the others
  const nested = zipOf([
    INDEX,
    { name: 'top/1', data, deflate: true },
    { name: 'top/2', data, deflate: true },
  ]);
  for (let at = nested.indexOf('PK\x01\x02'); at >= 0; at = nested.indexOf('PK\x01\x02', at + 4))
    if (nested.toString('latin1', at + 46, at + 50) === 'top/' && nested[at + 50] <= 0x39)
      nested.writeUInt32LE(Math.floor(nested.length / 2) + 1, at + 20);
  await fs.writeFile(file, nested);
  await t.throwsAsync(unzip(file, path.join(outside, 'new'), OPTIONS), {
    instanceOf: ArchiveError,
    message: /^its files take more bytes than it has/,
  });
  t.false(existsSync(path.join(outside, 'new')));
});
