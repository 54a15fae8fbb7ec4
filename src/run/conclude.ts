/** From final levels to the report: masks are counted, scored, drawn and written. */

import path from 'node:path';
import { commandLine } from '../base/command-line';
import { npyOf } from '../base/npy';
import type { Provenance } from '../base/provenance';
import { writeFile, writeFolder } from '../base/write';
import type { DissectionDataset } from '../dataset/dataset';
import type { NativeDissection, NativeProfile } from '../native/native';
import { bargraph } from '../report/bargraph';
import { formatReport } from '../report/format';
import { boundsInWords, buildReport, singleLayerReport } from '../report/json';
import type { StagedFolder } from '../report/outdir';
import { renderPage } from '../report/page';
import { formatTable } from '../report/table';
import type { LabelSet, Report } from '../report/types';
import type { Label, LayerStatistics } from '../score/results';
import { count } from './observe';
import type { CheckedOptions, DissectOptions } from './options';
import { drawPictures } from './pictures';
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

/** What was observed, levels being final. */
export interface Observed {
  dissection: NativeDissection;
  /** The layers' reported names, and their folders in the report. */
  layers: readonly string[];
  dirnames: readonly string[];
  /** What is counted; absent where no labels are. */
  labelSet?: LabelSet;
  images: number;
  imageSize: readonly [height: number, width: number];
  netname: string;
  meta: Record<string, unknown>;
  /** Of the report: those that the observation was made with. */
  settings: Record<string, unknown>;
  provenance: Provenance;
  /** The images' paths within the data set, where it has them. */
  files?: readonly string[];
}

/**
 * Counts, scores, draws and commits the report.
 *
 * @param dataset where pictures come from; absent where none are drawn
 */
export async function conclude(
  staged: StagedFolder,
  observed: Observed,
  checked: CheckedOptions,
  options: DissectOptions,
  dataset: DissectionDataset | undefined,
  spent: { start: number; decode: number },
): Promise<DissectionResult> {
  const { dissection, labelSet, images, imageSize, dirnames } = observed;
  const layers = await count(dissection, observed.layers, images, options, labelSet !== undefined);
  const counted: Counted | undefined = labelSet && {
    dissection,
    layers,
    images,
    labelSet,
    settings: checked,
    options,
  };
  const times = { decoys: 0, scores: 0, bootstrap: 0, quantiles: 0, formulas: 0 };
  const timed = async (part: keyof typeof times, work: (counted: Counted) => Promise<void>) => {
    const start = performance.now();
    if (counted) await work(counted);
    times[part] = (performance.now() - start) / 1000;
  };
  await timed('decoys', countDecoys);
  await timed('scores', rankImages);
  await timed('bootstrap', resample);
  await timed('quantiles', narrow);
  await timed('formulas', findFormulas);
  const settled = performance.now();
  const drawn =
    dataset &&
    (await drawPictures(
      dissection,
      { folder: staged.path, dirnames, layers, labelSet, dataset },
      checked,
      options,
    ));
  const pictured = performance.now();
  const [height, width] = imageSize;
  const report = buildReport(layers, labelSet ?? { labels: [], categories: [] }, {
    netname: observed.netname,
    meta: observed.meta,
    quantile_threshold: checked.quantileThreshold,
    iou_threshold: checked.iouThreshold,
    labelsPerUnit: checked.labelsPerUnit,
    scores: checked.scores,
    settings: {
      ...observed.settings,
      ...(labelSet && {
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
    images,
    image_size: [height, width],
    provenance: {
      ...observed.provenance,
      ...(options.command && { command: commandLine('netdissect-native', options.command) }),
    },
    files: observed.files,
    drawn,
    maxima: checked.maxima,
  });
  for (const notice of [...chanceNotices(report), ...reachNotices(report)]) options.onNotice?.(notice);
  await writeReport(staged.path, report, checked.report);
  for (const [l, { dirname, maxima }] of report.layers.entries())
    if (maxima !== undefined)
      await writeFile(
        path.join(staged.path, dirname, maxima),
        npyOf([layers[l].levels.length, images], await dissection.maxima(l)),
      );
  options.signal?.throwIfAborted();
  await staged.commit('dissect.json');
  const end = performance.now();
  const profile = {
    decode: spent.decode / 1000,
    ...dissection.profile(),
    ...times,
    pictures: (pictured - settled) / 1000,
    report: (end - pictured) / 1000,
    total: (end - spent.start) / 1000,
  };
  const { labels, categories } = labelSet ?? { labels: [], categories: [] };
  return { layers, labels, categories, report, profile };
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

async function writeReport(folder: string, report: Report, page: boolean): Promise<void> {
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
  if (page) await writeFile(path.join(folder, 'index.html'), renderPage(report));
  await writeFile(path.join(folder, 'dissect.csv'), formatTable(report));
  await writeFile(path.join(folder, 'dissect.json'), formatReport(report, written));
}
