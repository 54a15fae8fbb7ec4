/** The options of the commands that read reports. */

import { flag, text } from './kinds';
import type { Table, Values } from './option';
import { DISSECT, GENERAL, QUIET } from './options';

export const REPORT = {
  embed: {
    kind: flag,
    default: 'false',
    group: 'Output',
    describe: 'write report.html, one file with all pictures in it, instead of index.html',
  },
  quiet: QUIET,
  ...GENERAL,
} satisfies Table;

export const COMPARE = {
  outdir: { ...DISSECT.outdir, default: 'compare', describe: 'the folder for the comparison' },
  'fail-on-lost': {
    kind: text('the name of a concept'),
    list: true,
    value: 'CONCEPT',
    otherwise: 'none',
    group: 'Output',
    describe: 'end with exit code 2 where one of these concepts is lost',
  },
  quiet: QUIET,
  ...GENERAL,
} satisfies Table;

export type ReportValues = Values<typeof REPORT> & { directory: string };
export type CompareValues = Values<typeof COMPARE> & { reports: string[] };
