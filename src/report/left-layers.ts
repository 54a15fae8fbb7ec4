/**
 * Layers of an earlier report that stay in the output folder, since the new one has none of their name. The images that they show
 * lie beside them, where those of the new report come: they are given their own before.
 */

import fs from 'node:fs/promises';
import path from 'node:path';
import { cannotWrite } from '../base/write';
import type { Report } from './types';

const PATTERN = /"\.\.\/(images\/\{imgnum\}\.(?:jpg|png))"/g;

/**
 * Gives each layer in `outdir` that is not among `folders` its images: links to the files, or copies where a file system has
 * none. Until its `dissect.json` is replaced, in one step, it shows those of the earlier report.
 */
export async function giveImages(outdir: string, folders: readonly string[]): Promise<void> {
  const entries = await fs.readdir(outdir, { withFileTypes: true });
  for (const entry of entries) {
    if (!entry.isDirectory() || folders.includes(entry.name)) continue;
    const folder = path.join(outdir, entry.name);
    const file = path.join(folder, 'dissect.json');
    const text = await fs.readFile(file, 'utf8').catch(error => {
      if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return '';
      return cannotWrite(file)(error);
    });
    if (text.search(PATTERN) < 0) continue;
    const own = path.join(folder, 'images');
    await fs.mkdir(own, { recursive: true }).catch(cannotWrite(own));
    for (const imgnum of shown(text))
      for (const name of [`${imgnum}.jpg`, `${imgnum}.png`]) {
        const [from, to] = [path.join(outdir, 'images', name), path.join(own, name)];
        await fs.link(from, to).catch(async error => {
          // what is not there is not shown; what is, a run gave that was killed
          if (error.code !== 'ENOENT' && error.code !== 'EEXIST')
            await fs.copyFile(from, to).catch(cannotWrite(to));
        });
      }
    await fs.writeFile(`${file}.new`, text.replaceAll(PATTERN, '"$1"')).catch(cannotWrite(file));
    await fs.rename(`${file}.new`, file).catch(cannotWrite(file));
  }
}

/** The numbers of the images that a report's units show; none of one that is damaged. */
function shown(text: string): Set<number> {
  try {
    const { layers } = JSON.parse(text) as Report;
    const numbers = layers.flatMap(({ units }) =>
      units.flatMap(({ top }) => top.map(({ imgnum }) => imgnum)),
    );
    return new Set(numbers.filter(imgnum => Number.isSafeInteger(imgnum) && imgnum >= 0));
  } catch {
    return new Set();
  }
}
