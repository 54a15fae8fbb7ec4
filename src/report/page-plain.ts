/** The units of a layer as a plain table, for print and for readers without a script. */

import { bargraph } from './bargraph';
import { categoryColor } from './categories';
import { boundsInWords, chanceInWords } from './json';
import { counted, Markup, markup, wellFormed } from './markup';
import type { LayerReport, Report, UnitReport } from './types';

/** The layer's id, also the part of the address that names it. */
export function layerId({ layer }: LayerReport): string {
  return `layer=${encodeURIComponent(wellFormed(layer))}`;
}

export function interpretable({ interpretable = 0, units }: LayerReport): string {
  const percent = units.length > 0 ? (100 * interpretable) / units.length : 0;
  return `${interpretable} (${percent.toFixed(1)} %)`;
}

/** What is said of a layer: its output, and what bears on its numbers. */
export function aboutLayer({
  shape,
  tokens_dropped,
  units_last,
  changed_in_place,
  level_rank_error,
  out_of_reach,
  iou_threshold,
}: LayerReport): string {
  const said: string[] = [];
  if (shape)
    said.push(
      `Output ${shape.join(' × ')}${tokens_dropped ? ` without ${tokens_dropped} other tokens` : ''}${units_last ? ', units last' : ''}${changed_in_place ? '; a later operation of the model changes it in place' : ''}.`,
    );
  if (level_rank_error !== undefined)
    said.push(
      `Levels are estimates: their rank may be off by up to ${(level_rank_error * 100).toPrecision(2)} % of the values.`,
    );
  if (out_of_reach)
    said.push(
      `Covers too much of the images for any unit's IoU to be over ${iou_threshold}: ${boundsInWords(out_of_reach)}.`,
    );
  return said.join(' ');
}

export function plainLayer(report: Report, layer: LayerReport): Markup {
  const { units, labels, rankings } = layer;
  const chance = chanceInWords(layer);
  const order = rankings.find(({ name }) => name === (labels ? 'iou' : 'unit'))?.ranking ?? [...units.keys()];
  return markup`<section id="${layerId(layer)}">
<h2 class="name">${layer.layer}</h2>
<p>${counted(units.length, 'unit')}${labels && `, ${interpretable(layer)} interpretable${chance ? ` (${chance} expected by chance)` : ''}, ${counted(labels.length, 'concept')}`}.</p>
<p class="quiet">${aboutLayer(layer)}</p>
${labels && markup`<figure>\n${new Markup(bargraph(layer, report.categories ?? []))}\n</figure>`}
<table>
<thead><tr>${columnsOf(layer).map(([name, , numeric]) => markup`<th scope="col"${numeric && new Markup(' class="number"')}>${name}</th>`)}</tr></thead>
<tbody>
${order.map(place => row(report, layer, units[place]))}</tbody>
</table>
</section>
`;
}

type Column = [
  name: string,
  cell: (unit: UnitReport, report: Report) => Markup | string | number,
  numeric?: true,
];

const digits = (value: number | null | undefined, count = 3) =>
  typeof value === 'number' ? value.toFixed(count) : '';

function columns({ units, labels }: LayerReport): Column[] {
  const found: Column[] = [['Unit', ({ unit }) => unit, true]];
  if (labels) {
    found.push(
      ['Label', ({ label }) => markup`<span class="name">${label ?? 'none'}</span>`],
      [
        'Category',
        ({ cat }, { categories = [] }) =>
          cat ? markup`<span class="dot c${categoryColor(cat, categories)} name">${cat}</span>` : '',
      ],
      ['IoU', ({ iou }) => digits(iou), true],
    );
    if (units.some(({ labels }) => labels?.[0]?.low !== undefined))
      found.push([
        '95 %',
        ({ labels }) =>
          typeof labels?.[0]?.low === 'number' ? `${digits(labels[0].low)}–${digits(labels[0].high)}` : '',
        true,
      ]);
    found.push(['Detector', ({ interp }) => (interp ? 'yes' : 'no')]);
    if (units.some(({ q }) => q !== undefined))
      found.push(['q', ({ q }) => (q === undefined ? '' : Number(q.toPrecision(2))), true]);
    if (units.some(({ formula }) => formula))
      found.push(['Formula', ({ formula }) => markup`<span class="name">${formula?.text ?? ''}</span>`]);
  }
  found.push(
    ['Level', ({ level }) => Number(level.toPrecision(4)), true],
    ['Strongest', ({ top }) => (top.length > 0 ? Number(top[0].maxact.toPrecision(4)) : ''), true],
  );
  return found;
}

function row(report: Report, layer: LayerReport, unit: UnitReport): Markup {
  return markup`<tr id="${layerId(layer)}&unit=${unit.unit}">${columnsOf(layer).map(
    ([, cell, numeric]) => markup`<td${numeric && new Markup(' class="number"')}>${cell(unit, report)}</td>`,
  )}</tr>
`;
}

const known = new WeakMap<LayerReport, Column[]>();

function columnsOf(layer: LayerReport): Column[] {
  if (!known.has(layer)) known.set(layer, columns(layer));
  return known.get(layer)!;
}
