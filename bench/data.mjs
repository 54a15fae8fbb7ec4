// Makes a data set in the Broden layout: 300 different images, listed as often as is asked for, with about 30 labels
// each: 11 colours pixel by pixel, regions of 100 objects and of 40 parts, a scene.
import fs from 'node:fs/promises';
import path from 'node:path';
import sharp from 'sharp';

const DIFFERENT = 300;
const KINDS = { color: [1, 11], object: [12, 100], part: [112, 40], scene: [152, 20] };

function randomSource(seed) {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Regions around random centres, the nearest one's number in every pixel. */
function regions(random, side, count, first, among, noise) {
  const centres = Array.from({ length: count }, () => [
    random() * side,
    random() * side,
    first + Math.floor(random() * among),
  ]);
  const map = new Uint16Array(side * side);
  for (let y = 0; y < side; y++)
    for (let x = 0; x < side; x++) {
      let best = Number.POSITIVE_INFINITY;
      for (const [cy, cx, label] of centres) {
        const distance = (cy - y) ** 2 + (cx - x) ** 2 + random() * noise;
        if (distance < best) {
          best = distance;
          map[y * side + x] = label;
        }
      }
    }
  return map;
}

function writeMap(file, side, map) {
  const data = Buffer.alloc(side * side * 3);
  map.forEach((label, i) => {
    data[i * 3] = label % 256;
    data[i * 3 + 1] = label >> 8;
  });
  return sharp(data, { raw: { width: side, height: side, channels: 3 } })
    .png()
    .toFile(file);
}

async function writeExample(folder, index, size, side) {
  const random = randomSource(index + 1);
  const colors = regions(random, side, 14, ...KINDS.color, 200);
  const objects = regions(random, side, 14, ...KINDS.object, 0);
  const parts = regions(random, side, 9, ...KINDS.part, 0);
  const pixels = Buffer.alloc(size * size * 3);
  for (let y = 0; y < size; y++)
    for (let x = 0; x < size; x++) {
      const at = Math.floor((y / size) * side) * side + Math.floor((x / size) * side);
      const wave = Math.sin(x / (2 + (objects[at] % 7)) + y / (3 + (objects[at] % 5))) * 40;
      for (let c = 0; c < 3; c++)
        pixels[(y * size + x) * 3 + c] = Math.max(
          0,
          Math.min(255, ((colors[at] * (37 + 50 * c)) % 200) + wave + random() * 30),
        );
    }
  await sharp(pixels, { raw: { width: size, height: size, channels: 3 } })
    .jpeg({ quality: 90 })
    .toFile(path.join(folder, `${index}.jpg`));
  await writeMap(path.join(folder, `${index}_color.png`), side, colors);
  await writeMap(path.join(folder, `${index}_object.png`), side, objects);
  await writeMap(path.join(folder, `${index}_part.png`), side, parts);
}

/** A data set of `count` images of `size` pixels in `folder`, made where it is not there yet. */
export async function benchmarkData(folder, size, count) {
  const side = Math.floor(size / 2);
  const images = path.join(folder, 'images');
  await fs.mkdir(images, { recursive: true });
  const made = new Set(await fs.readdir(images));
  for (let i = 0; i < DIFFERENT; i++)
    if (!made.has(`${i}_part.png`)) await writeExample(images, i, size, side);
  const kinds = Object.keys(KINDS);
  const rows = Array.from({ length: count }, (_, i) => {
    const n = i % DIFFERENT;
    return `${n}.jpg,train,${size},${size},${side},${side},${n}_color.png,${n}_object.png,${n}_part.png,${KINDS.scene[0] + (n % KINDS.scene[1])}`;
  });
  const write = (name, lines) => fs.writeFile(path.join(folder, name), `${lines.join('\n')}\n`);
  await write('index.csv', [`image,split,ih,iw,sh,sw,${kinds.join(',')}`, ...rows]);
  await write('category.csv', ['name,first,last,count,frequency', ...kinds.map(kind => `${kind},0,0,0,0`)]);
  const labels = kinds.flatMap(kind =>
    Array.from({ length: KINDS[kind][1] }, (_, i) => [KINDS[kind][0] + i, kind]),
  );
  await write('label.csv', [
    'number,name,category,frequency,coverage,syns',
    ...labels.map(([number, kind]) => `${number},${kind}_${number},${kind}(1),1,1,`),
  ]);
  for (const kind of kinds)
    await write(`c_${kind}.csv`, [
      'code,number,name,frequency,coverage',
      ...labels
        .filter(([, of]) => of === kind)
        .map(([number], i) => `${i + 1},${number},${kind}_${number},1,1`),
    ]);
  return folder;
}
