/** What a layer's report says of labels: which fit its units, how well, and what that is worth. */

import { chance } from '../score/chance';
import type { Decoy, Label, LayerStatistics } from '../score/results';
import { type Scores, scoreLayer } from '../score/score';
import { categoryRank } from './categories';
import { negated, ranked } from './ranking';
import type { LabelReport, LabelSet, LayerReport, OutOfReach, Ranking, ThresholdReport } from './types';
import { type ScoredUnit, type UnitSettings, unitScorer } from './unit-labels';

const THRESHOLDS = Array.from({ length: 20 }, (_, i) => (i + 1) / 100);

/** What a layer's report says of labels. */
export interface ScoredParts {
  units: ScoredUnit[];
  rankings: Ranking[];
  labels: LabelReport[];
  layer: Pick<
    LayerReport,
    | 'interpretable'
    | 'expected_by_chance'
    | 'expected_by_chance_deviation'
    | 'thresholds'
    | 'decided'
    | 'smaller_quantiles'
    | 'out_of_reach'
  >;
}

/** Null where no labels were counted. */
export function scoredParts(
  statistics: LayerStatistics,
  { labels: concepts, categories }: LabelSet,
  settings: UnitSettings,
): ScoredParts | null {
  const { tally, decoys } = statistics;
  const threshold = settings.iou_threshold;
  if (!tally) return null;
  const scores = scoreLayer(tally, concepts, categories, threshold);
  const { best: bestRow, bestScore, interpretable } = scores;
  const count = bestRow.length;
  const expected = decoys?.length
    ? chance(
        bestScore,
        decoys.map(decoy => decoy.bestScore),
        threshold,
      )
    : undefined;
  const rows = new Map(concepts.map(({ number }, row) => [number, row]));
  const ofUnit = unitScorer(statistics, tally, scores.scores, { labels: concepts, categories }, settings);
  const units = Array.from(bestRow, (_, unit) => ({
    interp: interpretable[unit] === 1,
    ...ofUnit(unit, expected?.q[unit]),
  }));

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
  const unreachable = outOfReach(tally, concepts, categories, threshold);
  const decided = units.filter(({ interp, label_set: set }) => interp && set?.length === 1).length;
  return {
    units,
    layer: {
      interpretable: labels.reduce((sum, label) => sum + label.units.length, 0),
      ...(expected && {
        expected_by_chance: expected.expected,
        expected_by_chance_deviation: expected.deviation,
      }),
      thresholds: atThresholds(scores, decoys),
      ...(statistics.bootstrap && { decided }),
      ...(statistics.narrowed?.length && { smaller_quantiles: statistics.narrowed.map(n => n.quantile) }),
      ...(unreachable.length > 0 && { out_of_reach: unreachable }),
    },
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
