/**
 * Layers of an earlier report that stay in the output folder, since the new one has none of their name. The images that they show
 * lie beside them, where those of the new report come: they are given their own before.
 */

import fs from 'node:fs/promises';
import path from 'node:path';
import type { Report } from './types';

const PATTERN = /"\.\.\/(images\/\{imgnum\}\.(?:jpg|png))"/g;

/**
 * Gives each layer in `outdir` that is not among `folders` its images: links to the files, or copies where a file system has
 * none. Until its `dissect.json` is replaced, in one step, it shows those of the earlier report.
 */
export async function giveImages(outdir: string, images: string, folders: readonly string[]): Promise<void> {
  const entries = await fs.readdir(outdir, { withFileTypes: true });
  for (const entry of entries) {
    if (!entry.isDirectory() || entry.name === images || folders.includes(entry.name)) continue;
    const folder = path.join(outdir, entry.name);
    const file = path.join(folder, 'dissect.json');
    const text = await fs.readFile(file, 'utf8').catch(() => '');
    if (text.search(PATTERN) < 0) continue;
    let report: Report;
    try {
      report = JSON.parse(text);
    } catch {
      continue; // damaged, and no page can be made of it
    }
    const own = path.join(folder, images);
    await fs.mkdir(own, { recursive: true });
    for (const { imgnum } of report.top_images ?? [])
      for (const name of [`${imgnum}.jpg`, `${imgnum}.png`]) {
        const [from, to] = [path.join(outdir, images, name), path.join(own, name)];
        await fs.rm(to, { force: true });
        await fs.link(from, to).catch(async error => {
          if (error.code !== 'ENOENT') await fs.copyFile(from, to);
        });
      }
    await fs.writeFile(`${file}.new`, text.replaceAll(PATTERN, '"$1"'));
    await fs.rename(`${file}.new`, file);
  }
}
