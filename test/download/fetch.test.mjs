// Fetching over connections that break, from servers that do all that servers do.
import dns from 'node:dns';
import fs from 'node:fs/promises';
import http from 'node:http';
import path from 'node:path';
import test from 'ava';
import { fetchFile, redirectTarget } from '../../lib/download/fetch.js';
import { temporaryFolder } from '../helpers/broden.mjs';
import { randomSource } from '../helpers/random.mjs';
import { PROXY_VARIABLES, sendAndBreakOff, sendFile, serve } from '../helpers/server.mjs';

/** Bytes that begin as an archive does. */
function fileOf(length, seed = 1) {
  const { below } = randomSource(seed);
  const bytes = Buffer.from(Array.from({ length }, () => below(256)));
  bytes.write('PK');
  return bytes;
}

const FILE = fileOf(10_000);
const OTHER = fileOf(9_000, 2);
const QUICK = { retryDelay: 1 };
const FAILED = { code: 'ERR_NETDISSECT_DOWNLOAD' };

/** A server, and a function that fetches its file; gives the part's contents, where a part file is. */
async function setUp(t, handle) {
  const folder = await temporaryFolder(t);
  const part = path.join(folder, 'file.zip.part');
  const served = await serve(t, handle);
  const address = `${served.url}file.zip`;
  const fetched = async options => {
    await fetchFile(address, part, { ...QUICK, ...options });
    return fs.readFile(part);
  };
  const ranges = () => served.requests.map(request => request.headers.range);
  return { ...served, address, folder, part, fetched, ranges };
}

test('a file is fetched, and progress ends at its size', async t => {
  const { fetched, ranges } = await setUp(t, (request, response) => sendFile(request, response, FILE));
  const reports = [];
  t.deepEqual(await fetched({ onProgress: (...report) => reports.push(report) }), FILE);
  t.deepEqual(ranges(), [undefined]);
  t.deepEqual(reports[0], [0, 10_000]);
  t.deepEqual(reports.at(-1), [10_000, 10_000]);
});

test('the size, and what of it is missing, are told before anything is written; throwing there ends it', async t => {
  const { fetched, folder } = await setUp(t, (request, response) => sendFile(request, response, FILE));
  const stop = new Error('too large');
  const onSize = (...sizes) => {
    t.deepEqual(sizes, [10_000, 10_000]);
    throw stop;
  };
  await t.throwsAsync(fetched({ onSize }), { is: stop });
  t.deepEqual(await fs.readdir(folder), []);
});

test('a large file from a server that closes the connection at its end', async t => {
  const large = fileOf(2 ** 23);
  const { fetched } = await setUp(t, (_, response) => {
    response.writeHead(200, { 'content-length': large.length, connection: 'close' }).end(large);
  });
  t.true((await fetched()).equals(large));
});

test('a file whose size the server does not tell is fetched', async t => {
  const { fetched } = await setUp(t, (_, response) => {
    response.write(FILE.subarray(0, 1));
    response.end(FILE.subarray(1));
  });
  const reports = [];
  t.deepEqual(await fetched({ onProgress: (...report) => reports.push(report) }), FILE);
  t.deepEqual(reports.at(-1), [10_000, undefined]);
});

for (const [version, what] of [
  [{ etag: '"a"' }, 'an ETag'],
  [{ etag: '', modified: 'Wed, 21 Oct 2015 07:28:00 GMT' }, 'Last-Modified'],
  [{ etag: 'W/"a"', modified: 'Wed, 21 Oct 2015 07:28:00 GMT' }, 'Last-Modified beside a weak ETag'],
])
  test(`broken connections: each try goes on where the last one broke off, by ${what}`, async t => {
    const { fetched, ranges, requests } = await setUp(t, (request, response, n) =>
      sendFile(request, response, FILE, { ...version, cut: n < 3 ? 3000 : undefined }),
    );
    t.deepEqual(await fetched(), FILE);
    t.deepEqual(ranges(), [undefined, 'bytes=3000-', 'bytes=6000-', 'bytes=9000-']);
    t.is(requests[1].headers['if-range'], version.modified ?? version.etag);
  });

