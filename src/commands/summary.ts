/** What a run found and where its time went, in words. */

import { chanceInWords } from '../report/json';
import type { DissectionResult } from '../run/conclude';
import { table } from './table';

/** What a run found, and where it stands. */
export function summary({ report }: DissectionResult, outdir: string, page: boolean): string {
  const lines: string[] = [];
  const chance = report.layers.some(layer => layer.expected_by_chance !== undefined);
  const rows = [
    ['layer', 'units', 'interpretable', ...(chance ? ['by chance'] : []), 'concepts', 'strongest detectors'],
  ];
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
      ...(chance ? [chanceInWords(layer) ?? '-'] : []),
      String(layer.labels?.length ?? '-'),
      best.join(', '),
    ]);
  }
  lines.push(table(rows));
  const concepts = new Set(report.layers.flatMap(layer => layer.labels?.map(label => label.labelnum) ?? []));
  if (report.default_ranking === 'label') lines.push(`distinct concepts over all layers: ${concepts.size}`);
  lines.push(`images: ${report.images} of ${report.image_size.join('×')}`);
  lines.push(`report: ${outdir}/${page ? 'index.html' : 'dissect.json'}`);
  return lines.join('\n');
}

export function profileTable({ profile, report }: DissectionResult): string {
  const { spilledBytes, total, ...parts } = profile;
  const rows = [['part', 'seconds', 'ms an image']];
  for (const [part, seconds] of Object.entries({ ...parts, 'total (wall clock)': total }))
    rows.push([part, seconds.toFixed(3), ((seconds / report.images) * 1000).toFixed(3)]);
  rows.push(['peak memory, MiB', String(Math.round(process.resourceUsage().maxRSS / 1024)), '']);
  rows.push(['spilled to disk, MiB', String(Math.round(spilledBytes / 2 ** 20)), '']);
  return table(rows);
}
