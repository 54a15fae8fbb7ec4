/** The commands: what each is for, its argument and its options. */

import { ANALYSE } from './analyse-options';
import { DEMO, DOCTOR, SETUP } from './install-options';
import { file, folder, type Kind } from './kinds';
import type { Table } from './option';
import { DIRECTORY, DISSECT, GENERAL, LAYERS, STATS } from './options';
import { COMPARE, REPORT } from './report-options';

export interface Command {
  /** The one argument that is no option, and what it is. */
  argument?: { name: string; kind: Kind<string>; describe: string; list?: true };
  describe: string;
  usage: string;
  example: { command: string; describe: string };
  options: Table;
}

const directory = { name: 'directory', kind: folder, describe: 'the folder or file of the data set' };

/** The commands; `dissect` is what runs where none is named. */
export const COMMANDS = {
  dissect: {
    describe: 'Finds what each unit of a vision network responds to, and writes a report.',
    usage: '--model FILE --layers LAYER... [options]',
    example: {
      command: '--model resnet18.pt --layers layer3 layer4:last --imgsize 224',
      describe: 'dissects two layers into ./dissect',
    },
    options: DISSECT,
  },
  demo: {
    describe: 'Dissects the small model that the package comes with, in half a minute or so.',
    usage: 'demo [options]',
    example: { command: 'demo', describe: 'writes ./dissect/sample' },
    options: DEMO,
  },
  layers: {
    argument: { name: 'model', kind: file, describe: 'the TorchScript model, a .pt file' },
    describe: "Lists a model's layers: output shape, calls, geometry, and why one cannot be dissected.",
    usage: 'layers MODEL [options]',
    example: {
      command: 'layers resnet18.pt --imgsize 224',
      describe: 'lists the layers, for images of that size',
    },
    options: LAYERS,
  },
  validate: {
    argument: directory,
    describe: 'Checks a data set and says by file and line what is wrong.',
    usage: 'validate DIRECTORY [options]',
    example: { command: 'validate dataset/broden', describe: 'checks every image and label map' },
    options: DIRECTORY,
  },
  stats: {
    argument: directory,
    describe: "Lists a data set's concepts with their images and pixels.",
    usage: 'stats DIRECTORY [options]',
    example: { command: 'stats dataset/broden --categories object', describe: 'lists the objects' },
    options: STATS,
  },
  analyse: {
    argument: {
      name: 'stores',
      kind: folder,
      describe: 'the folder given to --store, or those of all shards',
      list: true,
    },
    describe: 'Makes a report of observations that were kept with --store, without the model.',
    usage: 'analyse STORES... [options]',
    example: {
      command: 'analyse kept --iou-threshold 0.08',
      describe: 'writes ./dissect again with another threshold',
    },
    options: ANALYSE,
  },
  report: {
    argument: { ...directory, describe: "the report's folder, with its dissect.json" },
    describe:
      'Makes the page of a report again from its dissect.json, also from one that the Python package wrote.',
    usage: 'report DIRECTORY [options]',
    example: { command: 'report dissect --embed', describe: 'writes dissect/report.html, one file to send' },
    options: REPORT,
  },
  compare: {
    argument: {
      name: 'reports',
      kind: folder,
      describe: "the reports' folders; of one its layers",
      list: true,
    },
    describe: 'Compares runs, or the layers of one: detectors, and concepts gained and lost.',
    usage: 'compare REPORTS... [options]',
    example: {
      command: 'compare epoch_40 epoch_80 --fail-on-lost dog',
      describe: 'writes ./compare, and fails where the second has lost its dogs',
    },
    options: COMPARE,
  },
  doctor: {
    describe: 'Says which LibTorch is found where, which one is used, and why not the others.',
    usage: 'doctor [options]',
    example: { command: 'doctor', describe: 'says what is there, and ends with 1 where nothing can run' },
    options: DOCTOR,
  },
  setup: {
    describe:
      'Fetches LibTorch where none can be used, or one for CUDA, or builds the addon from its source.',
    usage: 'setup [options]',
    example: { command: 'setup --cuda', describe: 'has models run on the GPU' },
    options: SETUP,
  },
  completion: {
    describe: 'Prints a script that completes commands and options in bash or zsh.',
    usage: 'completion',
    example: { command: 'completion >> ~/.bashrc', describe: 'has every new shell complete them' },
    options: GENERAL,
  },
} satisfies Record<string, Command>;

export type CommandName = keyof typeof COMMANDS;

/** The command that the arguments name: their first word, where it is one. */
export function commandNamed([first = '-']: readonly string[]): CommandName | undefined {
  if (first.startsWith('-')) return 'dissect';
  return first !== 'dissect' && Object.hasOwn(COMMANDS, first) ? (first as CommandName) : undefined;
}

/** The option that a name means, whether written with hyphens or underscores; undefined where there is none. */
export function optionNamed(options: Table, name: string): string | undefined {
  const plain = name.replaceAll('_', '-');
  return Object.keys(options).find(key => key.replaceAll('_', '-') === plain || options[key].alias === name);
}
