// Label maps of hundreds of millions of pixels: no more than a few bytes a pixel are taken. (As numbers of four bytes, in copies
// or for each picture, they took over twenty.)
import { execFile } from 'node:child_process';
import fs from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { deflateSync } from 'node:zlib';
import test from 'ava';
import { modelFixture } from '../fixtures/models.mjs';
import { temporaryFolder, writeFiles, writeImage } from '../helpers/broden.mjs';
import { encodePng } from '../helpers/png.mjs';

const SIDE = 8000;

/** Two images; the first one's mask has so many pixels a side, in stripes of labels 1 to 4. */
async function dataOf(t, side) {
  const folder = await temporaryFolder(t);
  await writeFiles(folder, { 'names.txt': 'wall\nsky\ntree\ncar\n' });
  for (const [name, pixels] of [
    ['a', side],
    ['b', 8],
  ]) {
    await writeImage(path.join(folder, `images/${name}.png`), 8, 8);
    const rows = Buffer.alloc(pixels * (pixels + 1));
    for (let y = 0; y < pixels; y++) rows.fill(1 + (y % 4), y * (pixels + 1) + 1, (y + 1) * (pixels + 1));
    const shape = { width: pixels, height: pixels, type: 0 };
    await fs.mkdir(path.join(folder, 'masks'), { recursive: true });
    await fs.writeFile(
      path.join(folder, `masks/${name}.png`),
      encodePng({ ...shape, data: deflateSync(rows, { level: 1 }) }),
    );
  }
  return folder;
}

async function peak(...args) {
  const program = path.join(import.meta.dirname, '../helpers/peak.mjs');
  return Number((await promisify(execFile)(process.execPath, [program, ...args, '--quiet'])).stdout);
}

const linux = process.platform === 'linux' ? test : test.skip; // which tells the most memory held

linux('a large label map takes few bytes a pixel, where it is counted and where it is dissected', async t => {
  const [small, large] = [await dataOf(t, 8), await dataOf(t, SIDE)];
  const run = folder => [
    ...['--model', modelFixture('in_place').files.scripted, '--layers', 'plain', '--broden', folder],
    ...['--imgsize', '8', '--outdir', path.join(folder, 'out'), '--examples', '1', '--decoys', '3'],
  ];
  for (const [what, most, args] of [
    ['stats', 2.5, folder => ['stats', folder, '--imgsize', '8']],
    ['validate', 2.5, folder => ['validate', folder, '--imgsize', '8']],
    ['dissect', 6, run],
  ]) {
    const bytes = (await peak(...args(large))) - (await peak(...args(small)));
    t.log(`${what}: ${(bytes / SIDE ** 2).toFixed(2)} bytes a pixel`);
    t.true(bytes < most * SIDE ** 2, `${what}: ${Math.round(bytes / 2 ** 20)} MiB`);
  }
});
