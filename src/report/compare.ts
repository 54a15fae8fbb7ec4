/** Runs, or layers, side by side: what each detects, and which concepts are gained and lost. */

import { optionError } from '../base/errors';
import type { LayerReport, Report, UnitLabel, UnitReport } from './types';

/** A layer of a run. */
export interface Side {
  run: string;
  report: Report;
  layer: LayerReport;
}

/** The unit of a side that fits a concept best. */
export interface BestUnit {
  unit: number;
  iou: number;
  /** Its interval; null where the report has none. */
  low: number | null;
  high: number | null;
}

export type Change = 'kept' | 'gained' | 'lost' | 'undecided' | 'absent';

export interface ConceptSide {
  /** How many units are its detectors. */
  units: number;
  /** Null where no unit has it among its best labels: no IoU of a unit with it is over `bound` then. */
  best: BestUnit | null;
  bound?: number;
}

export interface ComparedConcept {
  label: string;
  cat: string;
  sides: ConceptSide[];
  /** From the first side to each of the others. */
  changes: Change[];
}

export interface ComparedSide {
  run: string;
  netname: string;
  layer: string;
  units: number;
  interpretable: number;
  expected_by_chance?: number;
  concepts: number;
  /** Detectors by category. */
  categories: Record<string, number>;
}

/** What a unit is a detector of. */
export interface Detected {
  label: string;
  cat: string;
}

/** Units of two sides that respond alike. */
export interface MatchedPair {
  /** A unit of the first side, and one of the other. */
  units: [first: number, other: number];
  /** Pearson's, of their largest activations over images; from -1 to 1, and 0 where one of them never changes. */
  correlation: number;
  /** What they detect; null where that is nothing. */
  labels: [first: Detected | null, other: Detected | null];
}

export interface Comparison {
  sides: ComparedSide[];
  concepts: ComparedConcept[];
  /** The first side's units with those of each other, the most alike first; null where these were not observed alike. */
  matched?: (MatchedPair[] | null)[];
}

/**
 * What is compared: layers of the same name where there are several runs, or the only layers that they have; of one run its
 * layers among each other.
 */
export function sidesOf(runs: readonly { run: string; report: Report }[]): Side[][] {
  if (runs.length === 1) {
    const [{ run, report }] = runs;
    if (report.layers.length < 2)
      throw optionError(
        `expected two runs, or a run of several layers, but ${run} has one layer; name another run`,
      );
    return [report.layers.map(layer => ({ run, report, layer }))];
  }
  const [first, ...others] = runs;
  const common = first.report.layers.filter(({ layer }) =>
    others.every(({ report }) => report.layers.some(own => own.layer === layer)),
  );
  if (common.length > 0)
    return common.map(({ layer: name }) =>
      runs.map(({ run, report }) => ({
        run,
        report,
        layer: report.layers.find(({ layer }) => layer === name)!,
      })),
    );
  if (runs.every(({ report }) => report.layers.length === 1))
    return [runs.map(({ run, report }) => ({ run, report, layer: report.layers[0] }))];
  const names = runs.map(
    ({ run, report }) => `${run} has ${report.layers.map(({ layer }) => layer).join(', ')}`,
  );
  throw optionError(
    `expected runs with layers of the same names, or of one layer each, but ${names.join('; ')}`,
  );
}

const keyOf = (label: string, cat: string) => `${label}\0${cat}`;

/** What a unit's report says of labels: its best ones, or the best alone. */
function labelsOf(unit: UnitReport): Pick<UnitLabel, 'label' | 'cat' | 'iou' | 'low' | 'high'>[] {
  if (unit.labels) return unit.labels;
  return unit.label ? [{ label: unit.label, cat: unit.cat ?? 'label', iou: unit.iou ?? 0 }] : [];
}

/** The best units by concept, and the IoU over which every unit's labels are known. */
function bestUnits({ units }: LayerReport) {
  const best = new Map<string, BestUnit>();
  let bound = 0;
  for (const unit of units) {
    const labels = labelsOf(unit);
    for (const { label, cat, iou, low = null, high = null } of labels) {
      const known = best.get(keyOf(label, cat));
      if (!known || iou > known.iou) best.set(keyOf(label, cat), { unit: unit.unit, iou, low, high });
    }
    if (labels.length > 0) bound = Math.max(bound, labels[labels.length - 1].iou);
  }
  return { best, bound };
}

export function compareSides(sides: readonly Side[]): Comparison {
  for (const { run, layer } of sides)
    if (!layer.labels)
      throw optionError(
        `expected runs with labels, but layer ${layer.layer} of ${run} was not counted against any`,
      );
  const known = sides.map(({ layer }) => bestUnits(layer));
  const detectors = sides.map(
    ({ layer }) => new Map(layer.labels!.map(({ label, cat, units }) => [keyOf(label, cat), units.length])),
  );
  const keys = [...new Set(detectors.flatMap(map => [...map.keys()]))];
  const concepts = keys.map((key): ComparedConcept => {
    const [label, cat] = key.split('\0');
    const own = sides.map((_, i): ConceptSide => {
      const best = known[i].best.get(key) ?? null;
      return { units: detectors[i].get(key) ?? 0, best, ...(!best && { bound: known[i].bound }) };
    });
    return { label, cat, sides: own, changes: own.slice(1).map(other => change(own[0], other)) };
  });
  const total = ({ sides }: ComparedConcept) => sides.reduce((sum, side) => sum + side.units, 0);
  return {
    sides: sides.map(({ run, report, layer }) => ({
      run,
      netname: report.netname,
      layer: layer.layer,
      units: layer.units.length,
      interpretable: layer.interpretable ?? 0,
      ...(layer.expected_by_chance !== undefined && { expected_by_chance: layer.expected_by_chance }),
      concepts: layer.labels!.length,
      categories: byCategory(layer),
    })),
    concepts: concepts.sort(
      (a, b) => total(b) - total(a) || (keyOf(a.label, a.cat) < keyOf(b.label, b.cat) ? -1 : 1),
    ),
  };
}

function byCategory({ labels = [] }: LayerReport): Record<string, number> {
  const found: Record<string, number> = {};
  for (const { cat, units } of labels) found[cat] = (found[cat] ?? 0) + units.length;
  return found;
}

/**
 * Lost, or gained, only where the intervals of the best IoUs part. A concept that is in no unit's list has IoUs of at most the
 * bound; where there is a unit without an interval nothing is said.
 */
export function change(from: ConceptSide, to: ConceptSide): Change {
  if (from.units > 0 && to.units > 0) return 'kept';
  if (from.units === 0 && to.units === 0) return 'absent';
  const [with_, without] = from.units > 0 ? [from, to] : [to, from];
  const low = with_.best?.low;
  const high = without.best ? without.best.high : without.bound;
  if (typeof low !== 'number' || typeof high !== 'number' || low <= high) return 'undecided';
  return from.units > 0 ? 'lost' : 'gained';
}
