/**
 * The options of the commands: the tables that the parser, the help, the configuration file, the shell completion and
 * the checks read. Nothing heavy is imported here, since `--help` has to answer at once.
 */

import os from 'node:os';
import type { TokensOption } from '../model/model';
import { DISSECT_OPTIONS } from '../run/options';
import {
  anyNumber,
  device,
  file,
  flag,
  folder,
  imageSize,
  numberOf,
  oneOf,
  over0,
  resolution,
  text,
  tokens,
  whole,
} from './kinds';
import type { Option, Table, Values } from './option';
import { STATISTICS } from './statistics-options';

const { examplesPerUnit, batchSize, checkpoint, memory } = DISSECT_OPTIONS;

const MODEL = 'Model';
const DATA = 'Data';
export const OUTPUT = 'Output';
export const RUN = 'Run';

export const GENERAL = {
  help: { kind: flag, group: RUN, default: 'false', describe: 'print this help' },
  version: { kind: flag, group: RUN, default: 'false', describe: "print the package's version" },
} satisfies Table;

export const IMGSIZE = {
  kind: imageSize,
  value: 'N',
  default: '227',
  group: DATA,
  describe: 'the size that images are given to the model: N, or HEIGHT,WIDTH',
} satisfies Option<[height: number, width: number]>;

export const QUIET = {
  kind: flag,
  default: 'false',
  group: RUN,
  describe: 'print nothing but errors',
} satisfies Option<boolean>;

/** What part of a data set is taken. */
export const SELECTION = {
  split: {
    kind: { ...text('the name of a split'), choices: ['train', 'val', 'all'] },
    value: 'train|val|all|NAME',
    default: 'train',
    group: DATA,
    describe: 'the images to use',
  },
  categories: {
    kind: text('the name of a category'),
    list: true,
    value: 'NAME',
    otherwise: 'all',
    group: DATA,
    describe: 'the categories to take labels from',
  },
  images: {
    kind: folder,
    value: 'DIR',
    otherwise: "the data set's folder",
    group: DATA,
    describe: 'the folder of the images, for data sets in COCO and CSV files',
  },
  segmentations: {
    kind: folder,
    value: 'DIR',
    otherwise: 'named like the file',
    group: DATA,
    describe: "the folder of the PNG files, for COCO's panoptic files",
  },
  supercategories: {
    kind: flag,
    default: 'false',
    group: DATA,
    describe: "take COCO's supercategories as categories, not object and stuff",
  },
  'map-size': {
    kind: imageSize,
    value: 'N',
    otherwise: "the images' own",
    group: DATA,
    describe: "sample COCO's label maps to this size: N, or HEIGHT,WIDTH",
  },
  names: {
    kind: file,
    value: 'FILE',
    otherwise: "found in the data set's folder",
    group: DATA,
    describe: "the labels' names, for folders of masks",
  },
  void: {
    kind: whole(0, 65535),
    list: true,
    value: 'N',
    group: DATA,
    describe: 'more values of masks that are no label',
  },
} satisfies Table;

const TOKENS = {
  kind: tokens,
  value: 'auto|none|first:N|last:N|index:I',
  default: 'auto',
  group: MODEL,
  describe:
    "a transformer's tokens as maps, without the first or last N or that of an index; auto takes what is plain, none takes no tokens",
} satisfies Option<TokensOption>;

const LAYOUT = {
  kind: oneOf('auto', 'nchw', 'nhwc'),
  value: 'auto|nchw|nhwc',
  default: 'auto',
  group: MODEL,
  describe:
    "what outputs with four dimensions are: channels before height and width, or (Swin) after them; auto goes by the image's shape",
} satisfies Option<'auto' | 'nchw' | 'nhwc'>;