test('without an ETag or a date a part cannot be trusted: it starts anew', async t => {
  for (const etag of ['', 'W/"weak"']) {
    const { fetched, ranges } = await setUp(t, (request, response, n) =>
      sendFile(request, response, FILE, { etag, cut: n < 1 ? 3000 : undefined }),
    );
    t.deepEqual(await fetched(), FILE);
    t.deepEqual(ranges(), [undefined, undefined]);
  }
});

test('after the last try one sentence says what is kept, and the next run goes on from there', async t => {
  let broken = true;
  const { fetched, ranges, part, address } = await setUp(t, (request, response) =>
    sendFile(request, response, FILE, { cut: broken ? 2000 : undefined }),
  );
  const error = await t.throwsAsync(fetched({ retries: 2 }), FAILED);
  t.is(
    error.message,
    `could not fetch ${address} in 3 tries (the last time the connection broke off); ` +
      '6.0 kB of 10.0 kB are fetched and kept, and running this again goes on from there',
  );
  t.deepEqual(await fs.readFile(part), FILE.subarray(0, 6000));
  broken = false;
  t.deepEqual(await fetched(), FILE);
  t.is(ranges().at(-1), 'bytes=6000-');
});

test('a part that is whole is not fetched again', async t => {
  const { fetched, requests } = await setUp(t, (request, response) => sendFile(request, response, FILE));
  await fetched();
  t.deepEqual(await fetched(), FILE);
  t.is(requests.length, 1);
});

test('a part without its note, or with a damaged one, is not trusted', async t => {
  const { fetched, ranges, part } = await setUp(t, (request, response) => sendFile(request, response, FILE));
  await fs.writeFile(part, 'PK what is this');
  t.deepEqual(await fetched(), FILE);
  await fs.writeFile(`${part}.json`, '{"etag": ');
  t.deepEqual(await fetched(), FILE);
  t.deepEqual(ranges(), [undefined, undefined]);
});

test('every MiB that comes earns new tries', async t => {
  const large = fileOf(2 ** 20 * 3.5);
  const { fetched, requests } = await setUp(t, (request, response) =>
    sendFile(request, response, large, { cut: 2 ** 20 * 1.1 }),
  );
  t.true((await fetched({ retries: 1 })).equals(large));
  t.is(requests.length, 4);
});

test('a file that changed between tries is fetched anew', async t => {
  const { fetched, ranges } = await setUp(t, (request, response, n) =>
    n < 1
      ? sendFile(request, response, FILE, { cut: 3000 })
      : sendFile(request, response, OTHER, { etag: '"2"' }),
  );
  t.deepEqual(await fetched(), OTHER);
  t.deepEqual(ranges(), [undefined, 'bytes=3000-']);
});

test('a server that ignores Range: the whole file is taken', async t => {
  const { fetched, ranges } = await setUp(t, (request, response, n) =>
    sendFile(request, response, FILE, { ranges: false, cut: n < 2 ? 3000 : undefined }),
  );
  t.deepEqual(await fetched(), FILE);
  t.deepEqual(ranges(), [undefined, 'bytes=3000-', 'bytes=3000-']);
});

/** Breaks off after 3000 bytes, then answers a request for the rest with these headers and bytes. */
function thenPart(headers, bytes) {
  return (request, response, n) => {
    if (n === 0) return sendFile(request, response, FILE, { cut: 3000 });
    if (request.headers.range) return response.writeHead(206, headers).end(bytes);
    return sendFile(request, response, FILE);
  };
}

const REST = FILE.subarray(3000);
for (const [what, headers] of Object.entries({
  'of another place': { 'content-range': 'bytes 2999-9999/10000' },
  'of a file of another size': { 'content-range': 'bytes 3000-9999/10001' },
  'of another version': { 'content-range': 'bytes 3000-9999/10000', etag: '"2"' },
  'without Content-Range': {},
  'with a Content-Range that is none': { 'content-range': 'all of it' },
}))
  test(`an answer with a part ${what} is not appended: the file is fetched anew`, async t => {
    const { fetched, ranges } = await setUp(t, thenPart(headers, REST));
    t.deepEqual(await fetched(), FILE);
    t.deepEqual(ranges(), [undefined, 'bytes=3000-', undefined]);
  });

