// Downloading the data set as a whole: fetched, checked, unpacked, in its place.
import { createHash } from 'node:crypto';
import fs from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { BrodenDataset, downloadBroden } from '../../lib/index.js';
import { ROW_A, ROW_B, temporaryFolder, writeBroden, writeFiles } from '../helpers/broden.mjs';
import { sendFile, serve } from '../helpers/server.mjs';
import { zipFolder, zipOf } from '../helpers/zip.mjs';

const FAILED = { code: 'ERR_NETDISSECT_DOWNLOAD' };
const SMALL = zipOf([
  { name: 'broden1_224/index.csv', data: 'image,split\na.png,train\n', deflate: true },
  { name: 'broden1_224/images/a.png', data: 'not looked at' },
]);

/** A server of archives by name, and a function that downloads from it. */
async function setUp(t, archives, behaviour) {
  const directory = path.join(await temporaryFolder(t), 'dataset', 'broden');
  const served = await serve(t, (request, response, n) => {
    const archive = archives[path.basename(request.url)];
    if (archive) sendFile(request, response, archive, behaviour?.(n));
    else response.writeHead(404).end();
  });
  const download = options =>
    downloadBroden({ directory, resolutions: [224], url: served.url, retryDelay: 1, retries: 0, ...options });
  return { ...served, directory, download };
}

const sorted = async folder => (await fs.readdir(folder)).sort();

test('the whole way: an archive of a data set, fetched over a connection that breaks, opens as one', async t => {
  const source = await writeBroden(path.join(await temporaryFolder(t), 'source'), [ROW_A, ROW_B]);
  const archive = await zipFolder(source, 'broden1_224');
  const { directory, download, requests } = await setUp(t, { 'broden1_224.zip': archive }, n => ({
    cut: n < 2 ? 1000 : undefined,
  }));
  const reports = [];
  const results = await download({ retries: 5, onProgress: report => reports.push(report) });
  const folder = path.join(directory, 'broden1_224');
  t.deepEqual(results, [{ resolution: 224, folder, downloaded: true }]);
  t.is(requests.length, 3);
  t.deepEqual(await fs.readdir(directory), ['broden1_224']);

  const options = { imageSize: 8, resolution: 224 };
  const [original, fetched] = [new BrodenDataset(source, options), new BrodenDataset(directory, options)];
  t.is(fetched.length, 2);
  t.deepEqual(fetched.labels, original.labels);
  for (let i = 0; i < 2; i++) t.deepEqual(await fetched.get(i, true), await original.get(i, true));

  t.deepEqual(
    [...new Set(reports.map(({ phase, file }) => `${phase} ${file}`))],
    ['download broden1_224.zip', 'unpack broden1_224.zip'],
  );
  const last = phase => reports.findLast(report => report.phase === phase);
  t.is(last('download').done, archive.length);
  t.is(last('download').total, archive.length);
  t.is(last('unpack').done, last('unpack').total);
});

test('several resolutions; those that are there are left alone, and nothing is asked for them', async t => {
  const at = resolution =>
    zipOf([{ name: `broden1_${resolution}/index.csv`, data: `image,split\n${resolution}.png,train\n` }]);
  const archives = Object.fromEntries([224, 227, 384].map(size => [`broden1_${size}.zip`, at(size)]));
  const { directory, download, requests } = await setUp(t, archives);
  await writeFiles(directory, { 'broden1_227/index.csv': 'image,split\nmine.png,train\n' });
  const results = await download({ resolutions: undefined });
  t.deepEqual(
    results.map(({ resolution, downloaded }) => [resolution, downloaded]),
    [
      [224, true],
      [227, false],
      [384, true],
    ],
  );
  t.deepEqual(
    requests.map(({ url }) => url),
    ['/broden1_224.zip', '/broden1_384.zip'],
  );
  t.regex(await fs.readFile(path.join(directory, 'broden1_227/index.csv'), 'utf8'), /mine/);
  t.regex(await fs.readFile(path.join(directory, 'broden1_384/index.csv'), 'utf8'), /384\.png/);
  t.deepEqual(await sorted(directory), ['broden1_224', 'broden1_227', 'broden1_384']);
});

test('what an earlier run has left is removed or used', async t => {
  const { directory, download, requests } = await setUp(t, { 'broden1_224.zip': SMALL });
  await writeFiles(directory, {
    'broden1_224.zip.part': SMALL,
    'broden1_224.zip.part.json': JSON.stringify({ size: SMALL.length }),
    '.broden1_224-unfinished/index.csv': 'half',
    '.broden1_224-unfinished/images/old.png': 'old',
  });
  await fs.mkdir(path.join(directory, 'broden1_224'));
  await download();
  t.is(requests.length, 0);
  t.deepEqual(await fs.readdir(directory), ['broden1_224']);
  t.deepEqual(await sorted(path.join(directory, 'broden1_224')), ['images', 'index.csv']);
  t.deepEqual(await fs.readdir(path.join(directory, 'broden1_224/images')), ['a.png']);

  await writeFiles(directory, { 'broden1_224.zip.part': 'x', '.broden1_224-unfinished/index.csv': 'half' });
  t.false((await download())[0].downloaded);
  t.deepEqual(await fs.readdir(directory), ['broden1_224']);
});

