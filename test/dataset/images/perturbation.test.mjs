// Perturbations of images, arrays that numpy saved.
import fs from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { readPerturbation } from '../../../lib/index.js';
import { temporaryFolder } from '../../helpers/broden.mjs';
import { IMAGES } from '../../helpers/images.mjs';

const array = name => path.join(IMAGES, 'arrays', name);
const values = Float32Array.from({ length: 60 }, (_, i) => i / 7 - 5);
const refused = (t, read, message) => t.throws(read, { code: 'ERR_NETDISSECT_OPTION', message });

test('a perturbation is float32 [height, width, 3] of finite numbers, with its file name', async t => {
  t.deepEqual(readPerturbation(array('big64F.npy')), {
    height: 5,
    width: 4,
    values: values,
    name: 'big64F.npy',
  });
  refused(
    t,
    () => readPerturbation(array('vector.npy')),
    /shape \(height, width, 3\) in .* but found \(60\)/,
  );
  const file = path.join(await temporaryFolder(t), 'a.npy');
  const bytes = await fs.readFile(array('little64C.npy'));
  bytes.writeDoubleLE(Number.NaN, bytes.length - 8);
  await fs.writeFile(file, bytes);
  refused(t, () => readPerturbation(file), /finite numbers in .*a\.npy but found NaN at \[4, 3, 2\]/);
});
