/**
 * The report as data: `dissect.json`, from which every page and chart is made. Names and meanings are those
 * that tools for the Python package read; what was added has names of its own (`image_size`, `images`,
 * `categories`; `shape`, `tokens_dropped`, `units_last`, `changed_in_place`, `level_rank_error` of a layer; `labelnum` of a
 * label's ranking).
 */

import { optionError } from '../base/errors';
import { some } from '../base/words';
import type { LayerStatistics } from '../score/results';
import { FILES, isReserved } from './outdir';
import { ranked } from './ranking';
import { type ScoredParts, scoredParts } from './scored';
import type {
  LabelSet,
  LayerReport,
  OutOfReach,
  Pictures,
  PicturesReport,
  Report,
  ReportContext,
  TopImage,
  UnitReport,
} from './types';
import type { UnitSettings } from './unit-labels';

/** `sky (at most 0.0312), road (at most 0.0391)` */
export function boundsInWords(labels: readonly OutOfReach[]): string {
  return some(
    labels.map(({ label, bound }) => `${label} (at most ${bound.toPrecision(3)})`),
    5,
  );
}

/** `18.8 ± 3.1`: units that chance would find; nothing without decoys. */
export function chanceInWords({
  expected_by_chance: mean,
  expected_by_chance_deviation: deviation,
}: LayerReport): string | undefined {
  return mean === undefined ? undefined : `${mean.toFixed(1)} ± ${deviation!.toFixed(1)}`;
}

/** Bytes of a name that every usual file system takes. */
const LONGEST = 255;

/**
 * A layer's folder: its reported name with everything but letters, digits, space, `.`, `_`, `-` removed.
 * Throws `ERR_NETDISSECT_OPTION` where that leaves nothing, `.`, `..`, the name of one of the report's files, or more than
 * a file system takes.
 */
export function layerDirname(name: string): string {
  const dirname = name.replace(/[^\p{L}\p{N} ._-]/gu, '');
  const shown = JSON.stringify(name);
  if (dirname.trim() === '')
    throw optionError(`expected a layer name with letters or digits but received ${shown}`);
  if (dirname === '.' || dirname === '..' || FILES.includes(dirname) || isReserved(dirname))
    throw optionError(
      `expected a layer name that can be a folder but received ${shown}, the folder "${dirname}"`,
    );
  const bytes = Buffer.byteLength(dirname);
  if (bytes > LONGEST)
    throw optionError(
      `expected a layer name of at most ${LONGEST} bytes, which a folder's can have, but received one of ${bytes}, ${shown.slice(0, 40)}…; give it a shorter one in the report, as NAME:REPORTED`,
    );
  return dirname;
}

/** The folders of all layers; throws `ERR_NETDISSECT_OPTION` where two layers would share one, too. */
export function layerDirnames(names: readonly string[]): string[] {
  const owners = new Map<string, string>();
  for (const name of names) {
    const dirname = layerDirname(name);
    const owner = owners.get(dirname);
    if (owner !== undefined)
      throw optionError(
        `expected layer names with different folders but ${JSON.stringify(owner)} and ${JSON.stringify(name)} both give "${dirname}"`,
      );
    owners.set(dirname, name);
  }
  return [...owners.keys()];
}

export interface Parts {
  /** Absent without pictures. */
  drawn?: Pictures;
  /** The images' paths within the data set, by number. */
  files?: readonly string[];
  /** Whether each unit's largest activation on every image is written. */
  maxima?: boolean;
}

/** Makes the report of a run, all layers of which were counted against the labels or none. */
export function buildReport(
  statistics: readonly LayerStatistics[],
  { labels, categories }: LabelSet,
  {
    labelsPerUnit = 5,
    scores = [],
    drawn,
    files,
    maxima = false,
    ...context
  }: ReportContext & Partial<UnitSettings> & Parts,
): Report {
  const dirnames = layerDirnames(statistics.map(({ layer }) => layer));
  const labelled = statistics.some(({ tally }) => tally !== null);
  const top_images =
    (files || drawn) &&
    (drawn?.top_images ?? topImages(statistics)).map(({ imgnum, ...image }) => ({
      imgnum,
      ...(files && { file: files[imgnum] }),
      ...image,
    }));
  return {
    format: 1,
    netname: context.netname,
    meta: context.meta,
    default_ranking: labelled ? 'label' : 'unit',
    quantile_threshold: context.quantile_threshold,
    iou_threshold: context.iou_threshold,
    ...(context.provenance && { provenance: context.provenance }),
    settings: context.settings,
    images: context.images,
    image_size: context.image_size,
    categories: labelled ? [...categories] : [],
    ...drawn,
    ...(top_images && { top_images }),
    layers: statistics.map((layer, i) =>
      buildLayer(
        layer,
        dirnames[i],
        scoredParts(layer, { labels, categories }, { ...context, labelsPerUnit, scores }),
        context.iou_threshold,
        maxima,
      ),
    ),
  };
}

/** The report of one layer, as it stands in that layer's own folder. */
export function singleLayerReport(report: Report, layer: LayerReport): Report {
  const { pictures } = report;
  return {
    ...report,
    ...(pictures && {
      pictures: Object.fromEntries(
        Object.entries(pictures).map(([kind, pattern]) => [kind, fromLayer(pattern)]),
      ) as unknown as PicturesReport,
    }),
    layers: [{ ...layer, dirname: '.' }],
  };
}

/** The images that are among any unit's top images, ascending. */
export function topImages(layers: readonly { topImages: Int32Array }[]): TopImage[] {
  const numbers = new Set(layers.flatMap(({ topImages }) => [...topImages]));
  return [...numbers].sort((a, b) => a - b).map(imgnum => ({ imgnum }));
}

/** A pattern of paths as it is in a layer's folder. */
function fromLayer(pattern: string): string {
  return pattern.startsWith('{dirname}/') ? pattern : `../${pattern}`;
}

function buildLayer(
  {
    layer,
    shape,
    tokensDropped,
    unitsLast,
    changedInPlace,
    levels,
    rankError,
    topImages,
    topActivations,
  }: LayerStatistics,
  dirname: string,
  scored: ScoredParts | null,
  iouThreshold: number,
  maxima: boolean,
): LayerReport {
  const top = topImages.length / levels.length;
  const units = Array.from(levels, (level, unit): UnitReport => {
    const images = Array.from(topImages.subarray(unit * top, (unit + 1) * top), (imgnum, rank) => ({
      imgnum,
      maxact: topActivations[unit * top + rank],
    }));
    if (!scored) return { unit, level, top: images };
    const { interp, ...score } = scored.units[unit];
    return { unit, level, interp, top: images, ...score };
  });
  const byUnit = ranked(
    { name: 'unit' },
    units.map(({ unit }) => unit),
  );
  const head = {
    layer,
    dirname,
    shape,
    ...(tokensDropped > 0 && { tokens_dropped: tokensDropped }),
    ...(unitsLast && { units_last: true as const }),
    changed_in_place: changedInPlace,
    ...(rankError !== undefined && { level_rank_error: rankError }),
    ...(maxima && { maxima: 'maxima.npy' }),
    units,
  };
  if (!scored) return { ...head, rankings: [byUnit], iou_threshold: iouThreshold };
  return {
    ...head,
    rankings: [byUnit, ...scored.rankings],
    labels: scored.labels,
    ...scored.layer,
    iou_threshold: iouThreshold,
    bargraph: 'bargraph.svg',
  };
}
