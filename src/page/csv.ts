/** What is shown, as CSV. */

import { csvCell } from '../report/csv';
import { h } from './dom';
import { best, isDetector, type PageData, type PageLayer } from './model';

export function csvOf(
  data: PageData,
  layer: PageLayer,
  places: readonly number[],
  threshold: number,
): string {
  const head = [
    'layer',
    'unit',
    'level',
    'detector',
    'label',
    'category',
    'iou',
    'low',
    'high',
    'precision',
    'recall',
    'q',
    'formula',
    'imgnum',
    'file',
    'maxact',
  ];
  const rows = places.map(place => {
    const unit = layer.units[place];
    const [label, iou, low, high, precision, recall] = best(unit) ?? [];
    const [, name, category] = label === undefined ? [] : data.labels[label];
    const [imgnum, maxact] = unit.top;
    const file = imgnum === undefined ? undefined : data.images[imgnum]?.file;
    const cat = category === undefined ? undefined : data.categories[category]?.name;
    const detector = data.labelled ? isDetector(unit, threshold) : undefined;
    return [
      layer.layer,
      unit.unit,
      unit.level,
      detector,
      name,
      cat,
      iou,
      low,
      high,
      precision,
      recall,
      unit.q,
      unit.formula?.text,
      imgnum,
      file,
      maxact,
    ];
  });
  return [head, ...rows].map(row => `${row.map(csvCell).join(',')}\n`).join('');
}

export function save(name: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: 'text/csv' }));
  const link = h('a', { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
