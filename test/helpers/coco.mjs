// Small COCO data sets, and the masks of their annotations in the plainest form.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { writeFiles, writeImage } from './broden.mjs';

const fixture = path.join(import.meta.dirname, '../fixtures/coco');

/** `instances.json`: annotations of all kinds. */
export const fixtureInstances = () => JSON.parse(readFileSync(path.join(fixture, 'instances.json'), 'utf8'));

/** What pycocotools makes of them, by annotation id: `{area, counts}`. */
export const fixtureMasks = () => JSON.parse(readFileSync(path.join(fixture, 'masks.json'), 'utf8'));

/** Run lengths, column by column, as a mask `[height, width]` row by row. */
export function maskOf(counts, height, width) {
  const mask = new Uint8Array(height * width);
  let place = 0;
  counts.forEach((count, i) => {
    for (let k = 0; k < count; k++, place++)
      mask[(place % height) * width + Math.floor(place / height)] = i % 2;
  });
  return mask;
}

/** Writes a data set: `annotations/NAME.json`, the images that it names in `val2017/`, and panoptic PNG files. */
export async function writeCoco(folder, data, { name = 'instances_val2017', segments = {} } = {}) {
  const file = path.join(folder, `annotations/${name}.json`);
  await writeFiles(folder, { [`annotations/${name}.json`]: JSON.stringify(data) });
  for (const [i, { file_name, height, width }] of data.images.entries())
    await writeImage(path.join(folder, 'val2017', file_name), width, height, [i, 2 * i, 3 * i]);
  for (const [png, { height, width, numbers }] of Object.entries(segments))
    await writeImage(
      path.join(folder, `annotations/${name}`, png),
      width,
      height,
      Array.from(numbers, number => [number % 256, (number >> 8) % 256, number >> 16]).flat(),
    );
  return file;
}
