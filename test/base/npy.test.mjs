// Arrays that numpy saved.
import fs from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import npy from '../../lib/base/npy.js';
import { temporaryFolder } from '../helpers/broden.mjs';
import { IMAGES } from '../helpers/images.mjs';

const { npyOf, readNpy } = npy;
const array = name => path.join(IMAGES, 'arrays', name);
const values = Float64Array.from({ length: 60 }, (_, i) => i / 7 - 5);

for (const order of ['little', 'big'])
  for (const bits of [32, 64])
    for (const layout of ['C', 'F'])
      test(`float${bits}, ${order} end first, ${layout} order`, t => {
        const { shape, data } = readNpy(array(`${order}${bits}${layout}.npy`));
        t.deepEqual(shape, [5, 4, 3]);
        t.deepEqual(data, bits === 64 ? values : Float32Array.from(values));
      });

test('versions 1 to 3, vectors and scalars', t => {
  for (const version of [1, 2, 3]) t.deepEqual(readNpy(array(`version${version}.npy`)).data, values);
  t.deepEqual(readNpy(array('vector.npy')), { shape: [60], data: values });
  t.deepEqual(readNpy(array('scalar.npy')), { shape: [], data: Float64Array.of(1.5) });
});

const refused = (t, read, message) => t.throws(read, { code: 'ERR_NETDISSECT_OPTION', message });

test('other dtypes are refused with what was found', t => {
  refused(
    t,
    () => readNpy(array('int32.npy')),
    /float32 or float64 values in .*int32\.npy but found dtype '<i4'/,
  );
  refused(t, () => readNpy(array('half.npy')), /found dtype '<f2'; convert them with array\.astype/);
  refused(t, () => readNpy(array('fields.npy')), /found dtype '\[\('a', '<f4'\), \('b', '<f8'\)\]'/);
});

test('what is no whole .npy file is refused', async t => {
  const folder = await temporaryFolder(t);
  const file = path.join(folder, 'a.npy');
  const whole = await fs.readFile(array('little64C.npy'));
  refused(
    t,
    () => readNpy(path.join(folder, 'none.npy')),
    /none\.npy is missing; give a file that numpy\.save wrote/,
  );
  refused(t, () => readNpy(folder), /is a folder, not a file/);
  const written = async (bytes, message) => {
    await fs.writeFile(file, bytes);
    refused(t, () => readNpy(file), message);
  };
  await written('', /a\.npy is no \.npy file/);
  await written('PK\x03\x04', /a\.npy is no \.npy file/);
  for (const length of [8, 9, 11, 60, whole.length - 1])
    await written(whole.subarray(0, length), /a\.npy ends too early/);
  const version = Buffer.from(whole);
  version[6] = 4;
  await written(version, /of version 4, not 1, 2 or 3/);
  const header = Buffer.from(whole);
  header.write('"sha" ', header.indexOf("'shape"));
  await written(header, /the header of .*a\.npy is not one that numpy writes/);
});

test('what is written is read again, here and by numpy', async t => {
  const file = path.join(await temporaryFolder(t), 'a.npy');
  for (const shape of [[], [5], [2, 3], [4, 1, 7], [10, 1_000_000_000_000, 0]]) {
    const data = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => i / 7 - 1);
    const bytes = Buffer.concat(npyOf(shape, data));
    t.is((bytes.length - 4 * data.length) % 64, 0, 'numpy aligns values');
    await fs.writeFile(file, bytes);
    t.deepEqual(readNpy(file), { shape, data });
  }
  t.true(npyOf([5], new Float32Array(5))[0].includes("'shape': (5,), }"));
  t.true(npyOf([2, 3], new Float32Array(6))[0].includes("'shape': (2, 3,), }"));
});
