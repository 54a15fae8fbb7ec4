/**
 * The addon, and its types. It is loaded when a model is first needed or an image first resized, never for `--help`:
 * loading takes half a second and 190 MB.
 */

import { type Loaded, load, whyNoCuda } from './load';
import type { LayerFormulas, NativeLayerResult, NativeLayerShape } from './results';

export type { Formulas, LayerFormulas, NativeLayerResult, NativeLayerShape } from './results';

/** A module of a TorchScript model, as a forward over one image showed it. */
export interface LayerInfo {
  /** Its dotted name. */
  name: string;
  /** Its class, such as `Conv2d`. */
  type: string;
  /** How many times one forward called it. */
  calls: number;
  /** The shape or type of its output, null where it was not called. */
  output: string | null;
  /** Units, rows and columns of its output, null where it cannot be dissected. */
  shape: [units: number, height: number, width: number] | null;
  /** Why it cannot be dissected, null where it can. */
  refusal: string | null;
  /** How many tokens of a sequence are left out of its map. */
  tokensDropped: number;
  /** Whether its output is `[images, height, width, units]`. */
  unitsLast: boolean;
  /** Whether a later operation of the model changes its output in place. */
  changedInPlace: boolean;
  /** Cell c lies on input pixel `scale · c + offset`, `[y, x]`; null where the geometry is not known. */
  scale: [y: number, x: number] | null;
  offset: [y: number, x: number] | null;
}

/**
 * The label maps of one image, on a grid of any size; masks are compared with labels on that grid. A pixel has the
 * label of each map. Numbers that are no label of the data set, 0 among them, mean none.
 */
export interface Segmentation {
  height: number;
  width: number;
  /**
   * Each a label number that covers the whole image, `[height, width]` label numbers, or `[height, width,
   * channels]` bytes (R + 256·G; of one or two channels the first is the number).
   */
  maps: (number | Uint16Array | Uint8Array)[];
}

export interface NativeBatch {
  /** The number of the first image. */
  first: number;
  count: number;
  /**
   * RGB bytes `[count, height, width, 3]`, whatever the model's channels, or float32 `[count, channels, height, width]`.
   */
  pixels: Uint8Array | Float32Array;
  /** `[count, height, width]`, for models of four channels whose images come as bytes; opaque without it. */
  alpha?: Uint8Array;
  segmentations?: Segmentation[];
}

/** Which values of the layers are retained, and how outputs are read as maps. */
export interface NativeRetainOptions {
  /** Which tokens of a sequence are no patches: so many, or the one of that index; `none` takes no sequences. */
  tokens?: ['none' | 'first' | 'last' | 'index', number];
  /** What outputs with four dimensions are; detected by default. */
  layout?: 'nchw' | 'nhwc';
  /** Values when the layer's call returns, not after the whole forward. */
  atCall?: boolean;
  /** Goes on where the graph holds operations of a training mode. */
  keepTraining?: boolean;
}

export interface NativeForwardOptions extends NativeRetainOptions {
  layers: string[];
  channels: number;
  height: number;
  width: number;
  /** Images of one forward. */
  piece: number;
  mean: readonly number[];
  deviation: readonly number[];
}

export interface NativeForward {
  run(batch: NativeBatch): Promise<void>;
}

export interface NativeOptions extends NativeForwardOptions {
  images: number;
  quantile: number;
  topImages: number;
  /** Bytes for what is kept of the images; more goes to a temporary file. */
  memory: number;
  spillFolder: string;
  /** The part of the images that is observed; all of them by default. */
  first?: number;
  end?: number;
  /** Where the observation is kept, and goes on if it was kept there before. */
  keepFolder?: string;
  /** 32 characters that name the observation, in every file of it; needed where it is kept. */
  run?: string;
  /** How often what is kept can be gone on with. */
  checkpointSeconds?: number;
  /** Estimates levels where exact ones take another pass. */
  approximate?: boolean;
  /** Keeps each unit's largest activation on every image, for `averagePrecision` and `maxima`. */
  keepMaxima?: boolean;
  keepMasks: boolean;
  scaleOffset: boolean;
  /** The numbers of the labels, ascending; absent where none are counted. Results have a row for each. */
  labelNumbers?: Uint16Array;
  /** The category of each. */
  labelCategories?: Int32Array;
  categories?: number;
}

/**
 * How strips look. Palette indices of the mask strip are 0 outside, 1 inside, 2 the border and 3 between images; of the
 * label strip 0 for no label, 1 between images, then the labels' colours, by their numbers.
 */
export interface NativeStripStyle {
  /** White pixels between images. */
  gap: number;
  /** The colour of masks' borders in the photographs. */
  border: readonly [red: number, green: number, blue: number];
  labelColors: number;
}

