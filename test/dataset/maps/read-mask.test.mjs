import fs from 'node:fs/promises';
import path from 'node:path';
import { crc32 } from 'node:zlib';
import test from 'ava';
import sharp from 'sharp';
import { readMaskValues } from '../../../lib/dataset/maps/read-mask.js';
import { temporaryFolder, writeImage } from '../../helpers/broden.mjs';
import { writeGreyPng, writePalettePng, writeRgbPng } from '../../helpers/png.mjs';
import { randomSource } from '../../helpers/random.mjs';

/** 5 rows of 13, so that the rows of few bits end within a byte. */
function values(bits) {
  const random = randomSource(bits);
  return Array.from({ length: 5 * 13 }, () => random.below(2 ** bits));
}

test('a palette PNG gives its indices, whatever its colours', async t => {
  const file = path.join(await temporaryFolder(t), 'map.png');
  for (const bits of [1, 2, 4, 8]) {
    await writePalettePng(file, 13, 5, values(bits), bits);
    const { data, ...rest } = await readMaskValues(file);
    t.deepEqual(rest, { height: 5, width: 13, channels: 1, bits: 8 });
    t.deepEqual([...data], values(bits), `${bits} bits`);
  }
});

test('a grey PNG gives its values: few bits are not stretched, 16 are kept', async t => {
  const file = path.join(await temporaryFolder(t), 'map.png');
  for (const bits of [1, 2, 4, 8, 16]) {
    await writeGreyPng(file, 13, 5, values(bits), bits);
    const { data, ...rest } = await readMaskValues(file);
    t.deepEqual(rest, { height: 5, width: 13, channels: 1, bits: bits === 16 ? 16 : 8 });
    t.deepEqual([...data], values(bits), `${bits} bits`);
  }
});

test('a coloured PNG gives its channels', async t => {
  const file = path.join(await temporaryFolder(t), 'map.png');
  for (const bits of [8, 16]) {
    const pixels = [...values(bits), ...values(bits), ...values(bits)];
    await writeRgbPng(file, 13, 5, pixels, bits);
    const { data, channels } = await readMaskValues(file);
    t.is(channels, 3);
    t.deepEqual([...data], pixels, `${bits} bits`);
  }
});

test('interlaced palette PNGs are read, too', async t => {
  const file = path.join(await temporaryFolder(t), 'map.png');
  const raw = { raw: { width: 13, height: 5, channels: 1 } };
  const grey = await sharp(Buffer.from(values(8)), raw)
    .toColourspace('b-w')
    .png({ progressive: true })
    .toBuffer();
  // a grey PNG becomes one with a palette by its type and 256 colours; chunks are named by position
  t.deepEqual([grey[24], grey[25], grey[28]], [8, 0, 1]);
  grey[25] = 3;
  grey.writeUInt32BE(crc32(grey.subarray(12, 29)), 29);
  const palette = Buffer.concat([
    Buffer.alloc(4),
    Buffer.from('PLTE'),
    Buffer.alloc(768, 200),
    Buffer.alloc(4),
  ]);
  palette.writeUInt32BE(768);
  palette.writeUInt32BE(crc32(palette.subarray(4, -4)), palette.length - 4);
  await fs.writeFile(file, Buffer.concat([grey.subarray(0, 33), palette, grey.subarray(33)]));
  t.is((await sharp(file).metadata()).isPalette, true);
  t.deepEqual([...(await readMaskValues(file)).data], values(8));
});

test('what is no PNG, or is cut off, is refused', async t => {
  const file = path.join(await temporaryFolder(t), 'map.png');
  await writePalettePng(file, 13, 5, values(8));
  const png = await fs.readFile(file);
  for (const length of [0, 20, 40, png.length - 30]) {
    await fs.writeFile(file, png.subarray(0, length));
    await t.throwsAsync(readMaskValues(file), undefined, `${length} bytes`);
  }
  await writeImage(file.replace('png', 'jpg'), 8, 8);
  await t.throwsAsync(readMaskValues(file.replace('png', 'jpg')), {
    message: /^is a JPEG image, which does not keep numbers/,
  });
});

test('grey TIFF files give their values, of 8 bits and of 16', async t => {
  const file = path.join(await temporaryFolder(t), 'map.tif');
  for (const [bits, data] of [
    [8, Uint8Array.of(0, 1, 254, 255, 7, 9)],
    [16, Uint16Array.of(0, 1, 256, 65535, 7, 9)],
  ]) {
    const raw = { width: 3, height: 2, channels: 1 };
    const image = sharp(data, { raw }).toColourspace(bits === 16 ? 'grey16' : 'b-w');
    for (const compression of ['none', 'lzw', 'deflate']) {
      await image.clone().tiff({ compression }).toFile(file);
      const { data: values, ...rest } = await readMaskValues(file);
      t.deepEqual([rest, [...values]], [{ height: 2, width: 3, channels: 1, bits }, [...data]]);
    }
  }
});

test('TIFF files whose values are indices, inverted or in colour are not taken for numbers', async t => {
  const file = path.join(await temporaryFolder(t), 'map.tif');
  await sharp(Buffer.alloc(6, 5), { raw: { width: 3, height: 2, channels: 1 } })
    .toColourspace('b-w')
    .tiff({ compression: 'none' })
    .toFile(file);
  const bytes = await fs.readFile(file);
  const directory = bytes.readUInt32LE(4);
  const entry = Array.from({ length: bytes.readUInt16LE(directory) }, (_, i) => directory + 2 + 12 * i).find(
    at => bytes.readUInt16LE(at) === 262,
  );
  t.is(bytes.readUInt16LE(entry + 8), 1);
  for (const photometric of [0, 3]) {
    bytes.writeUInt16LE(photometric, entry + 8);
    await fs.writeFile(file, bytes);
    await t.throwsAsync(readMaskValues(file), {
      message: /^is a TIFF image that is not grey with 8 or 16 bits/,
    });
  }
  await sharp(Buffer.from([1, 2, 3]), { raw: { width: 1, height: 1, channels: 3 } })
    .tiff({ compression: 'none' })
    .toFile(file);
  t.like(await readMaskValues(file), { channels: 3, bits: 8 });
  const refused = { message: /^is a TIFF image that is not grey with 8 or 16 bits/ };
  await sharp(Uint16Array.of(1, 1, 1), { raw: { width: 1, height: 1, channels: 3 } })
    .toColourspace('rgb16')
    .tiff({ compression: 'none' })
    .toFile(file);
  await t.throwsAsync(readMaskValues(file), refused);
  await sharp(Uint8Array.of(1, 0), { raw: { width: 1, height: 1, channels: 2 } })
    .toColourspace('b-w')
    .tiff({ compression: 'none' })
    .toFile(file);
  await t.throwsAsync(readMaskValues(file), refused);
  await fs.writeFile(file, Buffer.from('II+\0\x08\0\0\0\x10\0\0\0\0\0\0\0', 'latin1')); // BigTIFF
  await t.throwsAsync(readMaskValues(file), refused);
  await sharp({ create: { width: 8, height: 8, channels: 3, background: 'red' } })
    .toColourspace('b-w')
    .tiff({ compression: 'jpeg' })
    .toFile(file);
  await t.throwsAsync(readMaskValues(file), {
    message: /^is a TIFF image of a compression that does not keep numbers/,
  });
});
