/**
 * Data sets in COCO's formats: one JSON file of categories, images and annotations. Annotations are instances
 * (polygons and run lengths, which may overlap: a pixel then carries several labels) or panoptic segmentations (PNG
 * files of segment numbers, each with a category).
 */

import fs from 'node:fs';
import path from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { optionError, sizeOf } from '../../base/errors';
import type { Segmentation } from '../../native/native';
import type { Label } from '../../score/results';
import { damaged, FileDataset, type FileDatasetOptions } from '../files';
import { readLabelMap } from '../images/read-image';
import { outline } from '../maps/polygon';
import { LabelMaps } from '../maps/region';
import { flipRuns } from '../maps/rle';
import { sample } from '../maps/sample';
import { select } from '../select';
import { type CocoFileOptions, type CocoImage, POLYGON, readCoco } from './coco-file';

export interface CocoOptions extends FileDatasetOptions {
  /** The images' folder; by default it is looked for around the file, as `val2017`, `images` and the like. */
  images?: string;
  /** The folder of panoptic PNG files; by default the one beside the file with its name. */
  segmentations?: string;
  /**
   * What the labels' categories are. `kind`: `stuff` where the file says `isthing: 0`, `object` for all others;
   * `supercategory`: what the file says. Default `kind`.
   */
  category?: CocoFileOptions['category'];
  /**
   * The size of a whole image's label maps, one number or `[height, width]`, to which they are sampled, each pixel where
   * its centre lies. By default each image's own size, which is exact but takes the longest to count.
   */
  mapSize?: number | readonly [height: number, width: number];
}

/**
 * A data set in one of COCO's formats. The constructor reads and checks the JSON file; images and PNG files are read
 * one by one. The file is one split, and is taken whole.
 */
export class CocoDataset extends FileDataset {
  readonly labels: readonly Label[];
  readonly categories: readonly string[];
  readonly #file: string;
  readonly #images: readonly CocoImage[];
  readonly #imageFolder: string;
  readonly #mapFolder: string;
  readonly #mapSize?: readonly [height: number, width: number];

  constructor(file: string, options: CocoOptions = {}) {
    super(file, options);
    const { split = 'all', mapSize, images, segmentations } = options;
    if (split !== 'all' && split !== 'train')
      throw optionError(
        `${file} is one split and has no '${split}' in it; name the file of those images instead`,
      );
    if (mapSize !== undefined) this.#mapSize = sizeOf(mapSize, 'mapSize');
    const read = readCoco(file, options);
    this.#file = file;
    this.labels = read.labels;
    this.categories = read.categories;
    this.#images = select(read.images, options);
    if (this.#images.length === 0)
      throw damaged(
        `${file} has no image with a label in ${read.categories.join(', ') || 'any category'}; choose others`,
      );
    this.#imageFolder = images ?? findImages(file, this.#images);
    this.#mapFolder = segmentations ?? file.replace(/\.json$/i, '');
    for (const [option, folder] of Object.entries({
      images,
      segmentations: read.panoptic && this.#mapFolder,
    }))
      if (folder && !fs.existsSync(folder))
        throw damaged(`there is no folder ${folder}, which ${file} needs; name it with the option ${option}`);
    Object.assign(this.settings, { split: 'all', annotations: path.basename(file) });
    if (read.leftOut > 0) {
      this.settings.annotations_left_out = read.leftOut;
      const one = read.leftOut === 1;
      this.notices.push(
        `${file}: ${read.leftOut} ${one ? 'annotation or polygon covers' : 'annotations or polygons cover'} nothing (boxes alone, polygons of fewer than three points) and ${one ? 'is' : 'are'} left out`,
      );
    }
  }

  protected override get labelFile(): string {
    return this.#file;
  }

  get length(): number {
    return this.#images.length;
  }

  nameOf(index: number): string {
    return place(this.#imageFolder, this.#images[index].name);
  }

  protected override declaredSize(index: number): readonly [height: number, width: number] {
    const { height, width } = this.#images[index];
    return [height, width];
  }

  protected namedIn(index: number): string {
    return `image ${this.#images[index].id} of ${this.#file}`;
  }

  protected async segmentation(index: number): Promise<Segmentation> {
    const image = this.#images[index];
    const maps = image.map === undefined ? await paint(image) : await this.#readSegments(index, image.map);
    return this.#mapSize ? sample(maps, this.#mapSize) : maps;
  }

  async #readSegments(index: number, name: string): Promise<Segmentation> {
    const { height, width, regions } = this.#images[index];
    const file = place(this.#mapFolder, name);
    const { data, channels, ...size } = await readLabelMap(file).catch(cause => {
      throw this.unreadable('segmentation', file, index, cause);
    });
    if (size.height !== height || size.width !== width)
      throw damaged(
        `segmentation ${file} is ${size.height}×${size.width} but ${this.namedIn(index)} is ${height}×${width}; repair one of them`,
      );
    if (channels < 3)
      throw damaged(
        `segmentation ${file} is grey; its segments must stand as R + 256·G + 65536·B in a coloured PNG`,
      );
    const labelOf = new Map([[0, 0]]);
    for (let i = 0; i < regions.length; i += 2) labelOf.set(regions[i], regions[i + 1]);
    const map = new Uint16Array(height * width);
    let segment = 0;
    let label: number | undefined = 0;
    for (let i = 0, at = 0; i < map.length; i++, at += channels) {
      const here = data[at] + 256 * data[at + 1] + 65536 * data[at + 2];
      if (here !== segment) {
        segment = here;
        label = labelOf.get(here);
        if (label === undefined)
          throw damaged(
            `segmentation ${file} has a segment ${here} that the segments_info of ${this.namedIn(index)} do not name; add it there`,
          );
      }
      map[i] = label!;
    }
    return { height, width, maps: [map] };
  }
}

/** A file by its path from a folder, or its whole path. */
function place(folder: string, name: string): string {
  return path.isAbsolute(name) ? name : path.join(folder, name);
}

/** The folder in which images are: one of those that COCO's own files and others are unpacked to. */
function findImages(file: string, images: readonly CocoImage[]): string {
  const split = path.basename(file, path.extname(file)).replace(/^.*_/, ''); // val2017 of instances_val2017
  const folders = [split, path.join('images', split), 'images', ''].flatMap(name => [
    path.join(path.dirname(file), '..', name),
    path.join(path.dirname(file), name),
  ]);
  const first = images.slice(0, 10);
  const found = folders.find(folder => first.some(({ name }) => fs.existsSync(place(folder, name))));
  if (found === undefined && path.isAbsolute(images[0].name))
    throw damaged(
      `${images[0].name}, the first image of ${file}, is missing; restore it, or give paths from the images' folder`,
    );
  if (found === undefined)
    throw damaged(
      `found ${images[0].name}, the first image of ${file}, in none of ${folders.join(', ')}; name the images' folder with the option images`,
    );
  return found;
}

/** Milliseconds of painting after which everything else has its turn. */
const LONG = 50;

/** The label maps of an image's instances. */
async function paint({ height, width, regions }: CocoImage): Promise<Segmentation> {
  const maps = new LabelMaps(height, width);
  let begun = performance.now();
  for (let at = 0; at < regions.length; ) {
    const [label, kind, length] = [regions[at], regions[at + 1], regions[at + 2]];
    const values = regions.subarray(at + 3, at + 3 + length);
    if (kind === POLYGON) outline(values, maps);
    else flipRuns(values, maps);
    maps.paint(label);
    at += 3 + length;
    if (performance.now() - begun > LONG) {
      await turn();
      begun = performance.now();
    }
  }
  return maps.segmentation();
}