test('an answer with less than the rest is appended, and the rest of it asked for', async t => {
  const { fetched, ranges } = await setUp(t, (request, response, n) =>
    n === 1
      ? response.writeHead(206, { 'content-range': 'bytes 3000-3999/10000' }).end(FILE.subarray(3000, 4000))
      : sendFile(request, response, FILE, { cut: n < 1 ? 3000 : undefined }),
  );
  t.deepEqual(await fetched(), FILE);
  t.deepEqual(ranges(), [undefined, 'bytes=3000-', 'bytes=4000-']);
});

test('an answer with more than was announced is refused, and nothing of it kept', async t => {
  const { fetched, folder } = await setUp(
    t,
    thenPart({ 'content-range': 'bytes 3000-9999/10000' }, Buffer.concat([REST, REST])),
  );
  await t.throwsAsync(fetched(), {
    ...FAILED,
    message: /sent more than the 10000 bytes that it had announced/,
  });
  t.deepEqual(await fs.readdir(folder), []);
});

test('416: a part that is the whole file is taken, a longer one is fetched anew', async t => {
  const { fetched, ranges, part } = await setUp(t, (request, response) => sendFile(request, response, FILE));
  await fs.writeFile(`${part}.json`, JSON.stringify({ etag: '"1"' }));
  await fs.writeFile(part, FILE);
  t.deepEqual(await fetched(), FILE);
  t.deepEqual(ranges(), ['bytes=10000-']);
  await fs.writeFile(`${part}.json`, JSON.stringify({ etag: '"1"' }));
  await fs.writeFile(part, Buffer.concat([FILE, FILE]));
  t.deepEqual(await fetched(), FILE);
  t.deepEqual(ranges(), ['bytes=10000-', 'bytes=20000-', undefined]);
});

test('a server that announces more than it has: tried again, then given up', async t => {
  const { fetched, requests } = await setUp(t, (_, response) => {
    response.writeHead(200, { 'content-length': 20_000, connection: 'close' });
    return sendAndBreakOff(response, FILE);
  });
  await t.throwsAsync(fetched({ retries: 2 }), {
    ...FAILED,
    message: /10\.0 kB of 20\.0 kB are fetched and kept/,
  });
  t.is(requests.length, 3);
});

test('a server that stalls, before its answer or within: the connection counts as broken', async t => {
  const { fetched, ranges } = await setUp(t, (request, response, n) => {
    if (n === 0) return;
    if (n > 1) return sendFile(request, response, FILE);
    response.writeHead(200, { etag: '"1"', 'content-length': FILE.length });
    response.write(FILE.subarray(0, 4000));
  });
  t.deepEqual(await fetched({ stall: 300 }), FILE);
  t.deepEqual(ranges(), [undefined, undefined, 'bytes=4000-']);
});

test('a server that never answers: given up with a sentence', async t => {
  const { fetched } = await setUp(t, () => {});
  await t.throwsAsync(fetched({ stall: 50, retries: 1 }), {
    ...FAILED,
    message:
      /in 2 tries \(the last time nothing came for 0\.05 s\); nothing is fetched yet; check the network/,
  });
});

for (const status of [500, 502, 503, 429])
  test(`${status}, then well: tried again`, async t => {
    const { fetched, requests } = await setUp(t, (request, response, n) =>
      n < 2 ? response.writeHead(status).end('busy') : sendFile(request, response, FILE),
    );
    t.deepEqual(await fetched(), FILE);
    t.is(requests.length, 3);
  });

test('500 for ever: given up', async t => {
  const { fetched } = await setUp(t, (_, response) => response.writeHead(500).end());
  await t.throwsAsync(fetched({ retries: 1 }), { ...FAILED, message: /500 Internal Server Error/ });
});

for (const [status, message] of [
  [
    404,
    /file\.zip is not there \(the server answered 404 Not Found\); check the address, or name a mirror with --url/,
  ],
  [403, /could not be fetched \(the server answered 403 Forbidden\)/],
  [304, /the server answered 304/],
])
  test(`${status}: refused at once`, async t => {
    const { fetched, requests, folder } = await setUp(t, (_, response) => response.writeHead(status).end());
    await t.throwsAsync(fetched(), { ...FAILED, message });
    t.is(requests.length, 1);
    t.deepEqual(await fs.readdir(folder), []);
  });

