/** The command's options: one table that the parser, the help and the checks read. */

import type { Options } from 'yargs';
import { NetdissectError } from './errors';

const MODEL = 'Model';
const DATA = 'Data';
const OUTPUT = 'Output';
const RUN = 'Run';

export const IMGSIZE = {
  type: 'string',
  default: '227',
  describe: "the images' size: one number, or height,width",
} satisfies Options;

/** The options of a dissection, in the order that the help shows them. */
export const OPTIONS = {
  model: { type: 'string', group: MODEL, describe: 'the TorchScript model, a .pt file' },
  layers: {
    type: 'string',
    array: true,
    group: MODEL,
    describe: 'the layers to dissect, each name or name:reportedname',
  },
  add_scale_offset: {
    type: 'boolean',
    default: false,
    group: MODEL,
    describe: "place maps by the layer's receptive-field geometry",
  },
  netname: { type: 'string', group: MODEL, describe: "the network's name in the report" },
  broden: {
    type: 'string',
    default: 'dataset/broden',
    alias: 'segments',
    group: DATA,
    describe: 'the folder of the Broden data set',
  },
  imgsize: { ...IMGSIZE, group: DATA },
  size: { type: 'number', default: 10000, group: DATA, describe: 'the most images to use' },
  outdir: { type: 'string', default: 'dissect', group: OUTPUT, describe: 'the folder for the report' },
  examples: { type: 'number', default: 20, group: OUTPUT, describe: 'top images of each unit' },
  'no-labels': { type: 'boolean', default: false, group: OUTPUT, describe: 'count nothing against labels' },
  'no-images': { type: 'boolean', default: false, group: OUTPUT, describe: 'write no pictures' },
  'single-images': {
    type: 'boolean',
    default: false,
    group: OUTPUT,
    describe: "write each unit's first image alone, too",
  },
  'no-report': { type: 'boolean', default: false, group: OUTPUT, describe: 'write no page' },
  batch_size: { type: 'number', default: 100, group: RUN, describe: 'images handed to the engine at once' },
  num_workers: { type: 'number', group: RUN, describe: 'images decoded at once' },
  threads: { type: 'number', group: RUN, describe: 'threads of the engine' },
  memory: {
    type: 'number',
    default: 512,
    group: RUN,
    describe: 'MiB kept of the images; more goes to a temporary file',
  },
  'no-cuda': { type: 'boolean', default: false, group: RUN, describe: 'use no GPU' },
  profile: { type: 'boolean', default: false, group: RUN, describe: 'print where the time went' },
  quiet: { type: 'boolean', default: false, group: RUN, describe: 'print nothing but errors' },
} satisfies Record<string, Options>;

export function optionError(message: string): NetdissectError {
  return new NetdissectError('ERR_NETDISSECT_OPTION', message);
}

/** `224` or `224,192` as height and width. */
export function parseImageSize(text: string): [height: number, width: number] {
  const sides = text.split(',').map(side => (/^\s*\d+\s*$/.test(side) ? Number(side) : 0));
  if (sides.length > 2 || sides.some(side => side < 1))
    throw optionError(`expected --imgsize as one number or height,width but received ${text}`);
  return [sides[0], sides[sides.length - 1]];
}