export const DISSECT = {
  model: { kind: file, value: 'FILE', group: MODEL, describe: 'the TorchScript model, a .pt file' },
  pthfile: {
    kind: file,
    value: 'FILE',
    group: MODEL,
    describe: "a PyTorch or safetensors checkpoint to load into the model's parameters",
  },
  'checkpoint-key': {
    kind: text('the path of a state dict'),
    value: 'KEY',
    group: MODEL,
    describe: 'where --pthfile keeps them, as state_dict_ema, where it keeps several that fit',
  },
  layers: {
    kind: text('the name of a layer'),
    list: true,
    value: 'LAYER',
    group: MODEL,
    describe:
      'the layers to dissect: NAME or NAME:REPORTED; * stands for anything but a dot, ** for anything, all for every layer',
  },
  tokens: TOKENS,
  layout: LAYOUT,
  values: {
    kind: oneOf('final', 'call'),
    value: 'final|call',
    default: 'final',
    group: MODEL,
    describe: "take a layer's values after the whole forward, or at its own call",
  },
  'train-mode': {
    kind: oneOf('refuse', 'keep'),
    value: 'refuse|keep',
    default: 'refuse',
    group: MODEL,
    describe: 'what becomes of a model that was exported in training mode: refuse it, or go on and say so',
  },
  add_scale_offset: {
    kind: flag,
    default: 'false',
    group: MODEL,
    describe: "place maps by the layer's receptive-field geometry",
  },

  broden: {
    kind: folder,
    value: 'DIR',
    default: 'dataset/broden',
    alias: 'segments',
    group: DATA,
    describe: 'the data set: the folder of Broden, or the folder or file of any other segmentation',
  },
  imgsize: IMGSIZE,
  size: { kind: whole(1), value: 'N', default: '10000', group: DATA, describe: 'the most images to use' },
  ...SELECTION,
  shuffle: {
    kind: whole(0, 2 ** 32 - 1),
    value: 'SEED',
    otherwise: 'file order',
    group: DATA,
    describe: 'take the images in the random order of this seed',
  },
  resize: {
    kind: oneOf('stretch', 'crop'),
    value: 'stretch|crop',
    otherwise: 'crop for multi-segment data sets, else stretch',
    group: DATA,
    describe: 'how images get their size: stretch both sides, or crop the middle',
  },
  normalize: {
    kind: oneOf('imagenet', 'none', 'half', 'clip'),
    value: 'imagenet|none|half|clip',
    otherwise: 'imagenet',
    group: DATA,
    describe: 'how values in [0, 1] are normalised; half is mean and deviation 0.5',
  },
  mean: {
    kind: anyNumber,
    list: 3,
    value: 'R G B',
    group: DATA,
    describe: 'normalise with this mean, instead of --normalize',
  },
  std: { kind: over0, list: 3, value: 'R G B', group: DATA, describe: 'and with this standard deviation' },
  perturbation: {
    kind: file,
    value: 'FILE',
    group: DATA,
    describe: 'add this .npy array [height, width, 3], in units of 0 to 255, to every image',
  },
  download: {
    kind: flag,
    default: 'false',
    group: DATA,
    describe: 'download Broden to --broden where it is missing; without --model do only that',
  },
  resolution: {
    kind: resolution,
    list: true,
    value: 'N',
    otherwise: 'what --imgsize needs, all with --download alone',
    group: DATA,
    describe: 'resolutions of Broden to download or use: 224, 227, 384',
  },
  url: {
    kind: text('an address'),
    value: 'URL',
    otherwise: 'netdissect.csail.mit.edu',
    group: DATA,
    describe: 'the folder of a mirror to download Broden from',
  },

  ...STATISTICS,

  outdir: {
    kind: folder,
    value: 'DIR',
    default: 'dissect',
    group: OUTPUT,
    describe: 'the folder for the report',
  },
  netname: {
    kind: text('a name'),
    value: 'NAME',
    otherwise: "the model's file name",
    group: OUTPUT,
    describe: "the network's name in the report",
  },
  meta: {
    kind: file,
    list: true,
    value: 'FILE',
    group: OUTPUT,
    describe: "JSON files whose objects, merged in order, become the report's meta",
  },
  examples: {
    kind: numberOf(examplesPerUnit.kind),
    value: 'N',
    default: String(examplesPerUnit.default),
    group: OUTPUT,
    describe: 'top images of each unit',
  },
  strips: {
    kind: flag,
    default: 'false',
    group: OUTPUT,
    describe: "write strips of each unit's top images, too, as the Python package does",
  },
  maxima: {
    kind: flag,
    default: 'false',
    group: OUTPUT,
    describe: "write each unit's largest activation on every image, by which compare matches units",
  },
  'single-images': {
    kind: flag,
    default: 'false',
    group: OUTPUT,
    describe: "write each unit's first image alone, too",
  },
  'no-labels': { kind: flag, default: 'false', group: OUTPUT, describe: 'count nothing against labels' },
  'no-images': { kind: flag, default: 'false', group: OUTPUT, describe: 'write no pictures' },
  'no-report': { kind: flag, default: 'false', group: OUTPUT, describe: 'write no page' },

  batch_size: {
    kind: numberOf(batchSize.kind),
    value: 'N',
    default: String(batchSize.default),
    group: RUN,
    describe: 'images handed to the engine at once',
  },
  num_workers: {
    kind: whole(1, 1024),
    value: 'N',
    default: String(os.availableParallelism()),
    otherwise: 'as many as there are cores',
    group: RUN,
    describe: 'images decoded at once; more than 4 enlarge the thread pool (UV_THREADPOOL_SIZE)',
  },
  threads: {
    kind: whole(1, 1024),
    value: 'N',
    otherwise: 'as many as there are cores',
    group: RUN,
    describe: 'threads that run the model and count',
  },
  memory: {
    kind: over0,
    value: 'MIB',
    default: String(memory.default / 2 ** 20),
    group: RUN,
    describe: 'MiB kept of the images; more goes to a temporary file',
  },
  store: {
    kind: folder,
    value: 'DIR',
    otherwise: 'nothing is kept',
    group: RUN,
    describe: 'keep the observation in this folder, and go on from what it holds',
  },
  checkpoint: {
    kind: numberOf(checkpoint.kind),
    value: 'S',
    default: String(checkpoint.default),
    group: RUN,
    describe: 'seconds of work that are lost at most when a run with --store is killed',
  },
  shard: {
    kind: text('I/N, auto or auto/N'),
    value: 'I/N|auto',
    otherwise: 'all images',
    group: RUN,
    describe:
      'observe the I-th of N parts of the images alone, into --store; auto takes it from Slurm or Kubernetes',
  },
  spill: {
    kind: folder,
    value: 'DIR',
    otherwise: 'TMPDIR, or /tmp',
    group: RUN,
    describe: 'the folder of that temporary file',
  },
  device: {
    kind: device,
    value: 'cpu|cuda|cuda:N',
    otherwise: 'a GPU where one works, else the processor',
    group: RUN,
    describe: 'where the model runs and masks are counted; with cuda, fails where none works',
  },
  'no-cuda': { kind: flag, default: 'false', group: RUN, describe: 'use no GPU, as --device cpu' },
  tf32: {
    kind: flag,
    default: 'false',
    group: RUN,
    describe: 'on a GPU, multiply in TF32, faster and less exact; marked in the report',
  },
  half: {
    kind: flag,
    default: 'false',
    group: RUN,
    describe: 'on a GPU, run the model in float16, faster and less exact; marked in the report',
  },
  config: {
    kind: file,
    value: 'FILE',
    group: RUN,
    describe: 'a JSON file with options by name; those on the command line win',
  },
  profile: { kind: flag, default: 'false', group: RUN, describe: 'print where the time went' },
  quiet: QUIET,
  ...GENERAL,
} satisfies Table;

export const LAYERS = { tokens: TOKENS, layout: LAYOUT, imgsize: IMGSIZE, ...GENERAL } satisfies Table;
export const DIRECTORY = { imgsize: IMGSIZE, ...SELECTION, quiet: QUIET, ...GENERAL } satisfies Table;
export const STATS = {
  ...DIRECTORY,
  json: { kind: flag, default: 'false', group: OUTPUT, describe: 'print JSON' },
} satisfies Table;

export type DissectValues = Values<typeof DISSECT>;
export type LayersValues = Values<typeof LAYERS> & { model: string };
export type DirectoryValues = Values<typeof DIRECTORY> & { directory: string };
export type StatsValues = Values<typeof STATS> & { directory: string };
/** What of a data set is asked for, in all commands that open one. */
export type SelectionValues = Values<typeof SELECTION> & Values<{ imgsize: typeof IMGSIZE }>;
