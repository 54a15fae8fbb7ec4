/** All pictures of a report, for a page that is one file. */

import fs from 'node:fs/promises';
import path from 'node:path';
import type { Report } from './types';

/** The paths of the pictures that the page shows, from the report's folder. */
export function* picturePaths({ pictures, layers, top_images = [] }: Report): Generator<string> {
  if (!pictures) return;
  const { images, labels, masks, strips } = pictures;
  if (images)
    for (const { imgnum, labels: present } of top_images) {
      yield images.replace('{imgnum}', String(imgnum));
      if (labels && present?.length) yield labels.replace('{imgnum}', String(imgnum));
    }
  for (const { dirname, units } of layers)
    for (const { unit, top } of units) {
      if (top.length === 0) continue;
      const path = (pattern: string) =>
        pattern.replace('{dirname}', () => dirname).replace('{unit}', String(unit));
      if (images && masks) yield path(masks);
      else if (strips)
        for (const name of ['top.jpg', 'orig.jpg', ...(labels ? ['seg.png'] : [])])
          yield path(strips).replace('{strip}', name);
    }
}

/** Their bytes, in base 64; of those that are not there nothing. */
export async function readPictures(folder: string, report: Report): Promise<Record<string, string>> {
  const files: Record<string, string> = {};
  for (const name of picturePaths(report)) {
    const file = path.resolve(folder, name);
    const bytes = await fs.readFile(file).catch(() => undefined);
    if (bytes) files[path.posix.normalize(name)] = bytes.toString('base64');
  }
  return files;
}