test('a web page, something else and nothing are no archive; a part is kept', async t => {
  const answers = [
    [
      { 'content-type': 'text/html; charset=utf-8' },
      'Log in',
      /gave a web page instead of an archive; log in to the/,
    ],
    [{}, '<!doctype html><title>Log in</title>', /gave a web page/],
    [{ 'content-type': 'application/zip' }, 'Rar!', /gave something that is no zip archive/],
    [{}, '', /is empty/],
    [{}, 'P', /is empty/],
  ];
  for (const [headers, text, message] of answers) {
    const { fetched, part, requests } = await setUp(t, (request, response, n) =>
      n === 0 ? sendFile(request, response, FILE, { cut: 3000 }) : response.writeHead(200, headers).end(text),
    );
    await t.throwsAsync(fetched(), { ...FAILED, message });
    t.is(requests.length, 2);
    t.deepEqual(await fs.readFile(part), FILE.subarray(0, 3000));
  }
});

test('redirects are followed, relative ones and to another server; ranges go along', async t => {
  const other = await serve(t, (request, response, n) =>
    sendFile(request, response, FILE, { cut: n < 1 ? 3000 : undefined }),
  );
  const { fetched, requests } = await setUp(t, (request, response) =>
    request.url === '/file.zip'
      ? response.writeHead(301, { location: 'elsewhere/file' }).end('moved')
      : response.writeHead(307, { location: `${other.url}there?x=1` }).end(),
  );
  t.deepEqual(await fetched(), FILE);
  t.deepEqual(
    requests.map(request => request.url),
    ['/file.zip', '/elsewhere/file', '/file.zip', '/elsewhere/file'],
  );
  t.deepEqual(
    other.requests.map(({ url, headers }) => [url, headers.range, headers.host]),
    [
      ['/there?x=1', undefined, new URL(other.url).host],
      ['/there?x=1', 'bytes=3000-', new URL(other.url).host],
    ],
  );
});

test('redirects in a circle, and to nowhere, are refused', async t => {
  const circle = await setUp(t, (_, response) => response.writeHead(302, { location: '/file.zip' }).end());
  await t.throwsAsync(circle.fetched(), { ...FAILED, message: /redirects more than 10 times/ });
  t.is(circle.requests.length, 11);
  const nowhere = await setUp(t, (_, response) => response.writeHead(302).end());
  await t.throwsAsync(nowhere.fetched(), {
    ...FAILED,
    message: /redirects to nowhere, which is no web address/,
  });
});

test('a redirect may lead to https but not back, and to no other protocol', t => {
  const to = (from, location) => redirectTarget(new URL(from), location).href;
  t.is(to('http://a/b/c', '../d'), 'http://a/d');
  t.is(to('http://a/b', 'https://c/d'), 'https://c/d');
  t.throws(() => to('https://a/b', 'http://a/b'), { ...FAILED, message: /not encrypted any more/ });
  for (const location of ['ftp://a/b', 'file:///etc/passwd', 'http://'])
    t.throws(() => to('http://a/b', location), { ...FAILED, message: /no web address/ });
});

test('a refused connection is refused at once; later it counts as broken', async t => {
  const { fetched, server, requests } = await setUp(t, async (request, response) => {
    server.close();
    await sendFile(request, response, FILE, { cut: 3000 });
    server.closeAllConnections();
  });
  await t.throwsAsync(fetched({ retries: 2 }), {
    ...FAILED,
    message:
      /in 3 tries \(the last time 127\.0\.0\.1:\d+ refused the connection\); 3\.0 kB of 10\.0 kB are fetched/,
  });
  t.is(requests.length, 1);
  await t.throwsAsync(fetched(), {
    ...FAILED,
    message:
      /^could not fetch http.*: 127\.0\.0\.1:\d+ refused the connection; check the network and the address/,
  });
});

