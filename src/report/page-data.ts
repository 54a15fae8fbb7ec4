/** What the page's script is given of a report: what it shows, in few bytes. */

import { categoryColor, categoryRank } from './categories';
import { chanceInWords } from './json';
import type { LabelReport, LayerReport, PicturesReport, Report, UnitReport } from './types';

/** A label of a unit: place in `labels`, IoU, its interval, precision and recall. Null where a report has none. */
export type PageLabel = [
  label: number,
  iou: number,
  low: number | null,
  high: number | null,
  precision: number | null,
  recall: number | null,
];

export interface PageUnit {
  unit: number;
  level: number;
  /** The best label first; absent without labels. */
  labels?: PageLabel[];
  /** The best label's IoU at each of the layer's smaller quantiles; absent without them. */
  smaller?: number[];
  q?: number;
  /** How many labels its label set has; null where it has none. */
  set?: number | null;
  formula?: { text: string; iou: number; low?: number | null; high?: number | null; gain: number };
  /** Image number and largest activation, image number and so on, strongest first: one list parses quicker than twenty. */
  top: number[];
}

export interface PageLayer {
  layer: string;
  dirname: string;
  /** What is said of the layer, in a sentence or more. */
  about: string;
  units: PageUnit[];
  /** Units by the ranking `label`; absent without labels. */
  order?: number[];
  /** The labels that have a ranking. */
  ranked: number[];
  /** IoU threshold, units and concepts found, and both by chance. */
  thresholds: [threshold: number, units: number, concepts: number, chance?: number, concepts?: number][];
  /** `18.8 ± 3.1` at the run's own threshold. */
  chance?: string;
  /** Those that IoUs are known at, the run's own first; absent where that is the only one. */
  quantiles?: number[];
}

/** IoUs of each layer's units with its `ranked` labels, in hundred-thousandths, `[layers][labels][units]`; long, and not needed at once. */
export type PageIous = number[][][];

export interface PageData {
  netname: string;
  labelled: boolean;
  threshold: number;
  image: [height: number, width: number] | null;
  categories: { name: string; color: number }[];
  labels: [labelnum: number, label: string, category: number][];
  pictures: PicturesReport | null;
  /** By image number: the file, and of the picture of its labels the maps' categories and the labels. */
  images: Record<string, { file?: string; categories?: number[]; labels?: number[] }>;
  layers: PageLayer[];
}

/** So many digits are shown at most, and kept of what nothing is compared with. */
const DIGITS = 5;

const short = (value: number) => Number(value.toPrecision(DIGITS));
const shortOrNull = (value: number | null | undefined) => (typeof value === 'number' ? short(value) : null);

export function pageData(report: Report, aboutLayer: (layer: LayerReport) => string): PageData {
  const names = [...new Set(allCategories(report))].sort(
    (a, b) => categoryRank(a, report.categories) - categoryRank(b, report.categories),
  );
  const labels: PageData['labels'] = [];
  const places = new Map<string, number>();
  // By number and name: the Python package's may be without numbers.
  const place = (labelnum: number, label: string, cat: string) => {
    const key = `${labelnum}\0${label}\0${cat}`;
    if (!places.has(key)) {
      places.set(key, labels.length);
      labels.push([labelnum, label, names.indexOf(cat)]);
    }
    return places.get(key)!;
  };
  const byNumber = new Map((report.top_labels ?? []).map(label => [label.labelnum, label]));
  for (const { labelnum, label, cat } of byNumber.values()) place(labelnum, label, cat);
  const layers = report.layers.map(layer =>
    pageLayer(layer, place, aboutLayer(layer), report.quantile_threshold),
  );
  return {
    netname: report.netname,
    labelled: report.layers.some(layer => layer.labels !== undefined),
    threshold: report.iou_threshold,
    image: report.image_size ? [...report.image_size] : null,
    categories: names.map(name => ({ name, color: categoryColor(name, report.categories) })),
    labels,
    pictures: report.pictures ?? null,
    images: Object.fromEntries(
      (report.top_images ?? []).map(({ imgnum, file, categories, labels: present }) => [
        imgnum,
        {
          file,
          categories: categories?.map(name => names.indexOf(name)),
          labels: present?.map(number => {
            const { label, cat } = byNumber.get(number)!;
            return place(number, label, cat);
          }),
        },
      ]),
    ),
    layers,
  };
}

