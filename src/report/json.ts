/**
 * The report as data: `dissect.json`, from which every page and chart is made. Names and meanings are those
 * that tools for the Python package read; what was added has names of its own (`image_size`, `images`,
 * `categories`; `shape`, `tokens_dropped`, `units_last`, `changed_in_place`, `level_rank_error` of a layer; `labelnum` of a
 * label's ranking).
 */

import { optionError } from '../base/errors';
import { some } from '../base/words';
import { type Chance, chance } from '../score/chance';
import { standardError } from '../score/interval';
import type { Decoy, Label, LayerStatistics, Tally } from '../score/results';
import { type Scores, scoreLayer } from '../score/score';
import { categoryRank } from './categories';
import { FILES, isReserved } from './outdir';
import type {
  LabelReport,
  LabelSet,
  LayerReport,
  OutOfReach,
  Ranking,
  Report,
  ReportContext,
  ThresholdReport,
  UnitLabel,
  UnitReport,
} from './types';

/** `sky (at most 0.0312), road (at most 0.0391)` */
export function boundsInWords(labels: readonly OutOfReach[]): string {
  return some(
    labels.map(({ label, bound }) => `${label} (at most ${bound.toPrecision(3)})`),
    5,
  );
}

const THRESHOLDS = Array.from({ length: 20 }, (_, i) => (i + 1) / 100);

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

/** Makes the report of a run, all layers of which were counted against the labels or none. */
export function buildReport(
  statistics: readonly LayerStatistics[],
  { labels, categories }: LabelSet,
  { labelsPerUnit = 5, ...context }: ReportContext & { labelsPerUnit?: number },
): Report {
  const dirnames = layerDirnames(statistics.map(({ layer }) => layer));
  const labelled = statistics.some(({ tally }) => tally !== null);
  return {
    netname: context.netname,
    meta: context.meta,
    default_ranking: labelled ? 'label' : 'unit',
    quantile_threshold: context.quantile_threshold,
    iou_threshold: context.iou_threshold,
    settings: context.settings,
    images: context.images,
    image_size: context.image_size,
    categories: labelled ? [...categories] : [],
    layers: statistics.map((layer, i) => {
      const { tally } = layer;
      const scores = tally && scoreLayer(tally, labels, categories, context.iou_threshold);
      const scored =
        tally &&
        scores &&
        scoredParts(
          tally,
          scores,
          labels,
          categories,
          context.iou_threshold,
          labelsPerUnit,
          context.images,
          layer.decoys,
        );
      return buildLayer(layer, dirnames[i], scored, context.iou_threshold);
    }),
  };
}

/** The report of one layer, as it stands in that layer's own folder. */
export function singleLayerReport(report: Report, layer: LayerReport): Report {
  return { ...report, layers: [{ ...layer, dirname: '.' }] };
}

/** What a layer's report says of labels. */
interface ScoredParts {
  units: (Required<Omit<UnitReport, 'unit' | 'level' | 'top' | 'q'>> & Pick<UnitReport, 'q'>)[];
  chance?: Chance;
  thresholds: ThresholdReport[];
  rankings: Ranking[];
  labels: LabelReport[];
  outOfReach: OutOfReach[];
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
    units,
  };
  if (!scored) return { ...head, rankings: [byUnit], iou_threshold: iouThreshold };
  return {
    ...head,
    rankings: [byUnit, ...scored.rankings],
    labels: scored.labels,
    interpretable: scored.labels.reduce((sum, label) => sum + label.units.length, 0),
    ...(scored.chance && {
      expected_by_chance: scored.chance.expected,
      expected_by_chance_deviation: scored.chance.deviation,
    }),
    thresholds: scored.thresholds,
    ...(scored.outOfReach.length > 0 && { out_of_reach: scored.outOfReach }),
    iou_threshold: iouThreshold,
    bargraph: 'bargraph.svg',
  };
}

function scoredParts(
  tally: NonNullable<LayerStatistics['tally']>,
  scores: Scores,
  concepts: readonly Label[],
  categories: readonly string[],
  iouThreshold: number,
  labelsPerUnit: number,
  images: number,
  decoys?: readonly Decoy[],
): ScoredParts {
  const { best: bestRow, bestScore, interpretable } = scores;
  const count = bestRow.length;
  const expected = decoys?.length
    ? chance(
        bestScore,
        decoys.map(decoy => decoy.bestScore),
        iouThreshold,
      )
    : undefined;
  const rows = new Map(concepts.map(({ number }, row) => [number, row]));
  const byNumber = [...concepts.keys()].sort((a, b) => concepts[a].number - concepts[b].number);
  const units = Array.from(bestRow, (_, unit) => {
    const labels = bestRows(unit, scores.scores, count, byNumber, labelsPerUnit).map(row =>
      unitLabel(unit, row, tally, scores.scores, concepts[row], categories, images),
    );
    const { iou, lc, cc, ic, label, labelnum, cat } = labels[0] ?? NO_LABEL;
    return {
      interp: interpretable[unit] === 1,
      iou,
      lc,
      cc,
      ic,
      label,
      labelnum,
      cat,
      ...(expected && { q: expected.q[unit] }),
      labels,
    };
  });

  const detectors = new Map<number, { units: number[]; iou: number }>();
  units.forEach(({ interp, labelnum, iou: own }, unit) => {
    if (!interp) return;
    const group = detectors.get(labelnum) ?? { units: [], iou: 0 };
    group.units.push(unit);
    group.iou = Math.max(group.iou, own);
    detectors.set(labelnum, group);
  });
  const weight = (labelnum: number) => detectors.get(labelnum)?.units.length ?? 0;
  const best = (labelnum: number) => detectors.get(labelnum)?.iou ?? 0;
  const byWeight = (a: number, b: number) => weight(b) - weight(a) || best(b) - best(a) || a - b;

  const byLabel = Array.from(units.keys()).sort(
    (a, b) =>
      Number(units[b].interp) - Number(units[a].interp) ||
      byWeight(units[a].labelnum, units[b].labelnum) ||
      units[b].iou - units[a].iou ||
      a - b,
  );
  const place = new Array<number>(count);
  byLabel.forEach((unit, i) => {
    place[unit] = i;
  });

  const labelnums = [...detectors.keys()].sort(byWeight);
  const labels = labelnums.map(labelnum => {
    const { name, category } = concepts[rows.get(labelnum)!];
    return { label: name, labelnum, units: detectors.get(labelnum)!.units, cat: category };
  });
  return {
    units,
    ...(expected && { chance: expected }),
    thresholds: atThresholds(scores, decoys),
    rankings: [
      ranked({ name: 'label' }, place),
      ranked({ name: 'iou' }, negated(bestScore)),
      ...labels.map(({ label, labelnum }) => {
        const row = rows.get(labelnum)!;
        return ranked(
          { name: `${label}-iou`, concept: label, metric: 'iou', labelnum },
          negated(scores.scores.subarray(row * count, (row + 1) * count)),
        );
      }),
    ],
    labels: labels.toSorted((a, b) => categoryRank(a.cat, categories) - categoryRank(b.cat, categories)),
    outOfReach: outOfReach(tally, concepts, categories, iouThreshold),
  };
}

