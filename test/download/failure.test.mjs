import test from 'ava';
import { fileFailure, inWords } from '../../lib/download/failure.js';

test('numbers of bytes in words', t => {
  t.deepEqual([0, 999, 1000, 12_345_678, 2.5e9, 2 ** 60].map(inWords), [
    '0 bytes',
    '999 bytes',
    '1.0 kB',
    '12.3 MB',
    '2.5 GB',
    '1152.9 PB',
  ]);
});

test('what the file system refuses is said in a sentence', t => {
  const said = code => fileFailure('/a', Object.assign(new Error(`${code}: why`), { code })).message;
  t.regex(
    said('ENOSPC'),
    /^no space is left for \/a; free some and run this again: what is fetched is kept$/,
  );
  t.regex(said('EACCES'), /^there is no permission to write \/a; choose another folder$/);
  t.is(said('EROFS'), said('EACCES'));
  t.regex(said('EIO'), /^cannot write \/a: EIO: why$/);
});
