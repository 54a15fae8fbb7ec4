/** `netdissect-native stats DIRECTORY`: a table of concepts. */

import { printable, some } from '../base/words';
import { type DatasetStats, datasetStats } from '../dataset/stats';
import { openData } from './data';
import { PROGRAM } from './help';
import { interruptible, type Terminal } from './interrupt';
import type { StatsValues } from './options';
import { progressReporter } from './progress';
import { table } from './table';

export async function runStats(values: StatsValues, { stdout, stderr }: Terminal): Promise<void> {
  const dataset = openData(values.directory, values);
  if (!values.quiet) for (const notice of dataset.notices) stderr.write(`${PROGRAM}: ${printable(notice)}\n`);
  const progress = progressReporter(stderr, { quiet: values.quiet });
  try {
    const stats = await interruptible(signal =>
      datasetStats(dataset, {
        signal,
        onProgress: update => progress.update({ phase: 'reading label maps', ...update }),
      }),
    );
    progress.end();
    stdout.write(`${values.json ? JSON.stringify(stats, null, 2) : format(stats)}\n`);
  } finally {
    progress.end();
  }
}

/** Concepts, most pixels first, then categories, then the sizes. */
function format({ images: total, sizes, categories, labels, unnamed }: DatasetStats): string {
  const amount = (entry: { images: number; pixels: number; share: number }) => [
    String(entry.images),
    String(entry.pixels),
    `${(100 * entry.share).toFixed(2)} %`,
  ];
  if (labels.length + unnamed.length === 0) return `${total} ${total === 1 ? 'image' : 'images'}, no labels`;
  const concepts = [
    ['concept', 'number', 'category', 'images', 'pixels', 'share'],
    ...labels.map(label => [label.name, String(label.number), label.category, ...amount(label)]),
    ...unnamed.map(entry => ['(no label)', String(entry.number), '-', ...amount(entry)]),
  ];
  const groups = [
    ['category', 'concepts', 'images', 'pixels', 'share'],
    ...categories.map(entry => [entry.category, String(entry.labels), ...amount(entry)]),
  ];
  const counted = sizes.map(size => `${size.height}×${size.width} (${size.images})`);
  return `${table(concepts)}\n\n${table(groups)}\n\n${total} images; sizes of label maps: ${some(counted, 5) || 'none'}`;
}
