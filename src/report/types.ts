/** What a report says, as `dissect.json` has it. */

import type { Provenance } from '../base/provenance';
import type { Label } from '../score/results';
import type { ScoreName } from '../score/scorers';

/** A unit. What follows `top`, and `interp`, is absent where no labels were asked for. */
export interface UnitReport {
  /** The unit's number, from 0. */
  unit: number;
  /** The activation that only the top `quantile_threshold` of the unit's values exceed. */
  level: number;
  /** Whether `iou` is over the threshold. */
  interp?: boolean;
  /** The strongest images, strongest first: image number from 0, largest activation. */
  top: { imgnum: number; maxact: number }[];
  /** The IoU of the best label; 0 where there is none. */
  iou?: number;
  /** Pixels with the best label, of the unit's masks where its category is labelled, and with both. */
  lc?: number;
  cc?: number;
  ic?: number;
  /** The best label; null, and `labelnum` 0, where every IoU is 0. */
  label?: string | null;
  labelnum?: number;
  cat?: string | null;
  /**
   * The smallest share of units found by chance that an IoU threshold under `iou` would leave; absent without decoys.
   */
  q?: number;
  /** Of each other score that was asked for the label that is best by it; null where none is. */
  scores?: Partial<Record<ScoreName, ScoredLabel | null>>;
  /** The labels with the highest IoUs over 0, the best first. */
  labels?: UnitLabel[];
  /**
   * The labels that may be the best one with other images, most wins first: the smallest set that wins 95 % of a
   * bootstrap's replicates. Null where no set does, since too few images have any of them, and with one image; absent without a
   * bootstrap.
   */
  label_set?: { label: string; labelnum: number; cat: string; wins: number }[] | null;
  /** Null where no mask has a pixel with a label; absent where formulas were not asked for. */
  formula?: FormulaReport | null;
  /** The highest IoU at the quantile and those smaller, of the larger quantile where they are equal; absent without smaller ones. */
  best_quantile?: { quantile: number; level: number; label: string | null; labelnum: number; iou: number };
}

/** Labels' numbers joined: `['AND NOT', ['OR', 3, 5], 9]`, or a number. */
export type FormulaStructure = number | [operator: 'OR' | 'AND' | 'AND NOT', FormulaStructure, number];

export interface ShorterFormula {
  /** `(sky OR sea) AND NOT boat` */
  text: string;
  structure: FormulaStructure;
  /** How many labels it joins. */
  length: number;
  iou: number;
}

/** A unit's best formula. IoUs are over all images with any label, whatever their categories. */
export interface FormulaReport extends ShorterFormula {
  /** Percentiles of a bootstrap, as of a label; absent without one. */
  low?: number | null;
  high?: number | null;
  /** `iou` over that of the best single label. */
  gain: number;
  /** How much higher the IoU of a formula could be that was not looked at: 0 where this one is proven to be the best. */
  gap: number;
  /** Pixels of the formula, of the unit's masks, and of both. */
  fc: number;
  mc: number;
  ic: number;
  /** The best formulas of length 1, and of up to 2 where `iou` is of up to 3. */
  shorter: ShorterFormula[];
}

export interface ScoredLabel {
  label: string;
  labelnum: number;
  cat: string;
  value: number;
  /** What a unit that has nothing to do with the label would have, where that is not 0. */
  baseline?: number;
}

/** A label of a unit, and how well its masks fit it. */
export interface UnitLabel extends Partial<Record<ScoreName, number>> {
  label: string;
  labelnum: number;
  cat: string;
  iou: number;
  /** The standard error of the IoU over images; null where one image, or one with the label, says nothing of it. */
  se: number | null;
  /**
   * The 2.5 and 97.5 percentiles of the IoU in a bootstrap over images, null like `se`, and in how many replicates it
   * is the unit's best label; absent without a bootstrap.
   */
  low?: number | null;
  high?: number | null;
  wins?: number;
  /** The IoU at each of the layer's `smaller_quantiles`; absent without them. */
  smaller_quantiles?: number[];
  /** `ic / cc` and `ic / lc`. */
  precision: number;
  recall: number;
  lc: number;
  cc: number;
  ic: number;
}

/** An order of a layer's units. */
export interface Ranking {
  /** `unit`, `label`, `iou`, or `LABEL-iou` for a label with a detector. */
  name: string;
  /** The label of a `LABEL-iou` ranking, its metric and its number. */
  concept?: string;
  metric?: 'iou';
  labelnum?: number;
  /** A score of each unit, smaller first. */
  score: number[];
  /** The units in order: the stable argsort of `score`. */
  ranking: number[];
}

/** A label with detectors: the numbers of the units, ascending. */
export interface LabelReport {
  label: string;
  labelnum: number;
  units: number[];
  cat: string;
}

