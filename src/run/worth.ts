/** Adds to the counts what labels are worth: chance, ranked images, intervals, smaller quantiles, formulas. */

import type { NativeDissection } from '../native/native';
import type { LabelSet } from '../report/types';
import { bestChoices, byNumber } from '../score/best';
import { derangement } from '../score/chance';
import type { LayerStatistics, Tally } from '../score/results';
import { scoreLayer } from '../score/score';
import type { CheckedOptions, DissectOptions } from './options';
import { poll } from './poll';

/** So many labels of each unit, those of highest IoU, are resampled. */
const CHOICES = 20;
const SEED = 1;

export interface Counted {
  dissection: NativeDissection;
  layers: LayerStatistics[];
  images: number;
  labelSet: LabelSet;
  /** The options as they were checked, and as they were given, for progress and signal. */
  settings: Pick<
    CheckedOptions,
    | 'scores'
    | 'decoys'
    | 'bootstrap'
    | 'labelsPerUnit'
    | 'quantileThreshold'
    | 'formulas'
    | 'formulaSeconds'
    | 'memory'
  >;
  options: DissectOptions;
}

type Phase = 'decoy' | 'bootstrap' | 'quantile';

/** Does something `total` times, one after the other. */
async function steps(
  { onProgress, signal }: DissectOptions,
  phase: Phase,
  total: number,
  step: (done: number) => Promise<void>,
): Promise<void> {
  for (let done = 0; done < total; done++) {
    signal?.throwIfAborted();
    onProgress?.({ phase, done, total });
    await step(done);
  }
  if (total > 0) onProgress?.({ phase, done: total, total });
}

/** So many decoys are counted at once, as memory allows: a mask is made once for all of them. */
const AT_ONCE = 5;

/** What each layer's units would score by chance, decoy by decoy. */
export async function countDecoys({ dissection, layers, images, labelSet, settings, options }: Counted) {
  if (images < 2) return; // with whose labels?
  const { labels, categories } = labelSet;
  const { decoys: total, memory } = settings;
  const units = layers.reduce((sum, { levels }) => sum + levels.length, 0);
  const bytes = 3 * 8 * units * (labels.length + categories.length); // of a decoy: summed, taken apart, given
  const most = Math.min(AT_ONCE, memory / 8 / bytes, 2 ** 16 / labels.length);
  const some = Math.max(1, Math.floor(most));
  let counted: Awaited<ReturnType<NativeDissection['countPaired']>> = [];
  await steps(options, 'decoy', total, async done => {
    if (counted.length === 0) {
      const partners = new Uint32Array(Math.min(some, total - done) * images);
      for (let p = 0; p * images < partners.length; p++)
        partners.set(derangement(images, done + p + 1), p * images);
      counted = await dissection.countPaired(partners);
    }
    for (const [l, counts] of counted.shift()!.entries()) {
      const { labelPixels } = layers[l].tally!;
      const { best, bestScore } = scoreLayer({ labelPixels, ...counts }, labels, categories, 0);
      layers[l].decoys ??= [];
      layers[l].decoys!.push({ best, bestScore });
    }
  });
}

/** What the score of ranked images needs. */
export async function rankImages({ dissection, layers, settings, options }: Counted) {
  if (!settings.scores.includes('auprc')) return;
  for (const [l, { tally }] of layers.entries()) {
    options.signal?.throwIfAborted();
    tally!.averagePrecision = await dissection.averagePrecision(l);
  }
}

/** Each unit's labels of highest IoU, and how sure these are. */
export async function resample({ dissection, layers, labelSet, settings, options }: Counted) {
  const { labels, categories } = labelSet;
  const { bootstrap: replicates, labelsPerUnit } = settings;
  for (const layer of layers) {
    const { scores } = scoreLayer(layer.tally as Tally, labels, categories, 0);
    const most = Math.min(labels.length, Math.max(CHOICES, labelsPerUnit));
    layer.choices = bestChoices(scores, layer.levels.length, byNumber(labels), most);
  }
  if (replicates > 0)
    await steps(options, 'bootstrap', layers.length, async l => {
      const drawn = await dissection.resample(l, layers[l].choices!.rows, { replicates, seed: SEED });
      layers[l].bootstrap = { replicates, ...drawn };
    });
}

/** The same masks at a half, a quarter and an eighth of the quantile. */
export async function narrow({ dissection, layers, labelSet, settings, options }: Counted) {
  const { labels, categories } = labelSet;
  await steps(options, 'quantile', 3, async done => {
    const quantile = settings.quantileThreshold / 2 ** (done + 1);
    for (const [l, found] of (await dissection.countNarrow(quantile)).entries()) {
      if (!found) continue;
      const { levels, ...counts } = found;
      const { tally, choices } = layers[l];
      const { labelPixels } = tally!;
      const { scores, best, bestScore } = scoreLayer({ labelPixels, ...counts }, labels, categories, 0);
      const { most, rows } = choices!;
      const iou = Float64Array.from(rows, (row, at) =>
        row < 0 ? 0 : scores[row * levels.length + Math.floor(at / most)],
      );
      layers[l].narrowed ??= [];
      layers[l].narrowed!.push({ quantile, levels, iou, best, bestScore });
    }
  });
}

/** The best formulas of each unit, where they are asked for. */
export async function findFormulas({ dissection, layers, settings, options }: Counted) {
  const { formulas: length, formulaSeconds: seconds, bootstrap: replicates } = settings;
  if (length === 0) return;
  const { onProgress, signal } = options;
  signal?.throwIfAborted();
  const total = layers.reduce((sum, layer) => sum + layer.levels.length, 0);
  const report = () => onProgress?.({ phase: 'formula', done: dissection.searched, total });
  report();
  const watch = poll(onProgress && report, () => dissection.cancel());
  try {
    const found = await dissection.formulas({ length, seconds, replicates, seed: SEED });
    for (const [l, formulas] of found.entries()) layers[l].formulas = formulas;
  } catch (error) {
    // The rest of the run is worth having.
    if ((error as { code?: string }).code !== 'ERR_NETDISSECT_OPTION') throw error;
    options.onNotice?.(`formulas are left out: ${(error as Error).message}`);
  } finally {
    watch.stop();
    watch.check();
  }
  report();
}
