/** What a unit's report says of labels. */

import { bestChoices, byNumber } from '../score/best';
import { hasInterval, labelSet, standardError } from '../score/interval';
import type { LayerStatistics, Tally } from '../score/results';
import { scoreLayer } from '../score/score';
import { SCORERS, type ScoreName } from '../score/scorers';
import { formulaReport } from './formula';
import type { LabelSet, ReportContext, UnitLabel, UnitReport } from './types';

export type ScoredUnit = Required<
  Pick<UnitReport, 'interp' | 'iou' | 'lc' | 'cc' | 'ic' | 'label' | 'labelnum' | 'cat' | 'labels'>
> &
  UnitExtras;
type UnitExtras = Pick<UnitReport, 'q' | 'label_set' | 'best_quantile' | 'formula' | 'scores'>;

export type UnitSettings = Pick<ReportContext, 'quantile_threshold' | 'iou_threshold' | 'images'> & {
  labelsPerUnit: number;
  scores: readonly ScoreName[];
};

const NO_LABEL = { iou: 0, lc: 0, cc: 0, ic: 0, label: null, labelnum: 0, cat: null };

/**
 * Tells what a report says of a unit.
 *
 * @param scores the IoUs, `[labels, units]`
 */
export function unitScorer(
  { choices: counted, bootstrap, narrowed = [], formulas, levels }: LayerStatistics,
  tally: Tally,
  scores: Float64Array,
  { labels: concepts, categories }: LabelSet,
  { labelsPerUnit, images, quantile_threshold: quantile, scores: names }: UnitSettings,
): (unit: number, q?: number) => Omit<ScoredUnit, 'interp'> {
  const units = levels.length;
  const choices = counted ?? bestChoices(scores, units, byNumber(concepts), labelsPerUnit);
  const named = (row: number) => {
    const { name, number, category } = concepts[row];
    return { label: name, labelnum: number, cat: category };
  };

  const others = names.map(name => ({
    name,
    ...scoreLayer(tally, concepts, categories, 0, SCORERS[name]),
    baseline: SCORERS[name].baseline?.(tally, concepts, categories),
  }));

  /** How well a unit fits its k-th choice. */
  const unitLabel = (unit: number, k: number): UnitLabel => {
    const choice = unit * choices.most + k;
    const row = choices.rows[choice];
    const at = row * units + unit;
    const lc = tally.labelPixels[row];
    const cc = tally.categoryPixels[categories.indexOf(concepts[row].category) * units + unit];
    const ic = tally.intersections[at];
    const iou = scores[at];
    const labelled = tally.labelImages[row];
    const sure = hasInterval(images, labelled);
    return {
      ...named(row),
      iou,
      se: standardError(iou, {
        images,
        labelled,
        union: cc + lc - ic,
        intersectionSquares: tally.intersectionSquares[at],
        products: tally.products[at],
        unionSquares: tally.unionSquares[at],
      }),
      ...(bootstrap && {
        low: sure ? bootstrap.low[choice] : null,
        high: sure ? bootstrap.high[choice] : null,
        wins: bootstrap.wins[choice],
      }),
      precision: ic / cc,
      recall: ic / lc,
      lc,
      cc,
      ic,
      ...Object.fromEntries(others.map(({ name, scores }) => [name, scores[at]])),
      ...(narrowed.length > 0 && { smaller_quantiles: narrowed.map(({ iou }) => iou[choice]) }),
    };
  };

  const extras = (unit: number, q?: number): UnitExtras => {
    const first = unit * choices.most;
    const set = () => {
      const wins = bootstrap!.wins.subarray(first, first + choices.most);
      const places = images < 2 ? null : labelSet(wins, bootstrap!.replicates);
      return places?.map(k => ({ ...named(choices.rows[first + k]), wins: wins[k] })) ?? null;
    };
    return {
      ...(q !== undefined && { q }),
      ...(bootstrap && { label_set: set() }),
      ...(narrowed.length > 0 && { best_quantile: bestQuantile(unit) }),
      ...(others.length > 0 && {
        scores: Object.fromEntries(
          others.map(({ name, best, bestScore, baseline }) => [
            name,
            best[unit] < 0
              ? null
              : {
                  ...named(best[unit]),
                  value: bestScore[unit],
                  ...(baseline && { baseline: baseline[best[unit]] }),
                },
          ]),
        ),
      }),
      ...(formulas && {
        formula: formulaReport(formulas, unit, concepts, images, bootstrap !== undefined),
      }),
    };
  };

  const bestQuantile = (unit: number): UnitReport['best_quantile'] => {
    const first = choices.rows[unit * choices.most];
    let best = {
      quantile,
      level: levels[unit],
      row: first,
      iou: first < 0 ? 0 : scores[first * units + unit],
    };
    for (const { quantile, levels, best: rows, bestScore } of narrowed)
      if (bestScore[unit] > best.iou)
        best = { quantile, level: levels[unit], row: rows[unit], iou: bestScore[unit] };
    const { row, iou, ...at } = best;
    const { label, labelnum } = row < 0 ? NO_LABEL : named(row);
    return { ...at, label, labelnum, iou };
  };

  return (unit, q) => {
    const rows = choices.rows.subarray(unit * choices.most, (unit + 1) * choices.most);
    const labels = Array.from(
      rows.subarray(0, labelsPerUnit).filter(row => row >= 0),
      (_, k) => unitLabel(unit, k),
    );
    const { iou, lc, cc, ic, label, labelnum, cat } = labels[0] ?? NO_LABEL;
    return { iou, lc, cc, ic, label, labelnum, cat, ...extras(unit, q), labels };
  };
}
