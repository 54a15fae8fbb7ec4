// `--download` as a process of its own.
import { spawn } from 'node:child_process';
import fs from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { temporaryFolder } from '../helpers/broden.mjs';
import { sendFile, serve } from '../helpers/server.mjs';
import { zipOf } from '../helpers/zip.mjs';

const command = path.join(import.meta.dirname, '../../lib/cli.js');
const ARCHIVE = zipOf([{ name: 'broden1_224/index.csv', data: 'image,split\na.png,train\n' }]);

/** Runs the command; `onStart` is given the process. */
function run({ directory, url, quiet }, onStart) {
  const args = ['--download', '--broden', directory, '--url', url, '--resolution', '224'];
  return new Promise(resolve => {
    const child = spawn(process.execPath, [command, ...args, ...(quiet ? ['--quiet'] : [])]);
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', data => {
      stdout += data;
    });
    child.stderr.on('data', data => {
      stderr += data;
    });
    child.on('close', code => resolve({ code, stdout, stderr }));
    onStart?.(child);
  });
}

test('says what was downloaded, and what was there already; nothing where it is to be quiet', async t => {
  const directory = await temporaryFolder(t);
  const { url } = await serve(t, (request, response) => sendFile(request, response, ARCHIVE));
  const options = { directory, url };
  const folder = path.join(directory, 'broden1_224');
  t.is((await run(options)).stdout, `${folder}: downloaded\n`);
  t.is((await run(options)).stdout, `${folder}: was there already, left as it is\n`);
  await fs.rm(folder, { recursive: true });
  t.deepEqual(await run({ ...options, quiet: true }), { code: 0, stdout: '', stderr: '' });
  t.deepEqual(await fs.readdir(directory), ['broden1_224']);
});

for (const signal of ['SIGINT', 'SIGKILL'])
  test(`${signal} in the midst of it: the part stays, and the next run goes on from there`, async t => {
    const directory = await temporaryFolder(t);
    let child;
    const { url, requests } = await serve(t, (request, response, n) => {
      if (n > 0) return sendFile(request, response, ARCHIVE);
      response.writeHead(200, { etag: '"1"', 'content-length': ARCHIVE.length });
      response.write(ARCHIVE.subarray(0, 50));
      const whenWritten = async () => {
        const part = await fs.stat(path.join(directory, 'broden1_224.zip.part')).catch(() => undefined);
        if (part?.size === 50) child.kill(signal);
        else setTimeout(whenWritten, 10);
      };
      whenWritten();
    });
    const options = { directory, url };
    const { code, stderr } = await run(options, process => {
      child = process;
    });
    if (signal === 'SIGINT')
      t.deepEqual(
        [code, stderr],
        [
          130,
          'netdissect-native: stopped; what is fetched is kept, and running this again goes on from there\n',
        ],
      );
    t.deepEqual((await fs.readdir(directory)).sort(), ['broden1_224.zip.part', 'broden1_224.zip.part.json']);
    t.is((await run(options)).code, 0);
    t.is(requests[1].headers.range, 'bytes=50-');
    t.deepEqual(await fs.readdir(directory), ['broden1_224']);
  });