/**
 * Where each strip begins and ends in the memory that it was drawn into: RGB rows (`top`, `orig`), and PNG scanlines of
 * 8 (`seg`, absent without labels) and 2 (`mask`) bits a pixel.
 */
export interface NativeStrips {
  width: number;
  height: number;
  top: [begin: number, end: number];
  orig: [begin: number, end: number];
  mask: [begin: number, end: number];
  seg?: [begin: number, end: number];
}

/** What an image's labels look like: PNG scanlines, for each category present a map, one under the other. */
export interface NativeLabelSheet {
  /** Of one map. */
  width: number;
  height: number;
  /** The numbers of the categories present, ascending. */
  categories: Int32Array;
  /** The numbers of the labels present. */
  labels: Uint16Array;
  /** From palette index 1 on the colour, counted from 0; index 0 is no label. */
  colors: Uint8Array;
  /** Bits of an index in the scanlines. */
  depth: 1 | 2 | 4 | 8;
  scanlines: Uint8Array;
}

/** Seconds by part of the work, and bytes written to the spill file. */
export interface NativeProfile {
  forward: number;
  select: number;
  pack: number;
  keep: number;
  prune: number;
  spill: number;
  count: number;
  draw: number;
  spilledBytes: number;
}

/** What was kept of the images in some folders, all of them together, in order. */
export interface NativeStoreOptions extends NativeOptions {
  run: string;
  folders: string[];
  shapes: NativeLayerShape[];
  /** The labels that were kept; `labelNumbers` may be fewer of them. */
  keptNumbers: Uint16Array;
  keptCategories: Int32Array;
  /** The quantile that was observed, where `quantile` is a smaller one. */
  wideQuantile?: number;
}

export interface NativeDissection {
  /** How often all images have to be observed, and `finish` called: twice where memory is short. */
  readonly passes: number;
  /** Which pass is under way, from 1 on. */
  readonly pass: number;
  readonly layers: NativeLayerShape[];
  /** How many images of this pass are through the model, also while `observe` is under way. */
  readonly observed: number;
  /** How many units `formulas` is through with, also while it is under way. */
  readonly searched: number;
  /** What a user should know of how the model runs, a sentence each. */
  readonly notices: string[];
  observe(batch: NativeBatch): Promise<void>;
  /**
   * Ends a pass. Of a part of the images, `others` are the folders of the other parts; where some of these are not
   * through a pass before the last one it does not end, and they are returned.
   */
  finish(others?: string[]): Promise<string[]>;
  /** Counts about `images` more; resolves to how many are done. */
  count(images: number): Promise<number>;
  results(): Promise<{
    labelPixels: Float64Array;
    labelImages: Float64Array;
    categoryImages: Float64Array;
    categoryArea: Float64Array;
    layers: NativeLayerResult[];
  }>;
  /**
   * The layers' counts, as in the results, where the masks of image x lie over the labels of image `partners[p, x]`, for each p;
   * labels times p are at most 65,536.
   */
  countPaired(
    partners: Uint32Array,
  ): Promise<Pick<NativeLayerResult, 'categoryPixels' | 'intersections'>[][]>;
  /** The layers' counts and levels at a smaller quantile; null for a layer that has too few values for it. */
  countNarrow(
    quantile: number,
  ): Promise<(Pick<NativeLayerResult, 'levels' | 'categoryPixels' | 'intersections'> | null)[]>;
  /**
   * A bootstrap over images of the IoUs of each unit's choices of labels, by their rows in the results, `[units, most]`,
   * -1 for none: percentiles 2.5 and 97.5 and replicates won, `[units, most]` each.
   */
  resample(
    layer: number,
    choices: Int32Array,
    bootstrap: { replicates: number; seed: number },
  ): Promise<{ low: Float64Array; high: Float64Array; wins: Int32Array }>;
  /** The layers' best formulas of `length` 2 or 3. */
  formulas(options: {
    length: number;
    seconds: number;
    replicates: number;
    seed: number;
  }): Promise<LayerFormulas[]>;
  /**
   * The average precision of images ranked by a unit's largest activation, for the presence of each label among the
   * images with one of its category, `[labels, units]`; 0 for a label on all or none of these.
   */
  averagePrecision(layer: number): Promise<Float64Array>;
  /** Each unit's largest activation on every image, `[units, images]`. */
  maxima(layer: number): Promise<Float32Array>;
  /** PNG scanlines of 2 bits: the masks of as many of a unit's top images as `into` holds, one under the other. */
  drawMasks(layer: number, unit: number, into: Uint8Array): Promise<void>;
  /** The labels of an image, category by category, in colours by their numbers; of any number of images at once. */
  drawLabels(image: number, labelColors: number): Promise<NativeLabelSheet>;
  /** Draws a unit's strips; `into` must hold them. Any number of units can be drawn at once. */
  draw(
    layer: number,
    unit: number,
    pixels: Uint8Array[],
    into: Uint8Array,
    style: NativeStripStyle,
  ): Promise<NativeStrips>;
  /** Bytes of memory that holds the strips of a unit with so many images. */
  stripBytes(images: number, style: NativeStripStyle): number;
  profile(): NativeProfile;
  /** Ends `observe` at the next chance, with the code `ABORT_ERR`. */
  cancel(): void;
  /** Gives memory and temporary files back, once no call is under way; resolves then. */
  close(): Promise<void>;
}

