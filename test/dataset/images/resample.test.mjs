// Resizing against what Pillow made of the same images, and the windows that cropping takes.
import fs from 'node:fs';
import path from 'node:path';
import test from 'ava';
import crop from '../../../lib/dataset/images/crop.js';
import reading from '../../../lib/dataset/images/read-image.js';
import resampling from '../../../lib/dataset/images/resample.js';
import { difference, IMAGES, reference } from '../../helpers/images.mjs';
import { randomSource } from '../../helpers/random.mjs';

const { cropWindow, cutSegmentation } = crop;
const { resample } = resampling;
const { readImage } = reading;

const references = fs.readdirSync(path.join(IMAGES, 'resize')).filter(name => name.split('.').length === 4);

for (const name of references) {
  const [source, resize, size] = name.split('.');
  test(`${source} to ${size}, ${resize}: to the byte as Pillow does it`, async t => {
    const imageSize = size.split('x').map(Number);
    const image = await readImage(path.join(IMAGES, 'resize', `${source}.png`), imageSize, resize);
    t.deepEqual(image.sourceSize, source.split('x').map(Number));
    t.is(difference(image.data, (await reference(`resize/${name}`)).data).most, 0);
  });
}

/** The definition: each output pixel is the mean of the window's pixels, weighted by a triangle. */
function slowResample(pixels, [sourceHeight, sourceWidth], window, [height, width]) {
  const weights = (length, first, extent, count, i) => {
    const scale = extent / count;
    const reach = Math.max(scale, 1);
    const centre = first + (i + 0.5) * scale;
    const all = Array.from({ length }, (_, k) => Math.max(0, 1 - Math.abs(k + 0.5 - centre) / reach));
    const sum = all.reduce((a, b) => a + b);
    return all.map(weight => weight / sum);
  };
  const out = [];
  for (let y = 0; y < height; y++) {
    const wy = weights(sourceHeight, window.top, window.height, height, y);
    for (let x = 0; x < width; x++) {
      const wx = weights(sourceWidth, window.left, window.width, width, x);
      for (let c = 0; c < 3; c++) {
        let value = 0;
        for (let v = 0; v < sourceHeight; v++)
          for (let u = 0; wy[v] && u < sourceWidth; u++)
            value += wy[v] * wx[u] * pixels[(v * sourceWidth + u) * 3 + c];
        out.push(value);
      }
    }
  }
  return out;
}

test('resampling a window is within a rounding of the plain definition', async t => {
  const random = randomSource(3);
  for (let n = 0; n < 60; n++) {
    const source = [1 + random.below(24), 1 + random.below(24)];
    const size = [1 + random.below(24), 1 + random.below(24)];
    const pixels = Uint8Array.from({ length: source[0] * source[1] * 3 }, () => random.below(256));
    const window =
      n % 2 ? cropWindow(...source, size) : { top: 0, left: 0, height: source[0], width: source[1] };
    const expected = slowResample(pixels, source, window, size);
    const { most } = difference(await resample(pixels, source, window, size), expected);
    t.true(most <= 1.01, `${source} to ${size}: ${most}`);
  }
});

test('an image that has the size stays as it is', async t => {
  const pixels = Uint8Array.from({ length: 5 * 7 * 3 }, (_, i) => i);
  t.is(await resample(pixels, [5, 7], { top: 0, left: 0, height: 5, width: 7 }, [5, 7]), pixels);
  t.is(await resample(pixels, [5, 7], cropWindow(5, 7, [5, 7]), [5, 7]), pixels);
});

test('a size that memory cannot hold, or pixels that are none of the image, are refused', async t => {
  const window = { top: 0, left: 0, height: 2, width: 2 };
  for (const size of [
    [200000, 200000],
    [2 ** 27, 2 ** 27],
  ])
    await t.throwsAsync(resample(new Uint8Array(12), [2, 2], window, size), {
      code: 'ERR_NETDISSECT_OPTION',
      message: `memory does not hold images of ${size.join('×')} pixels; choose a smaller image size`,
    });
  for (const size of [
    [2, 2],
    [3, 3],
  ])
    await t.throwsAsync(resample(new Uint8Array(11), [2, 2], window, size), {
      message: /11 bytes of pixels, not 12/,
    });
});

test('black and white stay so, whatever the filter', async t => {
  for (const value of [0, 255])
    for (const [h, w] of [
      [3, 1000],
      [500, 2],
      [17, 91],
    ]) {
      const pixels = new Uint8Array(h * w * 3).fill(value);
      const out = await resample(pixels, [h, w], { top: 0, left: 0, height: h, width: w }, [13, 29]);
      t.true(out.every(byte => byte === value));
    }
});

test('the window is the centre, as large as the shape allows', t => {
  t.deepEqual(cropWindow(224, 224, [224, 224]), { top: 0, left: 0, height: 224, width: 224 });
  // to 100×200, and 50 columns off on each side
  t.deepEqual(cropWindow(50, 100, [100, 100]), { top: 0, left: 25, height: 50, width: 50 });
  t.deepEqual(cropWindow(100, 50, [100, 100]), { top: 25, left: 0, height: 50, width: 50 });
  t.deepEqual(cropWindow(100, 100, [50, 100]), { top: 25, left: 0, height: 50, width: 100 });
  // torchvision: 480×640 to 227×302 (302.67 rounded down), a margin of 37.5 rounded to 38, the even one
  t.deepEqual(cropWindow(480, 640, [227, 227]), {
    top: 0,
    left: (38 * 640) / 302,
    height: 480,
    width: (227 * 640) / 302,
  });
  // 300×301 to 300×301: a margin of 0.5 is rounded to 0
  t.deepEqual(cropWindow(300, 301, [300, 300]), { top: 0, left: 0, height: 300, width: 300 });
});

