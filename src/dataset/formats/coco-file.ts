/** Reads a JSON file in one of COCO's formats, and checks all of it. */

import { readJson } from '../../base/read';
import type { Label } from '../../score/results';
import { checkMapSize } from '../check';
import { chosenCategories } from '../choose';
import { damaged, type OnProblem, takeEach } from '../files';
import { fine } from '../maps/polygon';
import { decompressRuns } from '../maps/rle';

export interface CocoFile {
  labels: Label[];
  categories: string[];
  panoptic: boolean;
  /** Annotations, and polygons of others, that cover nothing. */
  leftOut: number;
  /** Those with a label in a chosen category, in the file's order. */
  images: CocoImage[];
}

/** An image with annotations. */
export interface CocoImage {
  id: Id;
  /** Its file. */
  name: string;
  height: number;
  width: number;
  /** Of instances each `label, kind, length, values...`; of a panoptic image each `segment, label`. */
  regions: Int32Array;
  /** A panoptic image's PNG file. */
  map?: string;
}

export interface CocoFileOptions {
  category?: 'kind' | 'supercategory';
  /** The categories to take; labels of others are 0. */
  categories?: readonly string[];
  onProblem?: OnProblem;
}

/** The kinds of instances: vertices `x, y, ...` on the fine grid of `polygon.ts`, or run lengths. */
export const POLYGON = 0;
const RUNS = 1;

type Id = number | string;
type Entry = Record<string, unknown>;
type Labels = Map<unknown, Label>;
interface Image extends Omit<CocoImage, 'regions'> {
  regions: number[];
  /** Whether any region has a label that is chosen. */
  labelled: boolean;
}

/** Coordinates may lie outside the image, but not so far that int32 cannot hold them. */
const FARTHEST = 1e8;
const LAST_SEGMENT = 256 ** 3 - 1;

export function readCoco(file: string, options: CocoFileOptions = {}): CocoFile {
  const { category = 'kind', categories: wish, onProblem } = options;
  const each = (entries: Entry[], read: (entry: Entry, index: number) => void) =>
    takeEach(entries, read, error => {
      const problem = damaged(`${file}: ${error.message}`, error.cause);
      if (!onProblem) throw problem;
      onProblem(problem);
    });
  const lists = readLists(file);

  const byId: Labels = new Map();
  each(lists.categories, (entry, i) => readCategory(entry, i, category, byId));
  const table = numbered(byId);
  const all = [...new Set([...table.values()].map(label => label.category))];
  if (category === 'kind') all.sort(); // object, stuff
  const categories = chosenCategories(all, wish);
  const numberOf = (where: string, id: unknown) => {
    const label = table.get(id);
    if (!label)
      throw damaged(`${where} has the category ${show(id)}, which is not in 'categories'; add it there`);
    return categories.includes(label.category) ? label.number : 0;
  };

  const images = new Map<unknown, Image>();
  each(lists.images, (entry, i) => readImage(entry, i, images));
  const panoptic = lists.annotations[0]?.segments_info !== undefined;
  const ids = new Set<unknown>();
  let leftOut = 0;
  each(lists.annotations, (entry, i) => {
    const where = entry.id === undefined ? `annotations[${i}]` : `annotation ${show(entry.id)}`;
    const image = images.get(entry.image_id);
    if (!image)
      throw damaged(`${where} is of image ${show(entry.image_id)}, which is not in 'images'; add it there`);
    if (entry.id !== undefined && ids.has(entry.id)) throw damaged(`${where} is there twice; remove one`);
    ids.add(entry.id);
    if (panoptic) readSegments(entry, where, image, numberOf);
    else leftOut += readInstance(entry, where, image, numberOf);
  });
  const labelled = [...images.values()].filter(image => image.labelled);
  return {
    labels: [...table.values()].filter(label => categories.includes(label.category)),
    categories,
    panoptic,
    leftOut,
    images: labelled.map(({ labelled, ...image }) => ({ ...image, regions: Int32Array.from(image.regions) })),
  };
}

