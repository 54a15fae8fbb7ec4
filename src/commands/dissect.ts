/** The command without a name: a data set, a model, a report. */

import sharp from 'sharp';
import { optionError } from '../base/errors';
import { some } from '../base/words';
import { stat } from '../dataset/formats/pairs';
import type { Normalization } from '../dataset/images/normalization';
import { expandLayers, hasPatterns } from '../model/layers';
import { loadModel, type Model, retainLayers } from '../model/model';
import { native } from '../native/native';
import { type Observation, observe } from '../run/analyse';
import { dissect } from '../run/dissect';
import { imageChoice, openData } from './data';
import { runDownload } from './download';
import { PROGRAM } from './help';
import { interruptible, type Terminal } from './interrupt';
import { readJsonObject } from './json';
import type { DissectValues } from './options';
import { progressReporter } from './progress';
import { dissectCommand } from './repeat';
import { scoring } from './statistics-options';
import { profileTable, summary } from './summary';

export async function runDissect(values: DissectValues, terminal: Terminal): Promise<void> {
  const { model: file, layers, outdir, quiet } = values;
  const progress = progressReporter(terminal.stderr, { quiet });
  const say = (message: string) => {
    if (!quiet) progress.around(() => terminal.stderr.write(`${PROGRAM}: ${message}\n`));
  };
  if (values.download) {
    await download(values, terminal);
    if (!file) return;
  }
  if (!file) throw optionError('expected a model; name it with --model FILE');
  if (values.shard !== undefined && values.store === undefined)
    throw optionError('expected --store beside --shard; name the folder that all shards are kept in');
  if (!layers)
    throw optionError(
      `expected layers to dissect; name them with --layers, and see them with ${PROGRAM} layers ${file}`,
    );
  const given = (values.meta ?? []).map(name => readJsonObject(name, 'given with --meta'));
  requireData(values.broden);
  const data = dataset(values);
  if (values['no-cuda'] && values.device !== undefined && values.device !== 'cpu')
    throw optionError(`expected either --no-cuda or --device ${values.device}; give one of them`);
  const modelOptions = {
    device: values['no-cuda'] ? ('cpu' as const) : (values.device ?? ('auto' as const)),
    tf32: values.tf32,
    half: values.half,
    threads: values.threads,
    checkpoint: values.pthfile,
    checkpointKey: values['checkpoint-key'],
    onLog: say,
  };
  // The process is the command's own: its allocator keeps what every forward takes again, and of the images decoded at
  // once each has one thread.
  native().keepFreedMemory();
  sharp.concurrency(1);
  const result = await interruptible(async signal => {
    progress.update({ phase: 'loading the model' });
    const model = await loadModel(file, modelOptions).finally(progress.end);
    try {
      signal.throwIfAborted();
      for (const line of [...data.notices, ...remarks(model)]) say(line);
      const meta = Object.fromEntries(
        [model.checkpoint?.meta ?? {}, ...given].flatMap(object => Object.entries(object)),
      );
      const names = hasPatterns(layers)
        ? expandLayers(
            layers,
            await model.layers(values.imgsize, { tokens: values.tokens, layout: values.layout }),
          )
        : layers;
      const retainOptions = {
        addScaleOffset: values.add_scale_offset,
        tokens: values.tokens,
        layout: values.layout,
        values: values.values,
        trainMode: values['train-mode'],
      };
      retainLayers(model, names, retainOptions);
      const options = {
        examplesPerUnit: values.examples,
        batchSize: values.batch_size,
        numWorkers: values.num_workers,
        memory: Math.round(values.memory * 2 ** 20),
        quantileThreshold: values.quantile,
        ...scoring(values),
        spill: values.spill,
        store: values.store,
        checkpoint: values.checkpoint,
        approximate: values.approximate,
        labels: !values['no-labels'],
        images: !values['no-images'],
        strips: values.strips,
        maxima: values.maxima,
        singleImages: values['single-images'],
        report: !values['no-report'],
        netname: values.netname,
        meta,
        command: dissectCommand(values),
        onProgress: progress.update,
        onNotice: say,
      };
      progress.update({ phase: 'trying the model' });
      if (values.shard !== undefined)
        return observedInWords(
          await observe(model, data, { ...options, store: values.store!, shard: values.shard, signal }),
          values.store!,
        );
      return await dissect(outdir, model, data, { ...options, signal });
    } finally {
      progress.end();
      await model.close();
    }
  });
  if (typeof result === 'string') {
    if (!quiet) terminal.stdout.write(`${result}\n`);
    return;
  }
  if (!quiet) terminal.stdout.write(`${summary(result, outdir, !values['no-report'])}\n`);
  if (values.profile) terminal.stdout.write(`${profileTable(result)}\n`);
}

/** What of a checkpoint and a model had no use for each other. */
function remarks({ checkpoint }: Model): string[] {
  const lines: string[] = [];
  if (checkpoint?.unexpected.length)
    lines.push(`the checkpoint has entries that the model does not use: ${some(checkpoint.unexpected, 5)}`);
  if (checkpoint?.kept.length)
    lines.push(`the checkpoint lacks buffers, which keep the model's values: ${some(checkpoint.kept, 5)}`);
  return lines;
}

/** Broden's published resolutions: what images of a size need. */
function resolutionFor(size: readonly number[]): number {
  return [224, 227, 384].find(resolution => resolution >= Math.max(...size)) ?? 384;
}

async function download(
  { broden, resolution, url, quiet, model, imgsize }: DissectValues,
  terminal: Terminal,
): Promise<void> {
  const resolutions = resolution ?? (model ? [resolutionFor(imgsize)] : undefined);
  await runDownload({ directory: broden, resolutions, url }, terminal, quiet);
}

function requireData(directory: string): void {
  if (stat(directory)) return;
  throw optionError(
    `${directory} is missing; name the folder or file of a data set with --broden, fetch Broden with --download, or begin with the small one in the repository, sample/broden`,
  );
}

function dataset(values: DissectValues) {
  return openData(values.broden, values, { ...imageChoice(values), transformImage: normalization(values) });
}

const NORMALIZATIONS: Record<NonNullable<DissectValues['normalize']>, Normalization | undefined> = {
  imagenet: undefined,
  none: { mean: [0, 0, 0], deviation: [1, 1, 1] },
  half: { mean: [0.5, 0.5, 0.5], deviation: [0.5, 0.5, 0.5] },
  clip: { mean: [0.48145466, 0.4578275, 0.40821073], deviation: [0.26862954, 0.26130258, 0.27577711] },
};

function normalization({ normalize, mean, std }: DissectValues): Normalization | undefined {
  if (!mean && !std) return NORMALIZATIONS[normalize ?? 'imagenet'];
  if (normalize) throw optionError('expected either --normalize or --mean with --std but received both');
  if (!mean || !std)
    throw optionError(`expected --mean and --std together but received --${mean ? 'mean' : 'std'} alone`);
  return { mean: triple(mean), deviation: triple(std) };
}

function triple([r, g, b]: readonly number[]): [number, number, number] {
  return [r, g, b];
}

/** Where a shard is kept, and what comes next. */
function observedInWords({ folder, complete, pass, missing = [] }: Observation, store: string): string {
  if (complete) return `observed: ${folder}\nnext, when all shards are there: ${PROGRAM} analyse ${store}`;
  return `observed, pass ${pass}: ${folder}\nnext, when pass ${pass} of all shards is done: run this again (missing: ${some([...missing], 5)})`;
}
