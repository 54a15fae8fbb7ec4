/** What the engine gives back, as plain objects of typed arrays. */

/** What a layer's output is. */
export interface NativeLayerShape {
  shape: [units: number, height: number, width: number];
  tokensDropped: number;
  unitsLast: boolean;
  changedInPlace: boolean;
  scale?: [number, number];
  offset?: [number, number];
}

export interface NativeLayerResult extends NativeLayerShape {
  /** Present where levels are estimated. */
  rankError?: number;
  /** `[units]` */
  levels: Float64Array;
  /** `[units, top]`, twice */
  topImages: Int32Array;
  topActivations: Float32Array;
  /** `[categories, units]` */
  categoryPixels: Float64Array;
  /** `[labels, units]` */
  intersections: Float64Array;
  /** `[labels, units]` each, of a `Tally`. */
  intersectionSquares: Float64Array;
  products: Float64Array;
  unionSquares: Float64Array;
}

/** A formula of each unit: `(a op b) op c`. */
export interface Formulas {
  /** Rows of the tally, `[units, 3]`; -1 where the formula is shorter, or there is none. */
  rows: Int32Array;
  /** 0 for OR, 1 for AND, 2 for AND NOT, `[units, 2]`. */
  operators: Uint8Array;
  /** Pixels of mask and formula, and of the formula, `[units]`. */
  both: Float64Array;
  size: Float64Array;
}

/** The formulas with the highest IoU over all images that have any label. */
export interface LayerFormulas {
  /** Of length 1; of length up to 2; and of length up to 3, where that was asked for. */
  best: Formulas[];
  /** Pixels of each unit's masks on those images, `[units]`. */
  maskPixels: Float64Array;
  /** How much higher the IoU of a formula could be that the time was too short for, `[units]`; 0 where none is. */
  gap: Float64Array;
  /** Images with any pixel of the longest formula, and the interval of its IoU where it was resampled, `[units]`. */
  images: Float64Array;
  low: Float64Array;
  high: Float64Array;
}
