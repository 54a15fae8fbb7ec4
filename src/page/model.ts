/** What the page knows and computes: units found, chosen and in order. Nothing here changes the document. */

import type { PageData, PageIous, PageLabel, PageLayer, PageUnit } from '../report/page-data';
import type { State } from './state';

export type { PageData, PageLayer, PageUnit };

/** The share expected by chance from which on a detector is marked. */
export const DOUBTFUL = 0.05;

/** The unit's top images, strongest first. */
export function topOf({ top }: PageUnit): [imgnum: number, maxact: number][] {
  return Array.from({ length: top.length / 2 }, (_, rank) => [top[2 * rank], top[2 * rank + 1]]);
}

export const best = ({ labels }: PageUnit): PageLabel | undefined => labels?.[0];
export const iouOf = (unit: PageUnit): number => best(unit)?.[1] ?? 0;
export const isDetector = (unit: PageUnit, threshold: number): boolean => iouOf(unit) > threshold;

/** The lower end of the IoU's interval, or the IoU where there is none. */
export function confidence(unit: PageUnit): number {
  const [, iou = 0, low] = best(unit) ?? [];
  return low ?? iou;
}

export interface Found {
  units: number;
  /** Detectors by label, labels with more of them first, then those with a higher IoU. */
  labels: { label: number; units: PageUnit[]; iou: number }[];
}

export function found({ units }: PageLayer, threshold: number): Found {
  const byLabel = new Map<number, { label: number; units: PageUnit[]; iou: number }>();
  let count = 0;
  for (const unit of units) {
    if (!isDetector(unit, threshold)) continue;
    count++;
    const [label, iou] = best(unit)!;
    const entry = byLabel.get(label) ?? { label, units: [], iou: 0 };
    entry.units.push(unit);
    entry.iou = Math.max(entry.iou, iou);
    byLabel.set(label, entry);
  }
  const labels = [...byLabel.values()].sort(
    (a, b) => b.units.length - a.units.length || b.iou - a.iou || a.label - b.label,
  );
  return { units: count, labels };
}

/**
 * What chance would find at a threshold, in words: as the run has it at its own, the mean at one of the table's, and at
 * one between these at most what is expected at the next lower one.
 */
export function chanceAt(
  { thresholds, chance }: PageLayer,
  threshold: number,
  own: number,
): string | undefined {
  if (threshold === own) return chance;
  const near = (a: number, b: number) => Math.abs(a - b) < 1e-9;
  const lower = thresholds.filter(([at]) => at < threshold || near(at, threshold)).at(-1);
  if (lower?.[3] === undefined) return undefined;
  return `${near(lower[0], threshold) ? '' : '≤ '}${lower[3].toFixed(1)}`;
}

/** `surest`, `iou`, `label`, `unit`, `chance`, or `iou-N`: by the IoU with the label of number N. */
export function sortKeys(layer: PageLayer, { labelled }: PageData): [key: string, text: string][] {
  const keys: [string, string][] = [];
  if (labelled) {
    const intervals = layer.units.some(unit => typeof best(unit)?.[2] === 'number');
    keys.push(['surest', intervals ? 'surest first' : 'best IoU']);
    if (intervals) keys.push(['iou', 'best IoU']);
    if (layer.units.some(unit => unit.q !== undefined)) keys.push(['chance', 'least by chance']);
    if (layer.units.some(unit => unit.formula)) keys.push(['gain', 'gain of the formula']);
    keys.push(['label', 'label']);
  }
  return [...keys, ['unit', 'unit number']];
}

/** The units' places in the layer, those that are chosen, in order. */
export function chosenUnits(layer: PageLayer, data: PageData, state: State, threshold: number): number[] {
  return ordered(layer, data, state.sort).filter(wanted(layer, data, state, threshold));
}

/** A label that units are sorted by, and its IoUs, unit by unit. */
export interface SortedBy {
  label: number;
  iou: number[];
}

/** What is sorted by, where it is a label's IoU. */
export function sortedBy(layer: PageLayer, data: PageData, sort = ''): SortedBy | undefined {
  const number = /^iou-(\d+)$/.exec(sort)?.[1];
  const at = layer.ranked.findIndex(label => data.labels[label][0] === Number(number));
  if (number === undefined || at < 0) return undefined;
  return { label: layer.ranked[at], iou: iousOf()[data.layers.indexOf(layer)][at].map(iou => iou / 1e5) };
}

let ious: PageIous | undefined;

/** Read when they are needed first. */
function iousOf(): PageIous {
  ious ??= JSON.parse(document.getElementById('ious')!.textContent!) as PageIous;
  return ious;
}

function ordered(layer: PageLayer, data: PageData, sort?: string): number[] {
  const { units, order } = layer;
  const places = [...units.keys()];
  const by = (value: (unit: PageUnit, place: number) => number) =>
    places
      .map(place => ({ place, value: value(units[place], place) }))
      .sort((a, b) => b.value - a.value || iouOf(units[b.place]) - iouOf(units[a.place]) || a.place - b.place)
      .map(({ place }) => place);
  const labels = sortedBy(layer, data, sort);
  if (labels) return by((_, place) => labels.iou[place]);
  if (sort === 'unit' || !data.labelled) return places;
  if (sort === 'label' && order) return [...order];
  if (sort === 'chance') return by(unit => -(unit.q ?? 1));
  if (sort === 'gain') return by(unit => unit.formula?.gain ?? Number.NEGATIVE_INFINITY);
  return by(sort === 'iou' ? iouOf : confidence);
}

function wanted(
  { units }: PageLayer,
  { labels, categories }: PageData,
  state: State,
  threshold: number,
): (place: number) => boolean {
  const text = state.find?.trim().toLowerCase();
  return place => {
    const unit = units[place];
    const [label] = best(unit) ?? [];
    const [number, name, category] = label === undefined ? [] : labels[label];
    const cat = category === undefined ? undefined : categories[category]?.name;
    if (state.only && !isDetector(unit, threshold)) return false;
    if (state.label !== undefined && (number !== state.label || !isDetector(unit, threshold))) return false;
    if (state.category !== undefined && cat !== state.category) return false;
    if (!text) return true;
    return (
      String(unit.unit) === text ||
      `${name ?? ''} ${cat ?? ''} ${unit.formula?.text ?? ''}`.toLowerCase().includes(text)
    );
  };
}
