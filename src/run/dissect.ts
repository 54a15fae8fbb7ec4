/** The run: the data set passes through the model, masks are counted, pictures and the report written. */

import path from 'node:path';
import { asNetdissectError, optionError, requireText } from '../base/errors';
import { writeFile, writeFolder } from '../base/write';
import { checkDataset } from '../dataset/check';
import type { DissectionDataset } from '../dataset/dataset';
import { IMAGENET_NORMALIZATION } from '../dataset/images/normalization';
import {
  type Model,
  nativeOptions,
  type RetainedLayer,
  type RetainOptions,
  requireModel,
} from '../model/model';
import type { NativeDissection, NativeProfile } from '../native/native';
import { ImageCache, writeStrips } from '../pictures/strips';
import { bargraph } from '../report/bargraph';
import { formatReport } from '../report/format';
import { boundsInWords, buildReport, layerDirnames, singleLayerReport } from '../report/json';
import { StagedFolder } from '../report/outdir';
import { renderPage } from '../report/page';
import type { Report } from '../report/types';
import type { Label, LayerStatistics } from '../score/results';
import { datasetLabeller, type Labeller } from './labeller';
import { count, observe } from './observe';
import { type CheckedOptions, checkedOptions, type DissectOptions } from './options';
import { checkPictures, picture } from './pictures';
import { type Counted, countDecoys, findFormulas, narrow, rankImages, resample } from './worth';

export interface DissectionResult {
  /** One entry a retained layer. */
  layers: LayerStatistics[];
  labels: readonly Label[];
  categories: readonly string[];
  /** What `dissect.json` holds. */
  report: Report;
  profile: Profile;
}

/** Seconds by part of the work. Parts overlap: images are decoded while the engine works. */
export interface Profile extends NativeProfile {
  /** Reading images and label maps, summed over all that were read at once. */
  decode: number;
  /** What chance would find, ranked images, intervals, smaller quantiles, and formulas, by the clock. */
  decoys: number;
  scores: number;
  bootstrap: number;
  quantiles: number;
  formulas: number;
  /** Pictures, `draw` included, by the clock. */
  pictures: number;
  /** Scores, rankings and the files but for the pictures, by the clock. */
  report: number;
  /** The whole run, by the clock. */
  total: number;
}

/**
 * Dissects a model's retained layers over a data set and writes the report to `outdir`.
 *
 * The report appears as a whole: where anything fails, or `signal` aborts (the promise then rejects with the
 * signal's reason), `outdir` stays as it was.
 */