test('an index with other line ends, a byte order mark or quotes is one, too', async t => {
  const { directory, download } = await setUp(t, {});
  for (const index of [
    'image,split\r\na.png,train\r\n',
    '\ufeffimage,split\na.png,train',
    '"image","split"\n"a","b"\n',
  ]) {
    await writeFiles(directory, { 'broden1_224/index.csv': index });
    t.false((await download())[0].downloaded);
  }
});

test('a folder of that name that is no data set is not touched', async t => {
  const { directory, download, requests } = await setUp(t, { 'broden1_224.zip': SMALL });
  const message = /broden1_224 is there but has no whole index\.csv; move it away/;
  for (const files of [{ 'mine.txt': 'x' }, { 'index.csv': '' }, { 'index.csv': 'image,split' }]) {
    const folder = path.join(directory, 'broden1_224');
    await fs.rm(folder, { recursive: true, force: true });
    await writeFiles(folder, files);
    await t.throwsAsync(download(), { ...FAILED, message });
    t.deepEqual(await fs.readdir(folder), Object.keys(files));
  }
  t.is(requests.length, 0);
});

test('an archive that is damaged or hostile leaves nothing behind', async t => {
  const index = { name: 'broden1_224/index.csv', data: 'image,split\na.png,train\n' };
  const archives = [
    [SMALL.subarray(0, -30), /End of central directory record signature not found/],
    [
      zipOf([index, { name: 'broden1_224/a', data: 'a', crc: 1 }]),
      /broden1_224\/a is damaged: its CRC-32 is wrong/,
    ],
    [zipOf([index, { name: 'broden1_224/../../../evil', data: 'a' }]), /relative path/],
    [zipOf([{ name: 'broden1_224/a', data: 'a' }]), /it holds no index\.csv/],
  ];
  for (const [archive, message] of archives) {
    const { directory, download } = await setUp(t, { 'broden1_224.zip': archive });
    const error = await t.throwsAsync(download(), { ...FAILED, message });
    t.regex(
      error.message,
      /^the archive that http:.*\/broden1_224\.zip gave cannot be used, since .*; it was removed/,
    );
    t.deepEqual(await fs.readdir(path.join(directory, '../..'), { recursive: true }), [
      'dataset',
      'dataset/broden',
    ]);
  }
});

test('a server that announces too few bytes: the archive is found to be cut short', async t => {
  const { directory } = await setUp(t, {});
  const { url } = await serve(t, (_, response) => {
    response.socket.end(
      `HTTP/1.1 200 OK\r\nContent-Length: ${SMALL.length - 9}\r\n\r\n${SMALL.toString('latin1')}`,
      'latin1',
    );
  });
  const download = downloadBroden({ directory, resolutions: [224], url, retries: 0 });
  await t.throwsAsync(download, { ...FAILED, message: /cannot be used|broke off/ });
  t.false((await fs.readdir(directory)).includes('broden1_224'));
});

test('a SHA-256 sum that is known is checked', async t => {
  const { directory, download } = await setUp(t, { 'broden1_224.zip': SMALL });
  const sum = createHash('sha256').update(SMALL).digest('hex');
  const wrong = sum.replace(/^./, digit => (digit === '0' ? '1' : '0'));
  await t.throwsAsync(download({ sha256: { 'broden1_224.zip': wrong } }), {
    ...FAILED,
    message: new RegExp(`since its SHA-256 sum is ${sum} where ${wrong} was expected`),
  });
  t.deepEqual(await fs.readdir(directory), []);
  await download({ sha256: { 'broden1_224.zip': sum.toUpperCase() } });
  t.deepEqual(await fs.readdir(directory), ['broden1_224']);
});

