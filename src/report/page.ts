/**
 * The report page, `index.html`: a pure function of the report's JSON. All of it is real HTML when it is
 * written, so that it opens from disk, prints and can be searched without a script; the script only sorts,
 * filters and toggles. Its security policy allows no host and no script but its own.
 */

import { createHash } from 'node:crypto';
import { BARGRAPH_STYLE, bargraph } from './bargraph';
import { categoryColor, categoryRank } from './categories';
import { boundsInWords, chanceInWords } from './json';
import { counted, Markup, markup, wellFormed } from './markup';
import { PAGE_SCRIPT } from './page-client';
import { PAGE_STYLE } from './page-style';
import type { LabelReport, LayerReport, Ranking, Report, UnitReport } from './types';

/** White pixels between the images of a strip. */
export const STRIP_GAP = 5;

const VIEWS = [
  ['top', 'masked', 'The images, dark outside the mask'],
  ['orig', 'plain', 'The images as they are'],
  ['seg', 'labels', 'The labels of the images, by colour'],
  ['mask', 'mask over plain', 'The mask laid over the images'],
];

/** What a page shows beyond the report. */
export interface PageOptions {
  /** Whether the strips of pictures were written. */
  pictures: boolean;
}

/** The text of `index.html` for a report, in the folder that its layers' `dirname`s are relative to. */
export function renderPage(report: Report, options: PageOptions): string {
  const policy = [
    "default-src 'none'",
    // Firefox does not count files beside a page opened from disk as 'self'.
    "img-src 'self' file:",
    `style-src ${hash(PAGE_STYLE)} ${hash(BARGRAPH_STYLE)}`,
    `script-src ${hash(PAGE_SCRIPT)}`,
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
  return markup`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${report.netname}: network dissection</title>
<style>${new Markup(PAGE_STYLE)}</style>
</head>
<body>
<header>
<h1><span class="name">${report.netname}</span>, dissected</h1>
${introduction(report)}
${overview(report)}
${settings(report)}
</header>
<main>
${report.layers.map(layer => section(report, layer, options))}</main>
<footer><p>All numbers: <a href="dissect.json">dissect.json</a></p></footer>
<script type="application/json" id="rankings">${new Markup(rankingData(report))}</script>
<script>${new Markup(PAGE_SCRIPT)}</script>
</body>
</html>
`.text;
}

function hash(text: string): string {
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
}

/** The orders of each layer's units by sort key, as JSON that cannot end its script element. */
function rankingData({ layers }: Report): string {
  const orders = layers.map(({ rankings }) =>
    Object.fromEntries(rankings.map(ranking => [sortKey(ranking), ranking.ranking])),
  );
  return JSON.stringify(orders).replaceAll('<', '\\u003c');
}

/** A ranking's key in the page: labels of two categories can share a name, so not the name. */
function sortKey({ name, labelnum }: Ranking): string {
  return labelnum === undefined ? name : `iou-${labelnum}`;
}

function introduction({
  images,
  image_size,
  quantile_threshold,
  iou_threshold,
  default_ranking,
}: Report): Markup {
  const percent = Number((quantile_threshold * 100).toPrecision(6));
  return markup`<p>${counted(images, 'image')} of ${image_size.join(' × ')} pixels. A unit's level is what the top ${percent} % of its activations exceed${
    default_ranking === 'label' &&
    `; it is interpretable where its mask and its best label have an IoU over ${iou_threshold}`
  }.</p>`;
}

function overview({ layers, default_ranking }: Report): Markup {
  const labelled = default_ranking === 'label';
  const decoys = layers.some(layer => layer.expected_by_chance !== undefined);
  const number = (text: Markup | string | number) => markup`<td class="number">${text}</td>`;
  return markup`<table>
<thead><tr><th scope="col">Layer</th><th scope="col" class="number">Units</th>${
    labelled &&
    markup`<th scope="col" class="number">Interpretable</th>${
      decoys && markup`<th scope="col" class="number">Expected by chance</th>`
    }<th scope="col" class="number">Distinct concepts</th>`
  }</tr></thead>
<tbody>
${layers.map(
  layer =>
    markup`<tr><td><a class="name" href="#${layerId(layer)}">${layer.layer}</a></td>${number(layer.units.length)}${
      labelled && [
        number(interpretable(layer)),
        decoys && number(chanceInWords(layer) ?? ''),
        number(layer.labels?.length ?? 0),
      ]
    }</tr>
`,
)}</tbody>
</table>`;
}

function settings({ settings, meta }: Report): Markup | null {
  const entries = [...Object.entries(settings), ...Object.entries(meta ?? {})];
  if (entries.length === 0) return null;
  return markup`<details><summary>Settings</summary>
<table>
${entries.map(([key, value]) => markup`<tr><th scope="row">${key}</th><td><code>${JSON.stringify(value)}</code></td></tr>\n`)}</table>
</details>`;
}

function interpretable({ interpretable = 0, units }: LayerReport): string {
  const percent = units.length > 0 ? (100 * interpretable) / units.length : 0;
  return `${interpretable} (${percent.toFixed(1)} %)`;
}

/** The layer's id, also the part of the location's hash that names it. */
function layerId({ layer }: LayerReport): string {
  return `layer=${encodeURIComponent(wellFormed(layer))}`;
}

function unitId(layer: LayerReport, unit: number): string {
  return `${layerId(layer)}&unit=${unit}`;
}

function section(report: Report, layer: LayerReport, { pictures }: PageOptions): Markup {
  const {
    units,
    labels,
    rankings,
    shape,
    tokens_dropped,
    units_last,
    changed_in_place,
    level_rank_error,
    out_of_reach,
  } = layer;
  const [channels, height, width] = shape;
  const chance = chanceInWords(layer);
  const order = (rankings.find(({ name }) => name === report.default_ranking) ?? rankings[0]).ranking;
  return markup`<section id="${layerId(layer)}" data-layer="${layer.layer}">
<h2 class="name">${layer.layer}</h2>
<p>${counted(units.length, 'unit')}${labels && `, ${interpretable(layer)} interpretable${chance ? ` (${chance} expected by chance)` : ''}, ${counted(labels.length, 'distinct concept')}`}.
<span class="quiet">Output ${channels} × ${height} × ${width}${tokens_dropped && ` without ${tokens_dropped} other tokens`}${units_last && ', units last'}${changed_in_place && '; a later operation of the model changes it in place'}.${level_rank_error !== undefined && ` Levels are estimates: their rank may be off by up to ${(level_rank_error * 100).toPrecision(2)} % of the values.`}${
    out_of_reach &&
    ` Covers too much of the images for any unit's IoU to be over ${layer.iou_threshold}: ${boundsInWords(out_of_reach)}.`
  }</span></p>
${labels && chart(report, layer, labels)}
${toolbar(report, layer, pictures)}
<div class="units${pictures && ' pictures'}">
${order.map(index => article(report, layer, units[index], pictures))}</div>
</section>
`;
}

function chart({ categories }: Report, layer: LayerReport, labels: readonly LabelReport[]): Markup {
  const row = ({ label, cat, units }: LabelReport) =>
    markup`<tr><td class="name">${label}</td><td>${category(cat, categories)}</td><td class="number">${units.length}</td><td>${units.map(
      (unit, i) => markup`${i > 0 && ', '}<a href="#${unitId(layer, unit)}">${unit}</a>`,
    )}</td></tr>
`;
  return markup`<figure>
${new Markup(bargraph(layer, categories))}
</figure>
${
  labels.length > 0 &&
  markup`<details><summary>The chart as a table</summary>
<table>
<thead><tr><th scope="col">Label</th><th scope="col">Category</th><th scope="col" class="number">Units</th><th scope="col">Which</th></tr></thead>
<tbody>
${labels.map(row)}</tbody>
</table>
</details>`
}`;
}

function category(cat: string, categories: readonly string[]): Markup {
  return markup`<span class="dot c${categoryColor(cat, categories)} name">${cat}</span>`;
}

function toolbar({ categories, default_ranking }: Report, layer: LayerReport, pictures: boolean): Markup {
  const { labels = [], rankings } = layer;
  const present = new Set(layer.units.map(({ cat }) => cat).filter(cat => typeof cat === 'string'));
  const sorted = [...present].sort((a, b) => categoryRank(a, categories) - categoryRank(b, categories));
  const concepts = rankings.filter(({ labelnum }) => labelnum !== undefined);
  const catOf = new Map(labels.map(({ labelnum, cat }) => [labelnum, cat]));
  const option = (ranking: Ranking, text: string) =>
    markup`<option value="${sortKey(ranking)}"${ranking.name === default_ranking && new Markup(' selected')}>${text}</option>`;
  return markup`<div class="toolbar" role="group" aria-label="Units of ${layer.layer}" hidden>
<label>Sort <select class="sort">${rankings
    .filter(({ labelnum }) => labelnum === undefined)
    .map(ranking => option(ranking, SORT_NAMES[ranking.name] ?? ranking.name))}${
    concepts.length > 0 &&
    markup`<optgroup label="IoU with">${concepts.map(ranking =>
      option(ranking, `${ranking.concept} (${catOf.get(ranking.labelnum!)})`),
    )}</optgroup>`
  }</select></label>
${
  present.size > 0 &&
  markup`<label>Category <select class="category"><option value="">all</option>${sorted.map(
    cat => markup`<option value="${cat}">${cat}</option>`,
  )}</select></label>
`
}${
  labels.length > 0 &&
  markup`<label>Label <select class="label"><option value="">all</option>${labels.map(
    ({ label, labelnum, cat }) => markup`<option value="${labelnum}">${label} (${cat})</option>`,
  )}</select></label>
<button type="button" class="only" aria-pressed="false">interpretable only</button>
`
}<label>Find <input class="text" type="search" placeholder="${layer.labels ? 'label or unit number' : 'unit number'}"></label>
${
  pictures &&
  markup`<span class="choice" role="group" aria-label="Pictures">${VIEWS.filter(
    ([view]) => view !== 'seg' || layer.labels,
  ).map(
    ([view, text, title], i) =>
      markup`<button type="button" data-view="${view}" aria-pressed="${i === 0 ? 'true' : 'false'}" title="${title}">${text}</button>`,
  )}</span>
`
}<output class="status quiet"></output>
</div>`;
}

/** The share expected by chance from which on a detector is marked. */
const DOUBTFUL = 0.05;

const SORT_NAMES: Record<string, string> = { unit: 'unit number', label: 'label', iou: 'best IoU' };

function article(report: Report, layer: LayerReport, unit: UnitReport, pictures: boolean): Markup {
  const id = unitId(layer, unit.unit);
  const { label, labelnum, cat, interp, iou, level, q } = unit;
  const text = [label, cat].filter(Boolean).join(' ');
  return markup`<article id="${id}" data-unit="${unit.unit}" data-text="${text}"${
    labelnum !== undefined && markup` data-labelnum="${labelnum}" data-cat="${cat ?? ''}"`
  }${interp && new Markup(' data-interp')}>
<div><h3><a href="#${id}">Unit ${unit.unit}</a></h3>
${
  label !== undefined &&
  markup`<p>${
    label === null
      ? markup`<span class="quiet">no label</span>`
      : markup`<b class="name">${label}</b> ${category(cat ?? '', report.categories)}`
  }</p>
<p>IoU ${iou!.toFixed(3)}${
    interp
      ? q !== undefined &&
        q > DOUBTFUL &&
        markup` <span class="doubt" title="at a threshold under this IoU ${(100 * q).toFixed(0)} % of the units would be expected by chance">by chance? q ${q.toPrecision(2)}</span>`
      : markup` <span class="quiet">not interpretable</span>`
  }</p>
`
}<p class="quiet">level ${significant(level)}</p></div>
${pictures && strip(report, layer, unit)}</article>
`;
}

/** The unit's images in a row; the script changes which of its four files are shown. */
function strip({ image_size: [height, width] }: Report, { dirname }: LayerReport, unit: UnitReport): Markup {
  const count = unit.top.length;
  const source = `./${encodeURIComponent(wellFormed(dirname))}/image/${unit.unit}-`;
  const label = unit.interp ? ` (${unit.label})` : '';
  const range =
    count > 0
      ? `: activations ${significant(unit.top[0].maxact)} to ${significant(unit.top[count - 1].maxact)}`
      : '';
  return markup`<div class="strip" tabindex="0" data-src="${source}"><span class="stack"><img src="${source}top.jpg" width="${
    count * width + Math.max(0, count - 1) * STRIP_GAP
  }" height="${height}" loading="lazy" decoding="async" alt="The ${counted(count, 'strongest image')} of unit ${unit.unit}${label}${range}"></span></div>
`;
}

function significant(value: number): string {
  return String(Number(value.toPrecision(4)));
}