test('an abort rejects with its reason and keeps the part', async t => {
  const { fetched, ranges, part } = await setUp(t, (request, response, n) => {
    if (n > 0) return sendFile(request, response, FILE);
    response.writeHead(200, { etag: '"1"', 'content-length': FILE.length });
    response.write(FILE.subarray(0, 4000));
  });
  const abort = new AbortController();
  const stop = new Error('stop');
  const onProgress = done => done > 0 && abort.abort(stop);
  await t.throwsAsync(fetched({ signal: abort.signal, onProgress }), { is: stop });
  t.deepEqual(await fs.readFile(part), FILE.subarray(0, 4000));
  t.deepEqual(await fetched(), FILE);
  t.deepEqual(ranges(), [undefined, 'bytes=4000-']);
  await t.throwsAsync(fetched({ signal: AbortSignal.abort(stop) }), { is: stop });
});

test('an abort ends the wait before the next try', async t => {
  const abort = new AbortController();
  const stop = new Error('stop');
  const { fetched } = await setUp(t, (_, response) => {
    response.writeHead(503).end();
    setTimeout(() => abort.abort(stop), 50);
  });
  await t.throwsAsync(fetched({ signal: abort.signal, retryDelay: 1e9 }), { is: stop });
});

test('a part that cannot be written is refused at once', async t => {
  const { fetched, part, requests } = await setUp(t, (request, response) =>
    sendFile(request, response, FILE),
  );
  await fs.mkdir(path.join(part, 'folder'), { recursive: true });
  await t.throwsAsync(fetched(), { ...FAILED, message: /^cannot write .*file\.zip\.part/ });
  t.is(requests.length, 1);
});

// What follows changes the whole process.

function setProxy(t, variables) {
  Object.assign(process.env, variables);
  t.teardown(() => {
    for (const name of PROXY_VARIABLES) delete process.env[name];
  });
}

test.serial('HTTP_PROXY is used, with its password, and NO_PROXY excepts from it', async t => {
  const { fetched, requests, part } = await setUp(t, (request, response) =>
    sendFile(request, response, FILE),
  );
  const proxy = await serve(t, (request, response) => {
    http.get(request.url, { headers: request.headers }, answer => {
      response.writeHead(answer.statusCode, answer.headers);
      answer.pipe(response);
    });
  });
  const seen = () => [proxy.requests.length, requests.length];
  setProxy(t, { HTTP_PROXY: proxy.url.replace('//', '//me:secret@') });
  t.deepEqual(await fetched(), FILE);
  t.deepEqual(seen(), [1, 1]);
  t.regex(proxy.requests[0].url, /^http:\/\/127\.0\.0\.1:\d+\/file\.zip$/);
  t.is(proxy.requests[0].headers['proxy-authorization'], `Basic ${btoa('me:secret')}`);
  process.env.NO_PROXY = '127.0.0.1';
  await fs.rm(part);
  t.deepEqual(await fetched(), FILE);
  t.deepEqual(seen(), [1, 2]);
});

test.serial('a proxy that is not there, refuses, or is no address, is named', async t => {
  const { fetched, requests } = await setUp(t, (request, response) => sendFile(request, response, FILE));
  setProxy(t, { HTTP_PROXY: 'http://127.0.0.1:1' });
  await t.throwsAsync(fetched(), { ...FAILED, message: /127\.0\.0\.1:1 refused the connection/ });
  const proxy = await serve(t, (_, response) => response.writeHead(407).end());
  process.env.HTTP_PROXY = proxy.url;
  await t.throwsAsync(fetched(), { ...FAILED, message: /407/ });
  process.env.HTTP_PROXY = 'not an address';
  await t.throwsAsync(fetched(), {
    ...FAILED,
    message: /cannot use the proxy that HTTP_PROXY or HTTPS_PROXY names/,
  });
  t.is(requests.length, 0);
});

test.serial('a name that is not found is refused at once', async t => {
  const { lookup } = dns;
  t.teardown(() => Object.assign(dns, { lookup }));
  dns.lookup = (hostname, _, done) =>
    done(
      Object.assign(new Error('getaddrinfo ENOTFOUND'), {
        code: 'ENOTFOUND',
        syscall: 'getaddrinfo',
        hostname,
      }),
    );
  const part = path.join(await temporaryFolder(t), 'part');
  await t.throwsAsync(fetchFile('http://nowhere.invalid/file.zip', part), {
    ...FAILED,
    message:
      'could not fetch http://nowhere.invalid/file.zip: the name nowhere.invalid was not found; check the network and the address, or name a mirror with --url',
  });
});
