/** The options of `demo`, `doctor` and `setup`. */

import { flag, text } from './kinds';
import type { Table, Values } from './option';
import { DISSECT, GENERAL, OUTPUT, QUIET, RUN } from './options';

export const DEMO = {
  outdir: { ...DISSECT.outdir, default: 'dissect/sample' },
  'no-cuda': DISSECT['no-cuda'],
  quiet: QUIET,
  ...GENERAL,
} satisfies Table;
export const DOCTOR = {
  json: { kind: flag, default: 'false', group: OUTPUT, describe: 'print JSON' },
  ...GENERAL,
} satisfies Table;
export const SETUP = {
  cuda: { kind: flag, default: 'false', group: RUN, describe: 'a LibTorch that runs on NVIDIA GPUs' },
  'from-source': {
    kind: flag,
    default: 'false',
    group: RUN,
    describe:
      "build the addon here, for the LibTorch that is found; needs a C++ compiler, CMake and LibTorch's headers",
  },
  url: {
    kind: text('an address'),
    value: 'URL',
    otherwise: 'the npm registry, for CUDA that of pip',
    group: RUN,
    describe: 'a LibTorch archive (.zip) to fetch',
  },
  quiet: QUIET,
  ...GENERAL,
} satisfies Table;

export type DemoValues = Values<typeof DEMO>;
export type DoctorValues = Values<typeof DOCTOR>;
export type SetupValues = Values<typeof SETUP>;
