/** The options of `analyse`: of those of a dissection what can still be chosen. */

import type { Table, Values } from './option';
import { DISSECT, GENERAL, IMGSIZE, QUIET, SELECTION } from './options';
import { STATISTICS } from './statistics-options';

const { approximate, quantile, ...ANALYSED } = STATISTICS;

export const ANALYSE = {
  broden: {
    ...DISSECT.broden,
    default: undefined,
    otherwise: 'no pictures',
    describe: 'the data set that was observed, for the pictures; give its other options as they were, too',
  },
  imgsize: IMGSIZE,
  ...SELECTION,
  size: DISSECT.size,
  shuffle: DISSECT.shuffle,
  resize: DISSECT.resize,
  perturbation: DISSECT.perturbation,
  resolution: DISSECT.resolution,
  quantile: {
    ...quantile,
    default: undefined,
    otherwise: 'the one that was observed',
    describe: 'a smaller quantile',
  },
  ...ANALYSED,
  outdir: DISSECT.outdir,
  netname: DISSECT.netname,
  strips: DISSECT.strips,
  maxima: DISSECT.maxima,
  'single-images': DISSECT['single-images'],
  'no-report': DISSECT['no-report'],
  num_workers: DISSECT.num_workers,
  threads: DISSECT.threads,
  memory: DISSECT.memory,
  spill: DISSECT.spill,
  profile: DISSECT.profile,
  quiet: QUIET,
  ...GENERAL,
} satisfies Table;

export type AnalyseValues = Values<typeof ANALYSE> & { stores: string[] };
