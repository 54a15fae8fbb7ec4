import { readdirSync } from 'node:fs';
import fs from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { look, readJson, readText, trouble } from '../../lib/base/read.js';
import { temporaryFolder, writeFiles } from '../helpers/broden.mjs';

const refuse = why => new Error(why);

test('a byte order mark is no part of a text', async t => {
  const folder = await temporaryFolder(t);
  await writeFiles(folder, { 'a.json': '\ufeff["é"]' });
  t.is(readText(path.join(folder, 'a.json'), refuse), '["é"]');
  t.deepEqual(readJson(path.join(folder, 'a.json'), refuse), ['é']);
});

test('what the file system will not give is said in words', async t => {
  const folder = await temporaryFolder(t);
  await writeFiles(folder, { file: '', 'half.json': '{"a":\n' });
  await fs.symlink('loop', path.join(folder, 'loop'));
  const says = (name, message) => t.throws(() => readJson(path.join(folder, name), refuse), { message });
  says('none', 'is missing');
  says('', 'is a folder, not a file');
  says('file/below', 'is missing: a part of its path is a file, not a folder');
  says('loop', 'leads round in a circle of links');
  says('x'.repeat(300), 'has too long a name');
  says('half.json', /^is not JSON \([^\n]+\)$/);
  const list = () => readdirSync(path.join(folder, 'file'));
  t.throws(() => look(list, refuse), { message: 'is a file, not a folder' });
});

test('what a test cannot bring about, too; what has no words of its own is quoted', t => {
  t.regex(
    trouble({ code: 'EACCES', syscall: 'open', message: 'EACCES: …' }),
    /^may not be read: .*permissions/,
  );
  t.is(trouble({ code: 'EIO', message: 'EIO: i/o error, read' }), 'cannot be read (EIO: i/o error, read)');
});
