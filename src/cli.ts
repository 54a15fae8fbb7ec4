#!/usr/bin/env node
/** The command: arguments to options, progress to the terminal, errors to one line and an exit code. */

import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import type { DissectionResult, Progress } from './dissect';
import { IMGSIZE, OPTIONS, optionError, parseImageSize } from './options';

// What needs the addon or sharp is loaded when it is used: `--help` answers at once.
const engine = () => import('./index.js');

function parser(args: string[]) {
  return yargs(args)
    .scriptName('netdissect-native')
    .usage(
      '$0 --model M.pt --layers LAYER... [options]\n\nFinds what each unit of a vision network responds to.',
    )
    .parserConfiguration({
      'boolean-negation': false,
      'camel-case-expansion': false,
      'duplicate-arguments-array': true,
    })
    .command({
      command: '$0',
      describe: false,
      builder: (command: yargs.Argv) =>
        command
          .options(OPTIONS)
          .example(
            '$0 --model resnet18.pt --layers layer3 layer4:last --imgsize 224',
            'dissects two layers into ./dissect',
          ),
      handler: runDissect,
    })
    .command({
      command: 'layers <model>',
      describe: "list a model's layers",
      builder: (command: yargs.Argv) =>
        command
          .positional('model', {
            type: 'string',
            demandOption: true,
            describe: 'the TorchScript model, a .pt file',
          })
          .option('imgsize', IMGSIZE),
      handler: runLayers,
    })
    .strict()
    .wrap(Math.min(110, process.stdout.columns || 80))
    .fail((message, error) => {
      throw error ?? optionError(`${message}; see netdissect-native --help`);
    });
}

async function main(args: string[]): Promise<void> {
  const command = parser(args);
  if (args.length === 0) {
    console.error(await command.getHelp());
    process.exitCode = 1;
    return;
  }
  await command.parseAsync();
}

type Arguments<Table extends Record<string, yargs.Options>> = yargs.ArgumentsCamelCase<
  yargs.InferredOptionTypes<Table>
>;

async function runDissect(options: Arguments<typeof OPTIONS>): Promise<void> {
  for (const [name, value] of Object.entries(options))
    if (Array.isArray(value) && name in OPTIONS && name !== 'layers')
      throw optionError(`--${name} is given ${value.length} times; give it once`);
  if (!options.model) throw optionError('expected a model; name it with --model M.pt');
  if (!options.layers?.length)
    throw optionError(
      `expected layers to dissect; name them with --layers, and see them with netdissect-native layers ${options.model}`,
    );
  const imageSize = parseImageSize(options.imgsize);
  if (!(options.memory > 0))
    throw optionError(`expected a number over 0 for --memory but received ${options.memory}`);
  if (!Number.isInteger(options.size) || options.size < 1)
    throw optionError(`expected a whole number from 1 on for --size but received ${options.size}`);
  const { BrodenDataset, dissect, loadModel, retainLayers } = await engine();
  const dataset = new BrodenDataset(options.broden, { imageSize, size: options.size });
  const model = await loadModel(options.model, {
    device: options['no-cuda'] ? 'cpu' : 'auto',
    threads: options.threads,
  });
  retainLayers(model, options.layers, { addScaleOffset: options.add_scale_offset });
  const abort = new AbortController();
  const interrupt = () => abort.abort();
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.once(signal, interrupt);
  const progress = options.quiet ? undefined : progressLine(process.stderr);
  try {
    const result = await dissect(options.outdir, model, dataset, {
      examplesPerUnit: options.examples,
      batchSize: options.batch_size,
      numWorkers: options.num_workers,
      memory: Math.round(options.memory * 2 ** 20),
      labels: !options['no-labels'],
      images: !options['no-images'],
      singleImages: options['single-images'],
      report: !options['no-report'],
      netname: options.netname,
      onProgress: progress?.update,
      signal: abort.signal,
    });
    progress?.end();
    if (!options.quiet) console.log(summary(result, options.outdir, !options['no-report']));
    if (options.profile) console.log(profileTable(result));
  } finally {
    progress?.end();
    for (const signal of signals) process.removeListener(signal, interrupt);
    model.close();
  }
}