function allCategories({ categories, layers, top_labels = [] }: Report): string[] {
  const ofUnits = layers.flatMap(({ units, labels = [] }) => [
    ...labels.map(({ cat }) => cat),
    ...units.flatMap(({ cat, labels = [] }) => [...(cat ? [cat] : []), ...labels.map(label => label.cat)]),
  ]);
  return [...categories, ...top_labels.map(({ cat }) => cat), ...ofUnits];
}

/** The rankings by a label's IoU, each with its label. */
function rankedLabels({ rankings, labels = [] }: LayerReport): { label: LabelReport; score: number[] }[] {
  const ofNumber = new Map(labels.map(label => [label.labelnum, label]));
  return rankings.flatMap(({ concept, labelnum, score }) => {
    const label =
      labelnum === undefined ? labels.find(({ label }) => label === concept) : ofNumber.get(labelnum);
    return label ? { label, score } : [];
  });
}

export function pageIous({ layers }: Report): PageIous {
  return layers.map(layer =>
    rankedLabels(layer).map(({ score }) => score.map(value => Math.round(-1e5 * value) + 0)),
  );
}

type Place = (labelnum: number, label: string, cat: string) => number;

function pageLayer(layer: LayerReport, place: Place, about: string, quantile: number): PageLayer {
  const { rankings, thresholds = [] } = layer;
  const ranked = rankedLabels(layer).map(({ label: { label, labelnum, cat } }) =>
    place(labelnum, label, cat),
  );
  return {
    layer: layer.layer,
    dirname: layer.dirname,
    about,
    units: layer.units.map(unit => pageUnit(unit, place)),
    order: rankings.find(({ name }) => name === 'label')?.ranking,
    ranked,
    thresholds: thresholds.map(({ iou_threshold, interpretable, concepts, ...chance }) => [
      iou_threshold,
      interpretable,
      concepts,
      ...(chance.expected_by_chance === undefined
        ? []
        : [short(chance.expected_by_chance), short(chance.concepts_by_chance!)]),
    ]) as PageLayer['thresholds'],
    chance: chanceInWords(layer),
    ...(layer.smaller_quantiles && { quantiles: [quantile, ...layer.smaller_quantiles] }),
  };
}

function pageUnit(unit: UnitReport, place: Place): PageUnit {
  const { labels, label, labelnum, cat, formula } = unit;
  // The best label's IoU is compared with thresholds: all of its digits. Other programs' reports have that label alone.
  const best: PageLabel[] = labels
    ? labels.map((own, k) => [
        place(own.labelnum, own.label, own.cat),
        k === 0 ? own.iou : short(own.iou),
        shortOrNull(own.low),
        shortOrNull(own.high),
        short(own.precision),
        short(own.recall),
      ])
    : label
      ? [
          [
            place(labelnum!, label, cat!),
            unit.iou!,
            null,
            null,
            short(unit.ic! / unit.cc!),
            short(unit.ic! / unit.lc!),
          ],
        ]
      : [];
  return {
    unit: unit.unit,
    level: short(unit.level),
    ...(unit.iou !== undefined && { labels: best }),
    ...(labels?.[0]?.smaller_quantiles && { smaller: labels[0].smaller_quantiles.map(short) }),
    ...(unit.q !== undefined && { q: short(unit.q) }),
    ...(unit.label_set !== undefined && { set: unit.label_set?.length ?? null }),
    ...(formula && {
      formula: {
        text: formula.text,
        iou: short(formula.iou),
        low: shortOrNull(formula.low),
        high: shortOrNull(formula.high),
        gain: short(formula.gain),
      },
    }),
    top: unit.top.flatMap(({ imgnum, maxact }) => [imgnum, short(maxact)]),
  };
}