/** What would be found, and by chance, at each of the usual thresholds. */
function atThresholds(scores: Scores, decoys?: readonly Decoy[]): ThresholdReport[] {
  const found = ({ best, bestScore }: Decoy, threshold: number) => {
    const units = [...best.keys()].filter(unit => bestScore[unit] > threshold);
    return { units: units.length, concepts: new Set(units.map(unit => best[unit])).size };
  };
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  return THRESHOLDS.map(threshold => {
    const { units, concepts } = found(scores, threshold);
    const chances = decoys?.map(decoy => found(decoy, threshold)) ?? [];
    return {
      iou_threshold: threshold,
      interpretable: units,
      concepts,
      ...(chances.length > 0 && {
        expected_by_chance: mean(chances.map(decoy => decoy.units)),
        concepts_by_chance: mean(chances.map(decoy => decoy.concepts)),
      }),
    };
  });
}

const NO_LABEL = { iou: 0, lc: 0, cc: 0, ic: 0, label: null, labelnum: 0, cat: null };

/** The rows with the highest scores over 0, the best first; of equal ones that which comes first. */
function bestRows(
  unit: number,
  scores: Float64Array,
  units: number,
  rows: readonly number[],
  most: number,
): number[] {
  const score = (row: number) => scores[row * units + unit];
  const best: number[] = [];
  for (const row of rows) {
    if (!(score(row) > 0)) continue;
    let place = best.length;
    while (place > 0 && score(best[place - 1]) < score(row)) place--;
    best.splice(place, 0, row);
    if (best.length > most) best.pop();
  }
  return best;
}

/** How well a unit fits a label. */
function unitLabel(
  unit: number,
  row: number,
  tally: Tally,
  scores: Float64Array,
  { name, number, category }: Label,
  categories: readonly string[],
  images: number,
): UnitLabel {
  const units = tally.categoryPixels.length / categories.length;
  const at = row * units + unit;
  const lc = tally.labelPixels[row];
  const cc = tally.categoryPixels[categories.indexOf(category) * units + unit];
  const ic = tally.intersections[at];
  const iou = scores[at];
  const se = standardError(iou, {
    images,
    labelled: tally.labelImages[row],
    union: cc + lc - ic,
    intersectionSquares: tally.intersectionSquares[at],
    products: tally.products[at],
    unionSquares: tally.unionSquares[at],
  });
  return {
    label: name,
    labelnum: number,
    cat: category,
    iou,
    se,
    precision: ic / cc,
    recall: ic / lc,
    lc,
    cc,
    ic,
  };
}

/** Labels larger than every unit's masks, by so much that the threshold cannot be passed; in the order of their numbers. */
function outOfReach(
  { labelPixels, categoryPixels }: NonNullable<LayerStatistics['tally']>,
  labels: readonly Label[],
  categories: readonly string[],
  iouThreshold: number,
): OutOfReach[] {
  const units = categoryPixels.length / categories.length;
  const largest = categories.map((_, row) =>
    categoryPixels
      .subarray(row * units, (row + 1) * units)
      .reduce((most, pixels) => Math.max(most, pixels), 0),
  );
  const found: OutOfReach[] = [];
  for (const [row, { number, name, category }] of labels.entries()) {
    const pixels = largest[categories.indexOf(category)];
    const bound = pixels / labelPixels[row];
    if (pixels > 0 && bound <= Math.min(iouThreshold, 1))
      found.push({ label: name, labelnum: number, cat: category, bound });
  }
  return found.sort((a, b) => a.labelnum - b.labelnum);
}

function ranked(head: Omit<Ranking, 'score' | 'ranking'>, score: number[]): Ranking {
  return { ...head, score, ranking: Array.from(score.keys()).sort((a, b) => score[a] - score[b]) };
}

/** The values with their sign changed; subtraction, as a minus would make -0 of 0. */
function negated(values: Float64Array): number[] {
  return Array.from(values, value => 0 - value);
}
