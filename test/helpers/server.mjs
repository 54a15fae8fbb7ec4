// A web server on 127.0.0.1 that behaves as a test wants.
import http from 'node:http';
import { setImmediate } from 'node:timers/promises';

// Tests set their own.
export const PROXY_VARIABLES = ['http_proxy', 'https_proxy', 'no_proxy'].flatMap(name => [
  name,
  name.toUpperCase(),
]);
for (const name of PROXY_VARIABLES) delete process.env[name];

/** Starts a server that `handle(request, response, number)` answers; requests are counted from 0 on. */
export async function serve(t, handle) {
  const requests = [];
  const server = http.createServer((request, response) => {
    requests.push(request);
    handle(request, response, requests.length - 1);
  });
  await new Promise(resolve => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    server.closeAllConnections();
    return new Promise(resolve => server.close(resolve));
  });
  return { server, requests, url: `http://127.0.0.1:${server.address().port}/` };
}

/** Answers as a file server does, with ranges; `cut` breaks off after that many bytes. */
export async function sendFile(request, response, body, { etag = '"1"', modified, cut, ranges = true } = {}) {
  const version = { ...(etag && { etag }), ...(modified && { 'last-modified': modified }) };
  const [, start] = /^bytes=(\d+)-$/.exec(request.headers.range ?? '') ?? [];
  const current = [etag, modified].includes(request.headers['if-range']);
  const from = ranges && current && start !== undefined ? Number(start) : 0;
  if (from >= body.length) {
    response.writeHead(416, { 'content-range': `bytes */${body.length}` }).end();
    return;
  }
  const range = from > 0 && { 'content-range': `bytes ${from}-${body.length - 1}/${body.length}` };
  response.writeHead(from > 0 ? 206 : 200, { ...version, ...range, 'content-length': body.length - from });
  if (cut === undefined) response.end(body.subarray(from));
  else await sendAndBreakOff(response, body.subarray(from, from + cut));
}

/** Sends bytes, waits until they are out, and ends the connection. */
export async function sendAndBreakOff(response, bytes) {
  await new Promise(resolve => response.write(bytes, resolve));
  await setImmediate();
  response.socket?.end();
}
