// What image files of each kind stand for: the fixtures hold what Pillow's convert('RGB') gives.
import fs from 'node:fs/promises';
import path from 'node:path';
import zlib from 'node:zlib';
import test from 'ava';
import sharp from 'sharp';
import { UnreadableFile } from '../../../lib/dataset/images/pixels.js';
import reading from '../../../lib/dataset/images/read-image.js';
import { temporaryFolder } from '../../helpers/broden.mjs';
import { difference, IMAGES, reference } from '../../helpers/images.mjs';
import { encodePng } from '../../helpers/png.mjs';

const { readImage, readLabelMap } = reading;

async function sameAsReference(t, name, tolerance = 0) {
  const { data, height, width } = await reference(`kinds/${name}.rgb.png`);
  const image = await readImage(path.join(IMAGES, 'kinds', name), [height, width]);
  t.deepEqual(image.sourceSize, [height, width]);
  const { mean, most } = difference(image.data, data);
  t.true(mean <= tolerance, `${name}: mean ${mean}, most ${most}`);
}

const kind = (title, names, tolerance) =>
  test(title, async t => {
    for (const name of names) await sameAsReference(t, name, tolerance);
  });

kind('RGB files, progressive ones too', ['rgb.png', 'rgb.webp', 'rgb.tif'], 0);
kind('JPEG, whose decoders round differently', ['rgb.jpg', 'progressive.jpg', 'grey.jpg'], 0.5);
kind('grey is three equal channels, of any depth', ['grey.png', 'grey-4.png', 'one-bit.png'], 0);
kind(
  'of 16 bits the upper 8 are kept',
  ['rgb-16.png', 'grey-16.png', 'alpha-16.png', 'grey-alpha-16.png'],
  0,
);
kind('alpha is dropped, nothing is laid over a background', ['alpha.png', 'alpha.webp', 'grey-alpha.png'], 0);
kind('palettes become colours', ['palette.png', 'palette.gif', 'palette-transparent.png'], 0);
kind('transparent pixels of a GIF are black', ['palette-transparent.gif'], 0);
kind('of an animation the first frame is taken', ['animated.gif', 'animated.webp'], 0);
kind('CMYK becomes RGB without a colour profile', ['cmyk.tif'], 0);
kind("CMYK JPEG with Adobe's inverted inks and without", ['cmyk.jpg', 'cmyk-plain.jpg'], 0.5);
kind('the orientation in EXIF is not applied', ['turned.png', 'turned.tif'], 0);
kind('the orientation in EXIF is not applied to a JPEG', ['turned.jpg'], 0.5);

test('colour profiles are ignored', async t => {
  const file = path.join(await temporaryFolder(t), 'wide.png');
  const pixels = Buffer.from(Array.from({ length: 16 * 16 * 3 }, (_, i) => (i * 7) % 256));
  const image = sharp(pixels, { raw: { width: 16, height: 16, channels: 3 } });
  await image.withIccProfile('p3').png().toFile(file);
  const stored = await sharp(file, { ignoreIcc: true }).raw().toBuffer();
  const shown = await sharp(file).raw().toBuffer();
  t.true(difference(stored, shown).mean > 2);
  t.deepEqual((await readImage(file, [16, 16])).data, stored);
});

const refused = async (t, file, message, read = file => readImage(file, [8, 8])) => {
  await t.throwsAsync(read(file), { instanceOf: UnreadableFile, message }, `${file}`);
};