/** A label that covers so much that no unit of the layer can be its detector. */
export interface OutOfReach {
  label: string;
  labelnum: number;
  cat: string;
  /** The largest IoU that a unit could have, all of whose masks lay in the label: the largest `cc` over `lc`. */
  bound: number;
}

/** What a layer would find at an IoU threshold. */
export interface ThresholdReport {
  iou_threshold: number;
  /** Units with an IoU over it, and different labels of those. */
  interpretable: number;
  concepts: number;
  /** The same by chance, means over decoys; absent without decoys. */
  expected_by_chance?: number;
  concepts_by_chance?: number;
}

/** A layer. `labels`, `interpretable` and `bargraph` are absent where no labels were asked for. */
export interface LayerReport {
  layer: string;
  /** The layer's folder, relative to this report. */
  dirname: string;
  /** The layer's output of one image: units, rows, columns. */
  shape: [units: number, height: number, width: number];
  /** How many tokens of a sequence came before those that count as its map; absent where none did. */
  tokens_dropped?: number;
  /** Present and true where the output was read as `[images, height, width, units]`. */
  units_last?: true;
  /** Whether a later operation of the model changed the layer's output in place. */
  changed_in_place: boolean;
  /**
   * Present where the levels are estimates: how far their place in the order of a unit's values may be from that of
   * the exact level, as a part of all values, for the worst unit.
   */
  level_rank_error?: number;
  /** The path, relative to `dirname`, of each unit's largest activation on every image; absent where it was not asked for. */
  maxima?: string;
  units: UnitReport[];
  rankings: Ranking[];
  labels?: LabelReport[];
  /** How many units are interpretable. */
  interpretable?: number;
  /**
   * How many would be by chance: the mean over decoys, in which masks lie over the labels of other images, and the
   * deviation over the decoys. Absent without decoys.
   */
  expected_by_chance?: number;
  expected_by_chance_deviation?: number;
  /** The same at IoU thresholds from 0.01 to 0.2; absent without labels. */
  thresholds?: ThresholdReport[];
  /** How many interpretable units have one label in their `label_set`; absent without a bootstrap. */
  decided?: number;
  /** Quantiles at which IoUs stand beside; absent where there are too few values. */
  smaller_quantiles?: number[];
  /** Absent where there are none. */
  out_of_reach?: OutOfReach[];
  iou_threshold: number;
  /** The bar graph's path, relative to `dirname`. */
  bargraph?: string;
}

/** Where pictures are, by patterns of paths from the report's folder. */
export interface PicturesReport {
  /** Every image that is among a unit's top images: `images/{imgnum}.jpg`; absent where there are strips alone. */
  images?: string;
  /** Its labels, a map for each category that it has, one under the other; absent without labels. */
  labels?: string;
  /** The masks of a unit's top images, one under the other: `{dirname}/masks/{unit}.png`. */
  masks?: string;
  /** Strips of a unit's top images; absent where none were asked for: `{dirname}/image/{unit}-{strip}`. */
  strips?: string;
}

/** An image that is among a unit's top images. `categories` and `labels` are absent where no labels were drawn. */
export interface TopImage {
  imgnum: number;
  /** Its path within the data set; absent where that has none. */
  file?: string;
  /** The categories whose labels it has, in the order of their maps in the picture of its labels. */
  categories?: string[];
  /** The numbers of its labels, ascending. */
  labels?: number[];
}

/** A label that one of the top images has. */
export interface TopLabel {
  labelnum: number;
  label: string;
  cat: string;
}

/** The pictures that were drawn, as the report has them. */
export interface Pictures {
  pictures: PicturesReport;
  top_labels?: TopLabel[];
  top_images: TopImage[];
}

/** What a report says beside the layers. */
export interface ReportContext {
  netname: string;
  meta: Record<string, unknown>;
  quantile_threshold: number;
  iou_threshold: number;
  /** Absent where nothing is known of it. */
  provenance?: Provenance;
  /** The run's options, written as they are. */
  settings: Record<string, unknown>;
  /** How many images were observed. */
  images: number;
  /** The images as the model saw them. */
  image_size: [height: number, width: number];
}

/** The whole of `dissect.json`. */
export interface Report extends ReportContext, Partial<Pictures> {
  /** The version of this form of report, whose schema is `schema/dissect-VERSION.json` of the package. */
  format: 1;
  /** The ranking that a page starts with. */
  default_ranking: 'label' | 'unit';
  /** The category names in the data set's order; empty without labels. */
  categories: string[];
  layers: LayerReport[];
}

/** The labels that layers were counted against; both empty without labels. */
export interface LabelSet {
  labels: readonly Label[];
  categories: readonly string[];
}