async function runLayers({ model: path, imgsize }: { model: string; imgsize: string }): Promise<void> {
  const imageSize = parseImageSize(imgsize);
  const { loadModel } = await engine();
  const model = await loadModel(path, { device: 'cpu' });
  try {
    const rows = [['layer', 'type', 'output', 'calls', 'scale', 'offset', 'notes']];
    for (const layer of await model.layers(imageSize))
      rows.push([
        layer.name,
        layer.type,
        layer.shape?.join('×') ?? layer.output ?? '-',
        String(layer.calls),
        layer.scale ? pair(layer.scale) : '-',
        layer.offset ? pair(layer.offset) : '-',
        layer.refusal ?? (layer.changedInPlace ? 'changed in place later' : ''),
      ]);
    console.log(table(rows));
  } finally {
    model.close();
  }
}

function pair([y, x]: readonly [number, number]): string {
  return y === x ? String(y) : `${y},${x}`;
}

function table(rows: string[][]): string {
  const widths = rows[0].map((_, column) => Math.max(...rows.map(row => row[column].length)));
  return rows
    .map(row =>
      row
        .map((cell, i) => cell.padEnd(widths[i]))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** What a run found, and where it stands. */
function summary({ report }: DissectionResult, outdir: string, page: boolean): string {
  const lines: string[] = [];
  const rows = [['layer', 'units', 'interpretable', 'concepts', 'strongest detectors']];
  for (const layer of report.layers) {
    const best = layer.units
      .filter(unit => unit.interp)
      .sort((a, b) => b.iou! - a.iou!)
      .slice(0, 3)
      .map(unit => `${unit.label} (unit ${unit.unit}, IoU ${unit.iou!.toFixed(3)})`);
    rows.push([
      layer.layer,
      String(layer.units.length),
      String(layer.interpretable ?? '-'),
      String(layer.labels?.length ?? '-'),
      best.join(', '),
    ]);
  }
  lines.push(table(rows));
  const concepts = new Set(report.layers.flatMap(layer => layer.labels?.map(label => label.labelnum) ?? []));
  if (report.default_ranking === 'label') lines.push(`distinct concepts over all layers: ${concepts.size}`);
  lines.push(`report: ${outdir}/${page ? 'index.html' : 'dissect.json'}`);
  return lines.join('\n');
}

function profileTable({ profile, report }: DissectionResult): string {
  const { spilledBytes, total, ...parts } = profile;
  const rows = [['part of the engine', 'seconds', 'ms an image']];
  for (const [part, seconds] of Object.entries({ ...parts, 'total (wall clock)': total }))
    rows.push([part, seconds.toFixed(3), ((seconds / report.images) * 1000).toFixed(3)]);
  rows.push(['peak memory, MiB', String(Math.round(process.resourceUsage().maxRSS / 1024)), '']);
  rows.push(['spilled to disk, MiB', String(Math.round(spilledBytes / 2 ** 20)), '']);
  return table(rows);
}

const PHASES = { observe: 'running the model', count: 'counting labels', draw: 'drawing units' };

/** One line that is written over, with an estimate of the time left; nothing where it is no terminal. */
function progressLine(stream: NodeJS.WriteStream) {
  if (!stream.isTTY) return undefined;
  let phase = '';
  let start = 0;
  let shown = 0;
  return {
    update({ phase: now, done, total }: Progress) {
      const time = performance.now();
      if (now !== phase) {
        phase = now;
        start = time;
        shown = 0;
      }
      if (time - shown < 100 && done < total) return;
      shown = time;
      const seconds = (time - start) / 1000;
      const left = done > 0 ? `, ${Math.ceil((seconds / done) * (total - done))} s left` : '';
      stream.write(`\r\x1b[K${PHASES[now]}: ${done}/${total}${left}`);
    },
    end() {
      if (phase) stream.write('\r\x1b[K');
      phase = '';
    },
  };
}

main(hideBin(process.argv)).catch((error: Error & { code?: string }) => {
  const aborted = error.name === 'AbortError' || error.code === 'ABORT_ERR';
  console.error(`netdissect-native: ${aborted ? 'stopped; nothing was written' : error.message}`);
  if (process.env.NETDISSECT_DEBUG) console.error(error);
  process.exitCode = aborted ? 130 : 1;
});