export async function dissect(
  outdir: string,
  model: Model,
  dataset: DissectionDataset,
  options: DissectOptions = {},
): Promise<DissectionResult> {
  const start = performance.now();
  const checked = checkedOptions(options);
  requireText(outdir, "the path of the report's folder");
  requireModel(model);
  model.requireLayers();
  checkDataset(dataset);
  // Copies: what the caller changes later does not reach into the run.
  const forwardSize = Math.min(checked.forwardSize, dataset.length);
  const retained = [...model.retained];
  const retainOptions = model.retainOptions;
  const meta = plainData(options.meta, 'meta');
  const settings = plainData(dataset.settings, "the data set's settings");
  const dirnames = layerDirnames(retained.map(layer => layer.reported));
  const labeller = checked.labels && dataset.labels.length > 0 ? datasetLabeller(dataset) : undefined;
  const pictures = checked.images && checked.examplesPerUnit > 0;
  if (pictures) await checkPictures(dataset, options, checked.examplesPerUnit);
  options.signal?.throwIfAborted();
  const staged = await StagedFolder.open(outdir, dirnames);
  let dissection: NativeDissection | undefined;
  const cancel = () => dissection?.cancel();
  try {
    dissection = await begin(model, retained, dataset, {
      ...checked,
      forwardSize,
      ...retainOptions,
      labeller,
      pictures,
    });
    options.signal?.addEventListener('abort', cancel);
    model.flushLog();
    for (const notice of dissection.notices) options.onNotice?.(notice);
    let decoding = 0; // milliseconds
    await observe(dissection, dataset, options, {
      ...checked,
      // of whole forwards, so that these are cut by the images' numbers alone
      batchSize: Math.ceil(checked.batchSize / forwardSize) * forwardSize,
      channels: model.channels,
      labeller,
      onDecoded: time => {
        decoding += time;
      },
    });
    const layers = await count(dissection, retained, dataset, options, labeller !== undefined);
    const settled = performance.now();
    const done: Counted | undefined = labeller && {
      dissection,
      layers,
      images: dataset.length,
      labeller,
      settings: checked,
      options,
    };
    if (done) await countDecoys(done);
    const paired = performance.now();
    if (done) await rankImages(done);
    const ranked = performance.now();
    if (done) await resample(done);
    const resampled = performance.now();
    if (done) await narrow(done);
    const narrowed = performance.now();
    if (done) await findFormulas(done);
    const counted = performance.now();
    const [height, width] = dataset.imageSize;
    const { labels, categories } = labeller ?? { labels: [], categories: [] };
    const labelSet = { labels, categories };
    const report = buildReport(layers, labelSet, {
      netname: options.netname ?? path.basename(model.path).replace(/\.[^.]*$/, ''),
      meta,
      quantile_threshold: checked.quantileThreshold,
      iou_threshold: checked.iouThreshold,
      labelsPerUnit: checked.labelsPerUnit,
      scores: checked.scores,
      settings: {
        ...settings,
        examples_per_unit: checked.examplesPerUnit,
        add_scale_offset: retainOptions.addScaleOffset,
        values: retainOptions.values === 'call' ? 'at the call' : 'after the whole forward',
        tokens: retainOptions.tokens,
        layout: retainOptions.layout,
        ...(retainOptions.trainMode === 'keep' && { train_mode: 'kept' }),
        approximate: checked.approximate,
        ...(labeller && {
          labels_per_unit: checked.labelsPerUnit,
          decoys: checked.decoys,
          bootstrap: checked.bootstrap,
          ...(checked.scores.length > 0 && { scores: [...checked.scores] }),
          ...(checked.formulas > 0 && {
            formulas: checked.formulas,
            formula_seconds: checked.formulaSeconds,
          }),
        }),
      },
      images: dataset.length,
      image_size: [height, width],
    });
    for (const notice of [...chanceNotices(report), ...reachNotices(report)]) options.onNotice?.(notice);
    const scored = performance.now();
    if (pictures) {
      const total = layers.reduce((sum, layer) => sum + layer.shape[0], 0);
      let done = 0;
      await writeStrips(dissection, {
        layers: layers.map((layer, i) => ({
          folder: path.join(staged.path, dirnames[i], 'image'),
          topImages: layer.topImages,
          units: layer.shape[0],
        })),
        images: new ImageCache(
          image => picture(dataset, image, options),
          height * width * 3,
          checked.memory / 2,
        ),
        single: checked.singleImages,
        workers: 2 * checked.numWorkers, // while the engine draws one, others are encoded
        onUnit: () => options.onProgress?.({ phase: 'draw', done: ++done, total }),
        signal: options.signal,
      });
    }
    const drawn = performance.now();
    await writeReport(staged.path, report, { pictures, page: checked.report });
    options.signal?.throwIfAborted();
    await staged.commit('dissect.json');
    const end = performance.now();
    const profile = {
      decode: decoding / 1000,
      ...dissection.profile(),
      decoys: (paired - settled) / 1000,
      scores: (ranked - paired) / 1000,
      bootstrap: (resampled - ranked) / 1000,
      quantiles: (narrowed - resampled) / 1000,
      formulas: (counted - narrowed) / 1000,
      pictures: (drawn - scored) / 1000,
      report: (scored - counted + end - drawn) / 1000,
      total: (end - start) / 1000,
    };
    return { layers, ...labelSet, report, profile };
  } catch (error) {
    await staged.discard();
    options.signal?.throwIfAborted();
    throw named(error, dataset);
  } finally {
    options.signal?.removeEventListener('abort', cancel);
    model.flushLog();
    void dissection?.close();
  }
}