/** A layer's output for a batch of images. */
export interface LayerOutput {
  shape: [images: number, units: number, height: number, width: number];
  /** In C order. */
  values: Float32Array;
  tokensDropped: number;
  /** Whether the layer gives them as `[images, height, width, units]`. */
  unitsLast: boolean;
  changedInPlace: boolean;
}

/** A parameter or buffer of the model; what is tied stands under each of its names. */
export interface Parameter {
  /** Its dotted name. */
  name: string;
  /** `float32` and so on; what PyTorch calls it. */
  dtype: string;
  shape: readonly number[];
  buffer: boolean;
}

export interface NativeModel {
  /** `device`: `auto`, `cpu`, `cuda` or `cuda:1`. */
  load(
    path: string,
    device: string,
    precision?: { tf32: boolean; half: boolean },
  ): Promise<{ device: string; channels: number }>;
  layers(
    channels: number,
    height: number,
    width: number,
    options?: Omit<NativeRetainOptions, 'atCall'>,
  ): Promise<LayerInfo[]>;
  parameters(): Promise<Parameter[]>;
  /** Overwrites a parameter or buffer with values in C order; they are converted from `dtype`. */
  setParameter(name: string, dtype: string, bytes: Uint8Array): Promise<void>;
  dissect(options: NativeOptions): Promise<NativeDissection>;
  /** A dissection that was kept; no model need be loaded. */
  openStore(options: NativeStoreOptions): Promise<NativeDissection>;
  /** For benchmarks: the forward as a dissection runs it, and nothing else. */
  bareForward(options: NativeForwardOptions): Promise<NativeForward>;
  /** What LibTorch warned of and the model printed since the last call, each message once. */
  takeLog(): string[];
  forward(
    layers: string[],
    pixels: Float32Array,
    shape: readonly number[],
    options?: NativeRetainOptions,
  ): Promise<LayerOutput[]>;
  /** Lets the call in hand end at the next chance, and gives the memory back; resolves when that is done. */
  close(): Promise<void>;
}

/** A part of an image, in its pixels and fractions of them. */
export interface Window {
  top: number;
  left: number;
  height: number;
  width: number;
}

export interface Addon {
  NativeModel: new (threads?: number) => NativeModel;
  /** Resizes a window of RGB bytes `[sourceHeight, sourceWidth, 3]` to `out`, `[height, width, 3]`. */
  resample(
    pixels: Uint8Array,
    sourceSize: readonly [height: number, width: number],
    window: Window,
    size: readonly [height: number, width: number],
    out: Uint8Array,
  ): Promise<void>;
  /** Pearson's correlations of every unit of `one`, `[units, images]`, with every one of `other`, `[units, other units]`. */
  correlate(one: Float32Array, other: Float32Array, images: number): Promise<Float64Array>;
  /** Whether two files or folders have changed places, in one step; false where that cannot be done. */
  exchange(a: string, b: string): boolean;
  /** Has the allocator keep what is freed, in all of the process: for the command, whose process does nothing else. */
  keepFreedMemory(): void;
  /** Ends what the engines do; called when the process exits. */
  stopEngines(): void;
  /** Holds a file for this process until `unlock`, or its end; -1 where somebody holds it. */
  lock(path: string): number;
  unlock(held: number): void;
  /** The version of LibTorch that runs. */
  torchVersion(): string;
  /** Why the CUDA device of this number cannot be used; empty where it can, which is tried on it. */
  whyNoCuda(index: number): string;
  /** Tries device 0. `external`: bytes that V8 takes to be held outside of it, by all who tell it. */
  describe(): { libtorch: string; cuda: boolean; whyNoCuda: string; simd: string; external: number };
}

let loaded: Loaded | undefined;

function loadedOnce(): Loaded {
  if (!loaded) {
    loaded = load();
    const { stopEngines } = loaded.addon as Addon;
    process.once('exit', () => stopEngines());
  }
  return loaded;
}

export const native = (): Addon => loadedOnce().addon as Addon;

/** Why no CUDA device can be used, for a sentence. */
export const cudaProblem = (index = 0): string => {
  const loaded = loadedOnce();
  return whyNoCuda(loaded, (loaded.addon as Addon).whyNoCuda(index));
};
