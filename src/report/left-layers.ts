/**
 * Layers of an earlier report that stay in the output folder, since the new one has no layer of their name. Their images lie
 * beside them, where the new report's will: both need the same ones.
 */

import fs from 'node:fs/promises';
import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { Provenance } from '../base/provenance';
import type { Report } from './types';

/** What pictures of images and their labels depend on, of a run that draws them. */
export interface ImagesOf {
  images: number;
  image_size: readonly [height: number, width: number];
  categories: readonly string[];
  dataset: Provenance['dataset'];
  /** The data set's own. */
  settings: Record<string, unknown>;
  files?: readonly string[];
}

/** The folders of layers with pictures in `outdir` that are not among `folders`. */
export async function leftLayers(outdir: string, folders: readonly string[]): Promise<string[]> {
  const left: string[] = [];
  for (const entry of await fs.readdir(outdir, { withFileTypes: true })) {
    if (!entry.isDirectory() || folders.includes(entry.name) || entry.name.startsWith('.')) continue;
    const inside = await fs.readdir(path.join(outdir, entry.name)).catch((): string[] => []);
    if (inside.includes('dissect.json') && inside.includes('masks')) left.push(entry.name);
  }
  return left;
}

/** Whether the report in a folder shows the same images under the same numbers, as far as it tells. */
export async function showsSame(folder: string, now: ImagesOf): Promise<boolean> {
  let report: Partial<Report>;
  try {
    report = JSON.parse(await fs.readFile(path.join(folder, 'dissect.json'), 'utf8'));
  } catch {
    return false;
  }
  const { files } = now;
  const same = <T>(one: T, other: T) => isDeepStrictEqual(JSON.parse(JSON.stringify([one])), [other]);
  return (
    files !== undefined &&
    report.images === now.images &&
    same(now.image_size, report.image_size) &&
    same(now.categories, report.categories) &&
    same(now.dataset, report.provenance?.dataset) &&
    Object.entries(now.settings).every(([name, value]) => same(value, report.settings?.[name])) &&
    (report.top_images ?? []).every(({ imgnum, file }) => file === files[imgnum])
  );
}