test('too little space is found before the download, and before the unpacking', async t => {
  const size = 2 ** 52;
  const huge = await serve(t, (_, response) => {
    response.writeHead(200, { etag: '"1"', 'content-length': size });
    response.write('PK');
  });
  const { directory, download } = await setUp(t, {});
  await t.throwsAsync(download({ url: huge.url }), {
    ...FAILED,
    message:
      /^9\.0 PB are needed to download and unpack broden1_224\.zip but .*broden has only [\d.]+ \w+ free; free some or/,
  });
  t.deepEqual(await fs.readdir(directory), []);

  const index = { name: 'index.csv', data: 'image,split\na.png,train\n', deflate: true };
  const bomb = zipOf([index, { name: 'images/bomb', data: 'x', deflate: true, size: 2 ** 50 }]);
  const served = await setUp(t, { 'broden1_224.zip': bomb });
  await t.throwsAsync(served.download(), {
    ...FAILED,
    message: /^1\.1 PB are needed to unpack broden1_224\.zip/,
  });
  t.deepEqual(
    await sorted(served.directory),
    ['broden1_224.zip.part', 'broden1_224.zip.part.json'],
    'what is fetched is kept for when there is space',
  );
});

test('an archive that is not there: the address, and that a mirror can be named', async t => {
  const { download, directory, url } = await setUp(t, { 'broden1_224.zip': SMALL });
  await t.throwsAsync(download({ resolutions: [224, 227] }), {
    ...FAILED,
    message: `${url}broden1_227.zip is not there (the server answered 404 Not Found); check the address, or name a mirror with --url`,
  });
  t.deepEqual(await fs.readdir(directory), ['broden1_224']);
});

test('a mirror may lie in a folder, named with or without a slash', async t => {
  const { download, requests, url } = await setUp(t, {});
  for (const base of [`${url}some/where`, `${url}some/where/`])
    await t.throwsAsync(download({ url: base }), FAILED);
  t.deepEqual(
    requests.map(request => request.url),
    ['/some/where/broden1_224.zip', '/some/where/broden1_224.zip'],
  );
});

test('an abort while unpacking leaves only the archive, which the next run unpacks', async t => {
  const { directory, download, requests } = await setUp(t, { 'broden1_224.zip': SMALL });
  const abort = new AbortController();
  const stop = new Error('stop');
  const onProgress = ({ phase }) => phase === 'unpack' && abort.abort(stop);
  await t.throwsAsync(download({ signal: abort.signal, onProgress }), { is: stop });
  t.deepEqual(await sorted(directory), ['broden1_224.zip.part', 'broden1_224.zip.part.json']);
  await download();
  t.deepEqual(await fs.readdir(directory), ['broden1_224']);
  t.is(requests.length, 1);
});

test('a folder that cannot be made, or is a file, is refused', async t => {
  const folder = await temporaryFolder(t);
  await writeFiles(folder, { file: 'x', 'broden/broden1_224': 'x' });
  const message = /expected a folder at .* but a file is in the way; choose another folder/;
  const { download } = await setUp(t, {});
  for (const directory of ['file', 'file/below', 'broden'])
    await t.throwsAsync(download({ directory: path.join(folder, directory) }), { ...FAILED, message });
});

test('options that make no sense are refused before anything is done', async t => {
  const { directory, download } = await setUp(t, {});
  for (const [options, message] of [
    [{ resolutions: [224, 225] }, /expected resolutions of 224, 227, 384 but received 225/],
    [{ resolutions: [] }, /but received none/],
    [
      { url: 'netdissect.csail.mit.edu/data' },
      /expected an http or https address as url but received netdissect/,
    ],
    [{ url: 'ftp://127.0.0.1/' }, /expected an http or https address/],
    [
      { url: 'http://me:secret@127.0.0.1/' },
      /^the url names a user or a password, which is not supported; leave them out$/,
    ],
  ])
    await t.throwsAsync(download(options), { code: 'ERR_NETDISSECT_OPTION', message });
  await t.throwsAsync(fs.stat(directory), { code: 'ENOENT' });
});

test('after an archive that cannot be used a new run fetches a whole one from its beginning', async t => {
  // a first run breaks off, a second one goes on from there with what the server has by then: a mixture
  const broken = Buffer.from(SMALL).fill(0, 40);
  const answers = [
    { body: broken, cut: 60 },
    { body: broken, cut: undefined },
    { body: SMALL, cut: undefined },
  ];
  const directory = path.join(await temporaryFolder(t), 'data');
  const { requests, url } = await serve(t, (request, response, n) =>
    sendFile(request, response, answers[n].body, { cut: answers[n].cut }),
  );
  const download = () => downloadBroden({ directory, resolutions: [224], url, retries: 0, retryDelay: 1 });
  await t.throwsAsync(download(), { ...FAILED, message: /broke off/ });
  t.deepEqual(await sorted(directory), ['broden1_224.zip.part', 'broden1_224.zip.part.json']);
  await t.throwsAsync(download(), {
    ...FAILED,
    message: /cannot be used, .*; it was removed, so run this again/,
  });
  t.deepEqual(await fs.readdir(directory), []);
  await download();
  t.deepEqual(await fs.readdir(directory), ['broden1_224']);
  t.deepEqual(
    requests.map(({ headers }) => headers.range),
    [undefined, 'bytes=60-', undefined],
  );
});
