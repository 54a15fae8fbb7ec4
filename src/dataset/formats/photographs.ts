/** Photographs without label maps: a folder of images, or one with a folder a class. */

import path from 'node:path';
import type { Label } from '../../score/results';
import { chosenCategories, isSplit, noSplit, SPLIT_FOLDERS } from '../choose';
import { damaged, FileDataset, type FileDatasetOptions } from '../files';
import { select } from '../select';
import { IMAGE, isFolder, pathsUnder, readFolder } from './pairs';

/** The category of classes, that of tables of labelled images without one. */
const CATEGORY = 'label';
/** Folders whose images are no photographs, or that say what the others are. */
const OF_LABELS = /^(masks?|annotations?|labels?|seg|segmentation\w*|gt\w*)$/i;

interface Photograph {
  file: string;
  split: string;
  /** Absent where there are no classes. */
  name?: string;
}

/** Whether a folder can be photographs: there are images below it, and no folder of label maps. */
export function hasPhotographs(directory: string): boolean {
  const images = pathsUnder(directory, IMAGE);
  const folders = [...readFolder(directory), ...images.flatMap(image => image.split('/').slice(0, -1))];
  return images.length > 0 && !folders.some(name => OF_LABELS.test(name));
}

/**
 * A data set of photographs. Images that lie in the folder (or in its `images/`) have no labels; those in folders of
 * it have the folder's name, as a label of the whole image. Above either may be folders of splits, such as `train`
 * and `val`. Classes are numbered from 1 on, sorted by name; masks are compared on a grid of half the image's size.
 */
export class PhotographDataset extends FileDataset {
  readonly directory: string;
  readonly labels: readonly Label[];
  readonly categories: readonly string[];
  readonly #photographs: readonly Photograph[];
  readonly #numbers: ReadonlyMap<string | undefined, number>;

  constructor(directory: string, options: FileDatasetOptions = {}) {
    super(directory, options);
    const { split = 'train' } = options;
    this.directory = directory;
    const root = soleFolder(directory, 'images');
    const splits = splitsIn(root);
    const all = splits.length > 0 ? splits.flatMap(name => listed(root, name)) : listed(root, '');
    const names = [...new Set(all.flatMap(({ name }) => name ?? []))].sort();
    this.categories = chosenCategories(names.length > 0 ? [CATEGORY] : [], options.categories);
    this.#numbers = new Map(names.map((name, i) => [name, i + 1]));
    const shown = names.map(name => name.replaceAll('_', ' '));
    const twice = shown.findIndex((name, i) => shown.indexOf(name) < i);
    if (twice >= 0)
      throw damaged(
        `${directory} has the folders ${names[shown.indexOf(shown[twice])]} and ${names[twice]}, one label; rename one`,
      );
    this.labels = shown
      .map((name, i) => ({ number: i + 1, name, category: CATEGORY }))
      .filter(({ category }) => this.categories.includes(category));
    const whole = split === 'all' || (split === 'train' && splits.length === 0);
    if (!whole && !splits.some(folder => isSplit(folder, split))) throw noSplit(directory, split, splits);
    const used = whole ? all : all.filter(photograph => isSplit(photograph.split, split));
    this.#photographs = select(used, options);
    if (this.#photographs.length === 0)
      throw damaged(`${directory} has no image of split '${split}'; choose another`);
    if (names.length === 0)
      this.notices.push(`${directory} holds photographs without labels: units are not named, only shown`);
  }

  get length(): number {
    return this.#photographs.length;
  }

  nameOf(index: number): string {
    return this.#photographs[index].file;
  }

  protected namedIn(): undefined {}

  protected async segmentation(index: number) {
    const label = this.#numbers.get(this.#photographs[index].name);
    const wanted = label !== undefined && this.categories.length > 0;
    return this.wholeImage(wanted ? [label] : []);
  }
}

/** The folder of that name below a folder, where it is the only thing there. */
function soleFolder(folder: string, name: string): string {
  const below = path.join(folder, name);
  const others = readFolder(folder).some(
    entry => entry !== name && (IMAGE.test(entry) || isFolder(path.join(folder, entry))),
  );
  return isFolder(below) && !others ? below : folder;
}

/** The folders of splits, where all folders of images are such. A class may have such a name, too. */
function splitsIn(root: string): string[] {
  const images = pathsUnder(root, IMAGE).map(image => image.split('/'));
  const folders = [...new Set(images.map(([first, ...rest]) => (rest.length > 0 ? first : '')))];
  const splits = folders.filter(name => SPLIT_FOLDERS.includes(name));
  if (splits.length === folders.length) return splits;
  const above = images.find(([first, ...rest]) => splits.includes(first) && rest.length > 1);
  if (above)
    throw damaged(
      `${root} holds the split ${above[0]} beside ${folders.find(name => !splits.includes(name)) || 'images'}; put all into folders of splits, or name one folder`,
    );
  return [];
}

/** The photographs of a split, in the order of their paths. */
function listed(root: string, split: string): Photograph[] {
  const folder = path.join(root, split);
  const photographs = pathsUnder(folder, IMAGE).map(name => {
    const slash = name.indexOf('/');
    return { file: path.join(folder, name), split, ...(slash > 0 && { name: name.slice(0, slash) }) };
  });
  const loose = photographs.find(({ name }) => name === undefined);
  const classed = photographs.find(({ name }) => name !== undefined);
  if (loose && classed)
    throw damaged(
      `${folder} holds images (${path.basename(loose.file)}) beside folders of images (${classed.name}); put all into folders, one a class, or name one folder`,
    );
  return photographs;
}
