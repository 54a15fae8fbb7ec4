/** What data sets have in common that are a folder of images and a folder of label maps with the same names. */

import fs from 'node:fs';
import path from 'node:path';
import { damaged, FileDataset } from './files';

export interface Pair {
  image: string;
  /** The file of the label map. */
  map: string;
}

/** A data set of images with one file of label maps each. */
export abstract class PairDataset extends FileDataset {
  protected abstract readonly pairs: readonly Pair[];

  get length(): number {
    return this.pairs.length;
  }

  nameOf(index: number): string {
    return this.pairs[index].image;
  }

  protected namedIn(): undefined {}
}

export const IMAGE = /\.(jpe?g|png|webp|tiff?|gif|avif)$/i;
export const PNG = /\.png$/i;

/**
 * The files under a folder whose names match, by their names: paths below the folder with `/` and without what
 * matched, in their order. Hidden files and folders are left out, links are followed.
 */
export function filesUnder(folder: string, ending: RegExp): Map<string, string> {
  const files: string[] = [];
  const walk = (below: string, above: readonly string[]) => {
    const here = fs.realpathSync(path.join(folder, below));
    if (above.includes(here)) return; // a link back
    for (const entry of fs.readdirSync(here, { withFileTypes: true })) {
      if (entry.name.startsWith('.')) continue;
      const name = below ? `${below}/${entry.name}` : entry.name;
      const kind = entry.isSymbolicLink()
        ? fs.statSync(path.join(folder, name), { throwIfNoEntry: false })
        : entry;
      if (kind?.isDirectory()) walk(name, [...above, here]);
      else if (kind?.isFile() && ending.test(name)) files.push(name);
    }
  };
  walk('', []);
  return byName(folder, files, ending);
}

/** Files, relative to a folder, by their names without what matches; two of one name are refused. */
export function byName(folder: string, files: readonly string[], ending: RegExp): Map<string, string> {
  const named = new Map<string, string>();
  for (const file of [...files].sort()) {
    const name = file.replace(ending, '');
    const other = named.get(name);
    if (other !== undefined)
      throw damaged(`${folder} has both ${path.basename(other)} and ${file}; keep one of them`);
    named.set(name, path.join(folder, file));
  }
  return named;
}

export function isFolder(folder: string): boolean {
  return fs.statSync(folder, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/** Lines of a text file without spaces at their ends. */
export function readLines(file: string): string[] {
  return fs
    .readFileSync(file, 'utf8')
    .replace(/^\uFEFF/, '')
    .trimEnd()
    .split(/\r?\n/)
    .map(line => line.trim());
}