function readLists(file: string): Record<'images' | 'annotations' | 'categories', Entry[]> {
  const data = readJson(file, (why, cause) => {
    const fewer = (cause as NodeJS.ErrnoException).code === 'ERR_STRING_TOO_LONG' ? ' of fewer images' : '';
    return damaged(`${file} ${why}; name the JSON file of a COCO data set${fewer}`, cause);
  }) as Entry;
  for (const name of ['images', 'annotations', 'categories']) {
    const list = data?.[name];
    if (!Array.isArray(list) || list.some(entry => entry === null || typeof entry !== 'object'))
      throw damaged(
        `${file} has no list '${name}' of objects; expected a file of COCO's instances or panoptic segmentations`,
      );
  }
  return data as ReturnType<typeof readLists>;
}

function readCategory(entry: Entry, i: number, style: 'kind' | 'supercategory', byId: Labels): void {
  const { id, name, supercategory, isthing } = entry;
  if (!isId(id)) throw damaged(`categories[${i}] has no id; give it a number`);
  if (byId.has(id)) throw damaged(`category ${id} is there twice; remove one`);
  if (!isName(name)) throw damaged(`category ${id} has ${show(name)} as its name; expected a text`);
  let category = isthing === 0 || isthing === false ? 'stuff' : 'object';
  if (style === 'supercategory') {
    if (!isName(supercategory))
      throw damaged(
        `category ${id} has ${show(supercategory)} as its supercategory; give it one, or choose the option category: 'kind'`,
      );
    category = supercategory;
  }
  byId.set(id, { number: 0, name: name.replaceAll('_', ' '), category });
}

/** The labels in the order of their ids, which are their numbers where all can be; else their places are, from 1 on. */
function numbered(byId: Labels): Labels {
  const ids = ([...byId.keys()] as Id[]).sort((a, b) => (a < b ? -1 : 1));
  const keep = ids.every(id => isWhole(id, 1, 65535));
  return new Map(ids.map((id, i) => [id, { ...byId.get(id)!, number: keep ? (id as number) : i + 1 }]));
}

function readImage(
  { id, file_name, coco_url, height, width }: Entry,
  i: number,
  images: Map<unknown, Image>,
) {
  // LVIS names images by their address alone, which ends like train2017/000000391895.jpg
  const name = file_name ?? (isName(coco_url) ? coco_url.split('/').slice(-2).join('/') : undefined);
  if (!isId(id)) throw damaged(`images[${i}] has no id; give it a number`);
  if (images.has(id)) throw damaged(`image ${id} is there twice; remove one`);
  if (!isName(name)) throw damaged(`image ${id} has ${show(name)} as its file_name; expected a text`);
  if (!isWhole(height, 1, 65535) || !isWhole(width, 1, 65535))
    throw damaged(
      `image ${id} has the height ${show(height)} and the width ${show(width)}; expected whole numbers from 1 on`,
    );
  checkMapSize(height, width, `image ${id}`);
  images.set(id, { id, name: slashed(name), height, width, regions: [], labelled: false });
}

/** Adds an annotation of instances to its image; gives how many of its parts cover nothing. */
function readInstance(
  { category_id, segmentation }: Entry,
  where: string,
  image: Image,
  numberOf: (where: string, id: unknown) => number,
): number {
  const label = numberOf(where, category_id);
  let kind = POLYGON;
  let parts: number[][];
  let leftOut = 0;
  if (Array.isArray(segmentation)) {
    // A polygon of fewer than three points covers nothing.
    const covers = (polygon: unknown) =>
      !Array.isArray(polygon) || polygon.length % 2 === 1 || polygon.length >= 6;
    leftOut = segmentation.filter(polygon => !covers(polygon)).length;
    parts = segmentation.flatMap((polygon, i) =>
      covers(polygon) ? [readPolygon(polygon, `polygon ${i + 1} of ${where}`)] : [],
    );
  } else if (segmentation && typeof segmentation === 'object' && 'counts' in segmentation) {
    kind = RUNS;
    parts = [readRuns(segmentation, where, image)];
  } else if (segmentation === undefined || segmentation === null)
    parts = []; // a box alone
  else throw damaged(`${where} has the segmentation ${show(segmentation)}; expected polygons or run lengths`);
  if (parts.length === 0) return 1;
  if (label === 0) return leftOut;
  for (const values of parts) {
    image.regions.push(label, kind, values.length);
    for (const value of values) image.regions.push(value);
  }
  image.labelled = true;
  return leftOut;
}

