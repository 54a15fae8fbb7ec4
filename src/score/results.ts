/**
 * The results of a dissection as plain objects of typed arrays: what the native engine counts, what the
 * scores are computed from and what every report is a function of.
 */

import type { LayerFormulas } from '../native/native';
import type { Choices } from './best';

/** What a unit can be found to respond to. */
export interface Concept {
  /** What it goes by in reports, over 0; the lower one goes first where scores are equal. */
  number: number;
  /** The name as it is shown (readable: no `-c`/`-s` ending, spaces for `_`). */
  name: string;
  /** The one category that it counts in. */
  category: string;
}

/** A segmentation data set's label, whose number is the one that label maps carry. Numbers may have gaps; 0 is no label. */
export type Label = Concept;

/** Pixels of one layer, a row for each label: whole numbers, exact in float64. */
export interface Counts {
  /** lc: pixels that carry the label, `[labels]`. */
  labelPixels: Float64Array;
  /** cc: pixels of a unit's masks on images that carry a label of the category, `[categories, units]`. */
  categoryPixels: Float64Array;
  /** ic: pixels of a unit's masks that carry the label, `[labels, units]`. */
  intersections: Float64Array;
}

/** What was counted for one layer, a row for each label. */
export interface Tally extends Counts {
  /** Images on which any pixel carries the label, `[labels]`. */
  labelImages: Float64Array;
  /** Images that carry a label of the category, and the pixels of these, `[categories]`. */
  categoryImages: Float64Array;
  categoryArea: Float64Array;
  /**
   * How well a unit's largest activation on an image tells whether it has the label, among images that carry a label of
   * the category: average precision, `[labels, units]`; 0 for a label on all of these. Present for the score `auprc`.
   */
  averagePrecision?: Float64Array;
  /**
   * Sums over images of i², i · U and U², `[labels, units]`: i are the pixels of mask and label, U those of either,
   * of masks on images that carry a label of the category alone. Exact up to 2^53.
   */
  intersectionSquares: Float64Array;
  products: Float64Array;
  unionSquares: Float64Array;
}

/** The units of a layer where masks are laid over the labels of other images. */
export interface Decoy {
  /** The row of the label with the highest IoU, `[units]`; -1 where every IoU is 0. */
  best: Int32Array;
  /** That IoU, `[units]`. */
  bestScore: Float64Array;
}

/** What a bootstrap over images says of each unit's choices of labels. */
export interface Bootstrapped {
  replicates: number;
  /** The 2.5 and 97.5 percentiles of the IoU over the replicates, `[units, choices]`; 0 for no choice. */
  low: Float64Array;
  high: Float64Array;
  /** In how many replicates the choice has the highest IoU, `[units, choices]`. */
  wins: Int32Array;
}

/** The units of a layer at a smaller quantile. */
export interface Narrowed {
  quantile: number;
  /** `[units]` */
  levels: Float64Array;
  /** The IoU of each choice, `[units, choices]`; 0 for no choice. */
  iou: Float64Array;
  /** The row of the label with the highest IoU of all labels, `[units]`, and that IoU, as of a decoy. */
  best: Int32Array;
  bestScore: Float64Array;
}

/** What one retained layer's units did over the data set. */
export interface LayerStatistics {
  /** The layer's reported name. */
  layer: string;
  /** The layer's output of one image: units, rows, columns. */
  shape: [units: number, height: number, width: number];
  /** The activation that only the top `quantile` of a unit's values exceed, `[units]`. */
  levels: Float64Array;
  /**
   * Present where the levels are estimates: how far their place in the order of a unit's values may be from that of
   * the exact level, as a part of all values, for the worst unit.
   */
  rankError?: number;
  /** Image numbers of the strongest images, strongest first, `[units, top]`. */
  topImages: Int32Array;
  /** Their largest activation, `[units, top]`. */
  topActivations: Float32Array;
  /** What each unit would be named with other images' labels, once for each decoy; absent without decoys. */
  decoys?: Decoy[];
  /** Each unit's labels of highest IoU, for what follows; absent without labels. */
  choices?: Choices;
  /** Absent where it was not asked for. */
  bootstrap?: Bootstrapped;
  /** At a half, a quarter and an eighth of the quantile, as far as there are values enough. */
  narrowed?: Narrowed[];
  /** Absent where they were not asked for. */
  formulas?: LayerFormulas;
  /** How many tokens of a sequence came before those that count as its map. */
  tokensDropped: number;
  /** Whether the layer's output is `[images, height, width, units]`. */
  unitsLast: boolean;
  /** Whether a later operation of the model changed the layer's output in place. */
  changedInPlace: boolean;
  /** Cell c lies on input pixel `scale · c + offset`, `[y, x]`; present where maps were placed by them. */
  scale?: [y: number, x: number];
  offset?: [y: number, x: number];
  /** Counts against the labels, or null where no labels were asked for. */
  tally: Tally | null;
}