test('the window is inside the image and has the shape asked for', t => {
  const random = randomSource(9);
  for (let n = 0; n < 2000; n++) {
    const [h, w, height, width] = Array.from({ length: 4 }, () => 1 + random.below(400));
    const window = cropWindow(h, w, [height, width]);
    const message = `${h}×${w} to ${height}×${width}`;
    t.true(window.top >= 0 && window.left >= 0, message);
    t.true(window.top + window.height <= h + 1e-9 && window.left + window.width <= w + 1e-9, message);
    t.true(Math.abs(window.height - h) < 1e-9 || Math.abs(window.width - w) < 1e-9, message);
  }
});

test('label maps are cut to the same window in whole pixels of their own, constant ones stay', t => {
  const labels = Uint16Array.from({ length: 4 * 6 }, (_, i) => i);
  const bytes = Uint8Array.from({ length: 4 * 6 * 3 }, (_, i) => i);
  // of an image of 8×12 its centre of 8×8: columns 2 to 9, which are the map's 1 to 4
  const cut = cutSegmentation(
    { height: 4, width: 6, maps: [7, labels, bytes] },
    cropWindow(8, 12, [5, 5]),
    [8, 12],
  );
  t.deepEqual([cut.height, cut.width, cut.maps[0]], [4, 4, 7]);
  t.deepEqual(cut.maps[1], Uint16Array.of(1, 2, 3, 4, 7, 8, 9, 10, 13, 14, 15, 16, 19, 20, 21, 22));
  t.deepEqual([...cut.maps[2].subarray(0, 15)], [3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 21, 22, 23]);
  // a window thinner than a pixel of the map
  const thin = cutSegmentation(
    { height: 2, width: 2, maps: [Uint16Array.of(1, 2, 3, 4)] },
    cropWindow(9, 90, [9, 1]),
    [9, 90],
  );
  t.deepEqual(thin, { height: 2, width: 1, maps: [Uint16Array.of(2, 4)] });
});

test('image and label map stay registered: the label at a pixel is that of its colour', async t => {
  const random = randomSource(4);
  const colours = [
    [255, 0, 0],
    [0, 255, 0],
    [0, 0, 255],
    [255, 255, 255],
    [0, 0, 0],
  ];
  for (const [h, w, mapHeight, mapWidth, imageSize] of [
    [300, 400, 150, 200, [227, 227]],
    [400, 300, 200, 150, [227, 227]],
    [301, 403, 151, 202, [224, 224]],
    [333, 500, 333, 500, [224, 192]],
    [200, 800, 100, 400, [224, 224]],
    [231, 97, 116, 49, [227, 227]],
    [97, 231, 49, 116, [120, 299]],
    [640, 427, 320, 214, [64, 65]],
    [224, 224, 112, 112, [224, 224]],
    [150, 151, 75, 76, [300, 100]],
  ]) {
    // a few large ellipses: what is at a place, from 0 to 1, is a matter of the place alone
    const blobs = Array.from({ length: 7 }, () => ({
      x: random.uniform(),
      y: random.uniform(),
      rx: 0.1 + 0.3 * random.uniform(),
      ry: 0.1 + 0.3 * random.uniform(),
      label: random.below(colours.length),
    }));
    const labelAt = (y, x) =>
      blobs.findLast(blob => ((x - blob.x) / blob.rx) ** 2 + ((y - blob.y) / blob.ry) ** 2 < 1)?.label ?? 0;
    const grid = (rows, columns) =>
      Array.from({ length: rows * columns }, (_, i) =>
        labelAt((Math.floor(i / columns) + 0.5) / rows, ((i % columns) + 0.5) / columns),
      );
    const pixels = Uint8Array.from(grid(h, w).flatMap(label => colours[label]));
    const window = cropWindow(h, w, imageSize);
    const image = await resample(pixels, [h, w], window, imageSize);
    const { height, width, maps } = cutSegmentation(
      { height: mapHeight, width: mapWidth, maps: [Uint16Array.from(grid(mapHeight, mapWidth))] },
      window,
      [h, w],
    );
    let same = 0;
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++) {
        const v = Math.floor(((y + 0.5) / height) * imageSize[0]);
        const u = Math.floor(((x + 0.5) / width) * imageSize[1]);
        const at = (v * imageSize[1] + u) * 3;
        const apart = colour => colour.reduce((sum, value, c) => sum + Math.abs(value - image[at + c]), 0);
        const nearest = colours.reduce(
          (best, colour, i) => (apart(colour) < apart(colours[best]) ? i : best),
          0,
        );
        if (nearest === maps[0][y * width + x]) same++;
      }
    const share = same / (height * width);
    t.true(share > 0.98, `${h}×${w}, map ${mapHeight}×${mapWidth}, to ${imageSize.join('×')}: ${share}`);
  }
});