function readPolygon(polygon: unknown, where: string): number[] {
  if (!Array.isArray(polygon)) throw damaged(`${where} is ${show(polygon)}; expected a list of numbers`);
  if (polygon.length % 2 || polygon.length < 6)
    throw damaged(`${where} has ${polygon.length} numbers; expected x and y of three points or more`);
  return polygon.map(coordinate => {
    if (typeof coordinate !== 'number' || !(Math.abs(coordinate) <= FARTHEST))
      throw damaged(`${where} has the coordinate ${show(coordinate)}; expected pixels`);
    return fine(coordinate);
  });
}

function readRuns(
  { counts, size }: { counts?: unknown; size?: unknown },
  where: string,
  { height, width }: Image,
): number[] {
  if (!Array.isArray(size) || size[0] !== height || size[1] !== width)
    throw damaged(
      `${where} has run lengths for the size ${show(size)} on an image of [${height},${width}]; repair one of them`,
    );
  if (typeof counts !== 'string' && !Array.isArray(counts))
    throw damaged(`${where} has ${show(counts)} as its counts; expected a list or a text`);
  let runs = counts as number[];
  if (typeof counts === 'string')
    try {
      runs = decompressRuns(counts);
    } catch (cause) {
      throw damaged(`${where} has damaged run lengths: ${(cause as Error).message}`, cause);
    }
  let sum = 0;
  for (const run of runs) {
    if (!isWhole(run, 0, height * width))
      throw damaged(`${where} has the run length ${show(run)}; expected whole numbers of pixels`);
    sum += run;
  }
  if (sum !== height * width)
    throw damaged(
      `${where} has run lengths of ${sum} pixels in all; expected the image's ${height} × ${width} = ${height * width}`,
    );
  return runs;
}

/** Gives its segments to an image. */
function readSegments(
  { file_name, segments_info }: Entry,
  where: string,
  image: Image,
  numberOf: (where: string, id: unknown) => number,
): void {
  if (image.map !== undefined) throw damaged(`${where} is a second one of image ${image.id}; remove one`);
  if (!isName(file_name)) throw damaged(`${where} has ${show(file_name)} as its file_name; expected a text`);
  if (!Array.isArray(segments_info)) throw damaged(`${where} has no list segments_info; give it one`);
  const segments = new Map<number, number>();
  for (const segment of segments_info as (Entry | null)[]) {
    const id = segment?.id;
    if (!isWhole(id, 1, LAST_SEGMENT))
      throw damaged(`${where} has a segment ${show(id)}; expected a whole number from 1 to ${LAST_SEGMENT}`);
    if (segments.has(id)) throw damaged(`${where} has segment ${id} twice; remove one`);
    segments.set(id, numberOf(`segment ${id} of ${where}`, segment?.category_id));
  }
  image.map = slashed(file_name);
  image.regions = [...segments].flat();
  image.labelled = image.regions.some((label, i) => i % 2 === 1 && label > 0);
}

/** A path as other systems write it, too. */
function slashed(name: string): string {
  return name.replaceAll('\\', '/');
}

function isId(value: unknown): value is Id {
  return typeof value === 'number' || typeof value === 'string';
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

function isWhole(value: unknown, least: number, most: number): value is number {
  return Number.isInteger(value) && (value as number) >= least && (value as number) <= most;
}

/** A value in a message. */
function show(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 40 ? `${text.slice(0, 37)}...` : text;
}
