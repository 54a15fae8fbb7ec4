/** The options of a dissection: what they are and are by default. The command's options are made from them. */

import os from 'node:os';
import type { CommandParts } from '../base/command-line';
import {
  between0And1,
  checked,
  flag,
  type Kind,
  listOf,
  oneNumberOf,
  oneOf,
  optional,
  text,
  whole,
} from '../base/kinds';
import type { ReverseNormalize } from '../dataset/images/transforms';
import { SCORE_NAMES, type ScoreName } from '../score/scorers';

export interface Progress {
  /**
   * Images through the model, images counted against labels, decoys counted, layers resampled, smaller quantiles counted,
   * units searched for formulas, pictures drawn.
   */
  phase: 'observe' | 'count' | 'decoy' | 'bootstrap' | 'quantile' | 'formula' | 'draw';
  done: number;
  total: number;
}

export interface DissectOptions {
  /** A unit's top images, in the report and as pictures. Default 20. */
  examplesPerUnit?: number;
  /** Images handed to the engine at once. Default 100. */
  batchSize?: number;
  /** Images of one forward. Default 8, on a GPU 32. */
  forwardSize?: number;
  /** Images decoded at once; by default as many as there are threads for it. */
  numWorkers?: number;
  /** What part of a unit's activations its level leaves above itself. Default 0.005. */
  quantileThreshold?: number;
  /** What IoU makes a unit a detector, strictly. Default 0.04. */
  iouThreshold?: number;
  /** The best labels that the report gives of each unit. Default 5. */
  labelsPerUnit?: number;
  /** How often masks are laid over other images' labels, for what chance would find; 0 leaves it out. Default 10. */
  decoys?: number;
  /** Replicates of a bootstrap over images, for intervals of IoUs; 0 leaves it out. Default 1000. */
  bootstrap?: number;
  /** Other scores of units and labels: `phi`, `cosine`, `f1`, `auprc`. Default none. */
  scores?: readonly ScoreName[];
  /** The length of formulas that join labels, 2 or 3; 0 leaves them out. Default 0. */
  formulas?: number;
  /** Seconds after which the search for formulas ends with what it has. Default 600. */
  formulaSeconds?: number;
  /** The folder that the observation is kept in, and goes on from; by default it is not kept. */
  store?: string;
  /** Seconds of work that are lost at the most where a run that is kept ends at any moment. Default 30. */
  checkpoint?: number;
  /** Bytes kept of the images in memory; more goes to a temporary file. Default 512 MiB. */
  memory?: number;
  /** The folder of that file; by default the system's for temporary files. */
  spill?: string;
  /** Estimate levels where `memory` is too short for exact ones in one pass, instead of a second pass. Default false. */
  approximate?: boolean;
  /** Count against labels. Default true. */
  labels?: boolean;
  /** Write pictures: images, their labels, and the masks of every unit. Default true. */
  images?: boolean;
  /** Write, too, strips of every unit's top images, as the Python package does. Default false. */
  strips?: boolean;
  /** Write, too, each unit's largest activation on every image, by which `compare` matches units. Default false. */
  maxima?: boolean;
  /** Write each unit's first image alone, too. Default false. */
  singleImages?: boolean;
  /** Write the page. Default true. */
  report?: boolean;
  /** The network's name in the report. */
  netname?: string;
  /** What else to say in the report. */
  meta?: Record<string, unknown>;
  /** Turns the data set's normalised float32 images into pictures; needed where it has no `picture`. */
  recoverImage?: ReverseNormalize | ((pixels: Float32Array, height: number, width: number) => Uint8Array);
  /** Options of the command that repeat the run, by name: the report says them as a command line. */
  command?: CommandParts;
  onProgress?: (progress: Progress) => void;
  /** Is told, in sentences, what a user should know of the run. */
  onNotice?: (notice: string) => void;
  signal?: AbortSignal;
}

interface Option<T> {
  kind: Kind<T>;
  default: T;
}

const option = <T>(kind: Kind<T>, byDefault: T): Option<T> => ({ kind, default: byDefault });

/** Images decoded at once: as many as Node's pool has threads for, up to the processor's. */
const workers = () => Math.min(Number(process.env.UV_THREADPOOL_SIZE) || 4, os.availableParallelism());

export const DISSECT_OPTIONS = {
  examplesPerUnit: option(whole(0), 20),
  batchSize: option(whole(1), 100),
  forwardSize: option(whole(1), 8),
  /** Asked for when it is needed: the pool's size may be set until then. */
  numWorkers: {
    kind: whole(1),
    get default() {
      return workers();
    },
  },
  quantileThreshold: option(between0And1, 0.005),
  iouThreshold: option(between0And1, 0.04),
  labelsPerUnit: option(whole(1), 5),
  decoys: option(whole(0, 1000), 10),
  bootstrap: option(whole(0, 100_000), 1000),
  scores: option<readonly ScoreName[]>(listOf(oneOf(...SCORE_NAMES), 'phi, cosine, f1 and auprc'), []),
  formulas: option(oneNumberOf(0, 2, 3), 0),
  formulaSeconds: option(whole(1), 600),
  store: option<string | undefined>(optional(text), undefined),
  checkpoint: option(whole(0), 30),
  memory: option(whole(0), 512 * 2 ** 20),
  spill: {
    kind: text,
    get default() {
      return os.tmpdir();
    },
  },
  approximate: option(flag, false),
  labels: option(flag, true),
  images: option(flag, true),
  strips: option(flag, false),
  maxima: option(flag, false),
  singleImages: option(flag, false),
  report: option(flag, true),
};

type Names = keyof typeof DISSECT_OPTIONS;
export type CheckedOptions = { [Name in Names]: (typeof DISSECT_OPTIONS)[Name]['default'] };

/** All of them, checked; throws `ERR_NETDISSECT_OPTION` for the first that is of another kind. */
export function checkedOptions(given: { readonly [Name in Names]?: unknown }): CheckedOptions {
  const entries = Object.entries(DISSECT_OPTIONS).map(([name, { kind, default: byDefault }]) => [
    name,
    checked<unknown>(name, given[name as Names], kind, byDefault),
  ]);
  return Object.fromEntries(entries) as CheckedOptions;
}
