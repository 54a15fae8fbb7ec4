import { deflateSync } from 'node:zlib';
import test from 'ava';
import sharp from 'sharp';
import { readPlainPng } from '../../../lib/dataset/images/png.js';
import { encodePng } from '../../helpers/png.mjs';
import { randomSource } from '../../helpers/random.mjs';

const HEIGHT = 24;
const WIDTH = 31;
const TYPES = { grey: [0, 1], coloured: [2, 3], 'coloured with alpha': [6, 4] };

/** Rows with the filters 0 to 4 in turn, the bytes of their differences at random: any bytes are pixels. */
function rows(channels) {
  const random = randomSource(channels);
  return Buffer.from(
    Array.from({ length: HEIGHT }, (_, y) => [
      (y + 1) % 5, // the first row has a filter, too
      ...Array.from({ length: WIDTH * channels }, () => random.below(256)),
    ]).flat(),
  );
}

for (const [name, [type, channels]] of Object.entries(TYPES))
  test(`${name}: the bytes that sharp reads, for every filter`, async t => {
    for (const chunks of [1, 3]) {
      const png = encodePng({
        width: WIDTH,
        height: HEIGHT,
        type,
        data: deflateSync(rows(channels)),
        chunks,
      });
      const plain = await readPlainPng(png);
      t.deepEqual([plain.height, plain.width, plain.channels], [HEIGHT, WIDTH, channels]);
      const { data } = await sharp(png)
        .toColourspace(channels === 1 ? 'b-w' : 'srgb')
        .raw()
        .toBuffer({ resolveWithObject: true });
      t.deepEqual([...plain.data], [...data]);
    }
  });

test('files that are large are inflated by another thread, to the same', async t => {
  const width = 700;
  const random = randomSource(1);
  const data = Buffer.from(
    Array.from({ length: 500 }, () => [2, ...Array(width).fill(random.below(9))]).flat(),
  );
  const plain = await readPlainPng(encodePng({ width, height: 500, type: 0, data: deflateSync(data) }));
  let sum = 0;
  for (let y = 0; y < 500; y++) {
    sum = (sum + data[y * (width + 1) + 1]) % 256;
    t.is(plain.data[y * width + 17], sum);
  }
});

test('other PNG files are left to others', async t => {
  const data = deflateSync(rows(1));
  const shape = { width: WIDTH, height: HEIGHT, type: 0, data };
  t.is(await readPlainPng(encodePng({ ...shape, bits: 16 })), undefined);
  t.is(await readPlainPng(encodePng({ ...shape, bits: 4 })), undefined);
  t.is(await readPlainPng(encodePng({ ...shape, interlaced: 1 })), undefined);
  t.is(await readPlainPng(Buffer.from('no PNG')), undefined);
  t.is(await readPlainPng(Buffer.alloc(100)), undefined);
});

test('damaged files are refused', async t => {
  const good = rows(1);
  const read = (bytes, more) =>
    readPlainPng(encodePng({ width: WIDTH, height: HEIGHT, type: 0, data: bytes, ...more }));
  await t.notThrowsAsync(read(deflateSync(good)));
  await t.throwsAsync(read(deflateSync(good.subarray(0, -1))), { message: /bytes of pixels, not/ });
  await t.throwsAsync(read(deflateSync(Buffer.concat([good, Buffer.alloc(1)]))));
  await t.throwsAsync(read(deflateSync(good).subarray(0, -6)));
  const flipped = deflateSync(good);
  flipped[40] ^= 1;
  await t.throwsAsync(read(flipped));
  const unknown = Buffer.from(good);
  unknown[0] = 5;
  await t.throwsAsync(read(deflateSync(unknown)), { message: /row 0 has the filter 5/ });
});
