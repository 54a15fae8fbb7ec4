#!/usr/bin/env node
/**
 * The command: arguments to options, errors to one line and an exit code. Everything but the help is loaded when it
 * is used, since loading yargs alone takes longer than printing the help.
 */

import os from 'node:os';
import type { AnalyseValues } from './commands/analyse-options';
import { type CommandName, commandNamed } from './commands/commands';
import { COMPLETION_REQUEST, formatCompletions, printCompletionScript } from './commands/completion';
import { helpText, PROGRAM } from './commands/help';
import type { DemoValues, DoctorValues, SetupValues } from './commands/install-options';
import type { Interruption, Terminal } from './commands/interrupt';
import type { DirectoryValues, DissectValues, LayersValues, StatsValues } from './commands/options';
import type { CompareValues, ReportValues } from './commands/report-options';

/** Runs the command with these arguments; resolves to its exit code. */
export async function main(args: readonly string[], terminal: Terminal = process): Promise<number> {
  const { stdout, stderr } = terminal;
  const asked = (...names: string[]) =>
    args.slice(0, args.includes('--') ? args.indexOf('--') : undefined).some(arg => names.includes(arg));
  try {
    checkNode();
    if (args.length === 0) {
      stderr.write(`${help('dissect', stderr)}\n`);
      return 1;
    }
    if (args[0] === COMPLETION_REQUEST) stdout.write(formatCompletions(args.slice(1)));
    else if (asked('--help', '-h')) stdout.write(`${help(commandNamed(args) ?? 'dissect', stdout)}\n`);
    else if (asked('--version')) stdout.write(`${require('../package.json').version}\n`);
    else await run(args, terminal);
    return 0;
  } catch (caught) {
    const error = caught as Error;
    stderr.write(`${PROGRAM}: ${inCommandWords(error.message)}\n`);
    if (process.env.NETDISSECT_DEBUG) stderr.write(`${error.stack}\n`);
    return (error as Partial<Interruption>).exitCode ?? 1;
  }
}

/** Older versions fail in words that say nothing to a user. */
function checkNode(): void {
  const [, wanted] = /(\d+\.\d+)/.exec(require('../package.json').engines.node)!;
  const [here, least] = [process.versions.node, wanted].map(version => version.split('.').map(Number));
  if (here[0] > least[0] || (here[0] === least[0] && here[1] >= least[1])) return;
  throw new Error(
    `expected Node.js ${wanted} or newer but this is ${process.versions.node}; install a newer one`,
  );
}

/** What says an option in the API's words, in those of the command. */
function inCommandWords(message: string): string {
  // sharp's own words are a page
  if (message.startsWith('Could not load the "sharp" module')) {
    const platform = `${process.platform}-${process.arch}`;
    return `the package sharp, which reads images, lacks its part for ${platform}, as npm install --omit=optional leaves it; run \`npm install @img/sharp-${platform} @img/sharp-libvips-${platform}\``;
  }
  return message
    .replace("trainMode: 'keep'", '--train-mode keep')
    .replace(/\baddScaleOffset\b/, '--add_scale_offset')
    .replace(/\bcheckpointKey\b/, '--checkpoint-key')
    .replace("choose the option category: 'kind'", 'leave --supercategories out')
    .replace(/the option (images|segmentations)\b/, '--$1');
}

function help(name: CommandName, { columns }: { columns?: number }): string {
  return helpText(name, Math.min(110, columns || 80));
}

/** Everything here is required, not imported: `import()` would start the thread pool before it has its size. */
async function run(args: readonly string[], terminal: Terminal): Promise<void> {
  const { parseArguments } = require('./commands/arguments.js') as typeof import('./commands/arguments.js');
  const { name, values } = parseArguments(args);
  if (name === 'dissect') {
    prepareThreads((values as DissectValues).num_workers);
    const { runDissect } = require('./commands/dissect.js') as typeof import('./commands/dissect.js');
    await runDissect(values as DissectValues, terminal);
  } else if (name === 'layers') {
    const { runLayers } = require('./commands/layers.js') as typeof import('./commands/layers.js');
    await runLayers(values as LayersValues, terminal);
  } else if (name === 'validate') {
    const { runValidate } = require('./commands/validate.js') as typeof import('./commands/validate.js');
    await runValidate(values as DirectoryValues, terminal);
  } else if (name === 'stats') {
    const { runStats } = require('./commands/stats.js') as typeof import('./commands/stats.js');
    await runStats(values as StatsValues, terminal);
  } else if (name === 'analyse') {
    prepareThreads((values as AnalyseValues).num_workers);
    const { runAnalyse } = require('./commands/analyse.js') as typeof import('./commands/analyse.js');
    await runAnalyse(values as AnalyseValues, terminal);
  } else if (name === 'report') {
    const { runReport } = require('./commands/report.js') as typeof import('./commands/report.js');
    await runReport(values as ReportValues, terminal);
  } else if (name === 'compare') {
    const { runCompare } = require('./commands/compare.js') as typeof import('./commands/compare.js');
    await runCompare(values as CompareValues, terminal);
  } else if (name === 'demo') {
    prepareThreads(os.availableParallelism());
    const { runDemo } = require('./commands/demo.js') as typeof import('./commands/demo.js');
    await runDemo(values as DemoValues, terminal);
  } else if (name === 'doctor') {
    const { runDoctor } = require('./commands/doctor.js') as typeof import('./commands/doctor.js');
    runDoctor(values as DoctorValues, terminal);
  } else if (name === 'setup') {
    const { runSetup } = require('./commands/setup.js') as typeof import('./commands/setup.js');
    await runSetup(values as SetupValues, terminal);
  } else printCompletionScript(PROGRAM);
}

/**
 * What the threads of the process read from its environment when they begin, unless a user says otherwise there. Images are
 * decoded on libuv's, of which there are 4. LibTorch's, of GNU OpenMP, spin for up to 300,000 rounds before they sleep, on
 * cores that decoding and other programs could use; a few bridge the gaps within a forward.
 */
function prepareThreads(workers: number): void {
  if (workers > 4) process.env.UV_THREADPOOL_SIZE ??= String(workers);
  if (process.env.OMP_WAIT_POLICY === undefined) process.env.GOMP_SPINCOUNT ??= '10000';
}

if (require.main === module) {
  // A reader that has seen enough (`| head`) is no error, and nobody needs the progress.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') return;
    process.stderr.write(`${PROGRAM}: cannot write to standard output: ${error.message}\n`);
    process.exitCode = 1;
  });
  process.stderr.on('error', () => {});
  main(process.argv.slice(2)).then(code => {
    process.exitCode ||= code;
  });
}
