import fs from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { writeFile, writeFolder } from '../../lib/base/write.js';
import { temporaryFolder } from '../helpers/broden.mjs';

const code = 'ERR_NETDISSECT_OUTDIR';

test('what is written is there', async t => {
  const folder = path.join(await temporaryFolder(t), 'a', 'b');
  await writeFolder(folder);
  await writeFile(path.join(folder, 'c'), ['in ', 'pieces']);
  t.is(await fs.readFile(path.join(folder, 'c'), 'utf8'), 'in pieces');
});

(process.platform === 'linux' ? test : test.skip)('a full disk names the file', async t => {
  await t.throwsAsync(writeFile('/dev/full', 'x'), {
    code,
    message: 'cannot write /dev/full: no space is left; free some, or choose another output folder',
  });
});

test('whatever else the system says comes with the file, and a failure of what gives the data is passed on', async t => {
  const file = path.join(await temporaryFolder(t), 'none', 'c');
  await t.throwsAsync(writeFile(file, 'x'), { code, message: /none\/c: ENOENT.*; or choose another/ });
  await writeFolder(path.dirname(file));
  await writeFile(file, 'x');
  await t.throwsAsync(writeFolder(path.join(file, 'below')), { code, message: /c\/below: / });
  const stop = new Error('stop');
  const pieces = (function* () {
    yield 'a';
    throw stop;
  })();
  await t.throwsAsync(writeFile(file, pieces), { is: stop });
});