/** Says where chance alone would find more than a tenth of what was found. */
function chanceNotices({ layers, images }: Report): string[] {
  return layers.flatMap(({ layer, interpretable = 0, expected_by_chance: expected = 0 }) =>
    interpretable > 0 && expected > interpretable / 10
      ? `layer ${layer}: of ${interpretable} interpretable units ${expected.toFixed(1)} are expected by chance, with labels of other images; use more than these ${images} images, or see q of each unit`
      : [],
  );
}

/** Says which labels no unit can be a detector of, whatever it responds to. */
function reachNotices({ layers, quantile_threshold, iou_threshold }: Report): string[] {
  return layers.flatMap(({ layer, out_of_reach: labels = [] }) => {
    if (labels.length === 0) return [];
    return `layer ${layer}: labels that cover so much of the images that no unit's IoU can be over ${iou_threshold} where masks are the top ${Number((100 * quantile_threshold).toPrecision(6))} % of activations: ${boundsInWords(labels)}; a larger quantile or a lower IoU threshold brings them into reach`;
  });
}

/** Says which file an engine's message about an image number means. */
function named(error: unknown, dataset: DissectionDataset): unknown {
  const { image } = (error ?? {}) as { image?: number };
  return asNetdissectError(
    error,
    image === undefined || !dataset.nameOf ? '' : ` (${dataset.nameOf(image)})`,
  );
}

/** What JSON keeps of a value; refused before the run where it cannot be written. */
function plainData(value: Record<string, unknown> = {}, name: string): Record<string, unknown> {
  try {
    return JSON.parse(JSON.stringify(value));
  } catch (cause) {
    throw optionError(`${name} cannot be written as JSON: ${(cause as Error).message.split('\n')[0]}`, cause);
  }
}

function begin(
  model: Model,
  retained: readonly RetainedLayer[],
  dataset: DissectionDataset,
  settings: CheckedOptions & Required<RetainOptions> & { labeller?: Labeller; pictures: boolean },
): Promise<NativeDissection> {
  const { mean, deviation } = dataset.normalization ?? IMAGENET_NORMALIZATION;
  const [height, width] = dataset.imageSize;
  return model.native.dissect({
    layers: retained.map(layer => layer.name),
    images: dataset.length,
    channels: model.channels,
    height,
    width,
    quantile: settings.quantileThreshold,
    topImages: settings.examplesPerUnit,
    piece: settings.forwardSize,
    memory: settings.memory,
    spillFolder: settings.spill,
    approximate: settings.approximate,
    keepMaxima: settings.labeller !== undefined && settings.scores.includes('auprc'),
    keepMasks: settings.labeller !== undefined || settings.pictures,
    scaleOffset: settings.addScaleOffset,
    ...nativeOptions(settings),
    mean,
    deviation,
    ...(settings.labeller && nativeLabels(settings.labeller)),
  });
}

function nativeLabels({ labels, categories }: Labeller) {
  return {
    labelNumbers: Uint16Array.from(labels, label => label.number),
    labelCategories: Int32Array.from(labels, label => categories.indexOf(label.category)),
    categories: categories.length,
  };
}

async function writeReport(
  folder: string,
  report: Report,
  { pictures, page }: { pictures: boolean; page: boolean },
): Promise<void> {
  const written = new Map<unknown, string>();
  for (const layer of report.layers) {
    const layerFolder = path.join(folder, layer.dirname);
    await writeFolder(layerFolder);
    await writeFile(
      path.join(layerFolder, 'dissect.json'),
      formatReport(singleLayerReport(report, layer), written),
    );
    if (layer.bargraph)
      await writeFile(path.join(layerFolder, layer.bargraph), bargraph(layer, report.categories));
  }
  if (page) await writeFile(path.join(folder, 'index.html'), renderPage(report, { pictures }));
  await writeFile(path.join(folder, 'dissect.json'), formatReport(report, written));
}
