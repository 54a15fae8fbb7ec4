/** What data sets have in common that are a folder of images and a folder of label maps with the same names. */

import fs from 'node:fs';
import path from 'node:path';
import { fileStat, look, type Refuse, readText } from '../../base/read';
import { damaged, FileDataset } from '../files';
import { HEADER_END, pngHeader } from '../images/png';
import { tiffSize } from '../maps/tiff-values';

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

  /** That of the label map; undefined where its file is damaged, which is said when all of it is read. */
  protected override shape(index: number): readonly [height: number, width: number] | undefined {
    const { map } = this.pairs[index];
    const start = Buffer.alloc(HEADER_END);
    try {
      fileStat(map);
      if (/\.tiff?$/i.test(map)) return tiffSize(fs.readFileSync(map)); // it is found at the end, mostly
      const file = fs.openSync(map, 'r');
      try {
        fs.readSync(file, start, 0, start.length, 0);
      } finally {
        fs.closeSync(file);
      }
      const header = pngHeader(start);
      return header && [header.height, header.width];
    } catch {
      return undefined;
    }
  }
}

/** Images; the last ones are found so that it can be said that they are not read. */
export const IMAGE = /\.(jpe?g|png|webp|tiff?|gif|avif|bmp|p[bgpn]m)$/i;
export const PNG = /\.png$/i;

/**
 * The files under a folder whose names match, by their names: paths below the folder with `/` and without what
 * matched, in their order. Hidden files and folders are left out, links are followed.
 */
export function filesUnder(folder: string, ending: RegExp): Map<string, string> {
  return byName(folder, pathsUnder(folder, ending), ending);
}

/** The paths below a folder, with `/`, of the files whose names match. */
export function pathsUnder(folder: string, ending: RegExp): string[] {
  const files: string[] = [];
  const walk = (below: string, above: readonly string[]) => {
    const place = path.join(folder, below);
    const here = look(() => fs.realpathSync(place), refuse(place));
    if (above.includes(here)) return; // a link back
    for (const entry of look(() => fs.readdirSync(here, { withFileTypes: true }), refuse(place))) {
      if (entry.name.startsWith('.')) continue;
      const name = below ? `${below}/${entry.name}` : entry.name;
      const kind = entry.isSymbolicLink() ? stat(path.join(folder, name)) : entry;
      if (kind?.isDirectory()) walk(name, [...above, here]);
      else if (kind?.isFile() && ending.test(name)) files.push(name);
    }
  };
  walk('', []);
  return files.sort();
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
  return stat(folder)?.isDirectory() ?? false;
}

/** What a file or folder is, undefined where there is none. */
export function stat(file: string): { isFile(): boolean; isDirectory(): boolean } | undefined {
  return look(() => fs.statSync(file, { throwIfNoEntry: false }), refuse(file));
}

/** The names in a folder, sorted. */
export function readFolder(folder: string): string[] {
  return look(() => fs.readdirSync(folder), refuse(folder)).sort();
}

function refuse(file: string): Refuse {
  return (why, cause) => damaged(`${file} ${why}; repair it or name another`, cause);
}

/** Lines of a text file without spaces at their ends; `needed` says what for. */
export function readLines(file: string, needed: string): string[] {
  return readText(file, (why, cause) => damaged(`${file} ${why}; ${needed}`, cause))
    .trimEnd()
    .split(/\r?\n/)
    .map(line => line.trim());
}