test('a file that is missing, empty, a folder, or no image is refused', async t => {
  const folder = await temporaryFolder(t);
  const write = async (name, data) => {
    await fs.writeFile(path.join(folder, name), data);
    return path.join(folder, name);
  };
  await refused(t, path.join(folder, 'none.png'), 'is missing');
  await refused(t, folder, 'is a folder, not a file');
  await refused(t, await write('empty.jpg', ''), 'is empty');
  await refused(t, await write('text.jpg', 'this is no image'), /^is damaged \(it is no JPEG, PNG/);
  await refused(t, path.join(IMAGES, 'bad/bitmap.bmp'), 'is a BMP image, which is not read; save it as PNG');
  await refused(
    t,
    path.join(IMAGES, 'bad/float.tif'),
    'holds float values, where 8 or 16 bits a channel are expected',
  );
  await refused(t, await write('two.jpg', Buffer.of(0xff, 0xd8)), /^is damaged/);
});

test('a PNG that says that it has no pixels, or too many, is refused by its header', async t => {
  const folder = await temporaryFolder(t);
  const file = path.join(folder, 'a.png');
  for (const [width, height, message] of [
    [0, 4, 'is damaged (it says that its size is 4×0)'],
    [4, 0, 'is damaged (it says that its size is 0×4)'],
    [16384, 16383, 'has more pixels than the 268 million that can be read'],
    [2 ** 32 - 1, 2 ** 32 - 1, 'has more pixels than the 268 million that can be read'],
  ])
    for (const type of [2, 3])
      for (const read of [undefined, readLabelMap]) {
        await fs.writeFile(
          file,
          encodePng({ width, height, type, data: zlib.deflateSync(Buffer.alloc(99)) }),
        );
        await refused(t, file, message, read);
      }
});

test('a file that is cut off is refused; what follows the image is ignored', async t => {
  const folder = await temporaryFolder(t);
  for (const name of [
    'rgb.jpg',
    'progressive.jpg',
    'cmyk.jpg',
    'rgb.png',
    'rgb.webp',
    'palette.gif',
    'rgb.tif',
  ]) {
    const whole = await fs.readFile(path.join(IMAGES, 'kinds', name));
    const file = path.join(folder, name);
    for (const part of [0.1, 0.5, 0.8]) {
      await fs.writeFile(file, whole.subarray(0, whole.length * part));
      await refused(t, file, /^is damaged \([^\n]+\)$/);
    }
    await fs.writeFile(file, Buffer.concat([whole, Buffer.from('more')]));
    await t.notThrowsAsync(readImage(file, [8, 8]), name);
  }
});

test('a PNG whose data do not fit their checksum is refused, a JPEG with stray bytes between segments is not', async t => {
  const folder = await temporaryFolder(t);
  const png = await fs.readFile(path.join(IMAGES, 'kinds/rgb.png'));
  png[png.indexOf('IDAT') + 30] ^= 1;
  await fs.writeFile(path.join(folder, 'a.png'), png);
  await refused(t, path.join(folder, 'a.png'), /^is damaged/);
  const jpeg = await fs.readFile(path.join(IMAGES, 'kinds/rgb.jpg'));
  const table = jpeg.indexOf(Buffer.of(0xff, 0xdb));
  await fs.writeFile(
    path.join(folder, 'a.jpg'),
    Buffer.concat([jpeg.subarray(0, table), Buffer.from('stray'), jpeg.subarray(table)]),
  );
  t.deepEqual(
    (await readImage(path.join(folder, 'a.jpg'), [20, 30])).data,
    (await readImage(path.join(IMAGES, 'kinds/rgb.jpg'), [20, 30])).data,
  );
});

test('an image of more pixels than can be read is refused by its header', async t => {
  const file = path.join(await temporaryFolder(t), 'huge.png');
  const chunk = (type, data) => {
    const body = Buffer.concat([Buffer.from(type), data]);
    const out = Buffer.alloc(body.length + 8);
    out.writeUInt32BE(data.length);
    body.copy(out, 4);
    out.writeUInt32BE(zlib.crc32(body), body.length + 4);
    return out;
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(60_000, 0);
  header.writeUInt32BE(60_000, 4);
  header.set([8, 2, 0, 0, 0], 8);
  await fs.writeFile(
    file,
    Buffer.concat([
      Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
      chunk('IHDR', header),
      chunk('IDAT', zlib.deflateSync(Buffer.alloc(1000))),
      chunk('IEND', Buffer.alloc(0)),
    ]),
  );
  await refused(t, file, 'has more pixels than the 268 million that can be read');
});

test('a label map keeps its channels; one of 16 bits is refused', async t => {
  const map = await readLabelMap(path.join(IMAGES, 'kinds/rgb.png'));
  t.deepEqual([map.height, map.width, map.channels], [20, 30, 3]);
  t.deepEqual(Buffer.from(map.data), (await reference('kinds/rgb.png')).data);
  for (const name of ['rgb-16.png', 'grey-16.png'])
    await refused(t, path.join(IMAGES, 'kinds', name), /^has more than 8 bits a channel/, readLabelMap);
});

test('the opacity comes with the image where it is asked for and there is any', async t => {
  const folder = await temporaryFolder(t);
  const file = path.join(folder, 'a.png');
  const rgba = Buffer.from(Array.from({ length: 32 }, (_, i) => (i * 37) % 256));
  await sharp(rgba, { raw: { width: 4, height: 2, channels: 4 } })
    .png()
    .toFile(file);
  const alpha = rgba.filter((_, i) => i % 4 === 3);
  t.is((await readImage(file, [2, 4])).alpha, undefined);
  const image = await readImage(file, [2, 4], 'stretch', { alpha: true });
  t.deepEqual(Buffer.from(image.alpha), Buffer.from(alpha));
  t.deepEqual(Buffer.from(image.data), Buffer.from(rgba.filter((_, i) => i % 4 < 3)));
  // resized by itself, as a picture of three equal channels is
  const grey = path.join(folder, 'grey.png');
  const triple = Buffer.from([...alpha].flatMap(value => [value, value, value]));
  await sharp(triple, { raw: { width: 4, height: 2, channels: 3 } })
    .png()
    .toFile(grey);
  const { data } = await readImage(grey, [3, 3]);
  const resized = await readImage(file, [3, 3], 'stretch', { alpha: true });
  t.deepEqual(
    [...resized.alpha],
    [...data].filter((_, i) => i % 3 === 0),
  );
  t.is((await readImage(grey, [3, 3], 'stretch', { alpha: true })).alpha, undefined);
});
