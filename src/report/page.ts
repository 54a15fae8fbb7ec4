/**
 * The report page, `index.html`: a function of the report alone. What its script shows, and plain tables of all units, which
 * are for print and for readers without a script. Its security policy allows no host, and no script and styles but its own.
 */

import fs from 'node:fs';
import path from 'node:path';
import { BARGRAPH_STYLE } from './bargraph';
import { CATEGORY_COLORS } from './categories';
import { chanceInWords } from './json';
import { counted, Markup, markup, policyHash } from './markup';
import { pageData, pageIous } from './page-data';
import { aboutLayer, interpretable, layerId, plainLayer } from './page-plain';
import type { Report } from './types';

export interface PageOptions {
  /** Pictures that the page itself holds, in base 64, by their paths; others lie beside it. */
  files?: Record<string, string>;
}

/** What `scripts/page.mjs` makes of `src/page/`. */
const built = path.join(__dirname, '../page');
/** Whoever has the script needs the tables for print alone: until then they are no elements. */
const EARLY = "document.documentElement.classList.add('live')";
let parts: { script: string; style: string } | undefined;

function clientParts() {
  parts ??= {
    script: fs.readFileSync(path.join(built, 'page.js'), 'utf8'),
    style: `${fs.readFileSync(path.join(built, 'page.css'), 'utf8')}${CATEGORY_COLORS.map(
      (color, i) => `.c${i} { --color: ${color}; }\n`,
    ).join('')}`,
  };
  return parts;
}

/** The text of `index.html` for a report, in the folder that its layers' `dirname`s are relative to. */
export function renderPage(report: Report, { files }: PageOptions = {}): string {
  const { script, style } = clientParts();
  const policy = [
    "default-src 'none'",
    // Firefox does not count files beside a page opened from disk as 'self'.
    files ? 'img-src blob:' : "img-src 'self' file:",
    `style-src ${policyHash(style)} ${policyHash(BARGRAPH_STYLE)}`,
    `script-src ${policyHash(EARLY)} ${policyHash(script)}`,
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
  const page = markup`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${report.netname}: network dissection</title>
<style>${new Markup(style)}</style>
<script>${new Markup(EARLY)}</script>
</head>
<body>
<a class="skip skip-live" href="#content">Skip to the units</a><a class="skip skip-plain" href="#plain">Skip to the units</a>
<header>
<h1><span class="name">${report.netname}</span>, dissected</h1>
${introduction(report)}
${overview(report)}
${madeOf(report)}
</header>
<main>
<div id="app"></div>
<div id="plain"><noscript>
${report.layers.map(layer => plainLayer(report, layer))}</noscript></div>
</main>
<footer><p>${files ? 'All pictures and numbers are in this file.' : markup`All numbers: <a href="dissect.json">dissect.json</a>${report.format && markup`, <a href="dissect.csv">dissect.csv</a>`}`}</p></footer>
<script type="application/json" id="data">${json(pageData(report, aboutLayer))}</script>
<script type="application/json" id="ious">${json(pageIous(report))}</script>
${files && markup`<script type="application/json" id="files">${json(files)}</script>\n`}<script>${new Markup(script)}</script>
</body>
</html>
`;
  return ascii(page.text);
}

/** Browsers read megabytes of it several times as quickly. Styles and scripts have nothing else. */
function ascii(html: string): string {
  return html.replace(/[^\0-\x7f]/gu, character => `&#${character.codePointAt(0)};`);
}

/** As JSON that cannot end its script element. */
function json(value: unknown): Markup {
  const escaped = (unit: string) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return new Markup(JSON.stringify(value).replace(/[<\x7f-\uffff]/g, escaped));
}

function introduction({
  images,
  image_size,
  quantile_threshold,
  iou_threshold,
  default_ranking,
}: Report): Markup {
  const percent = Number((quantile_threshold * 100).toPrecision(6));
  return markup`<p>${images !== undefined && `${counted(images, 'image')} of ${image_size.join(' × ')} pixels. `}A unit's level is what the top ${percent} % of its activations exceed${
    default_ranking === 'label' &&
    `; it is interpretable, a detector of its best label, where its mask and that label have an IoU over ${iou_threshold}`
  }.</p>`;
}

function overview({ layers, default_ranking }: Report): Markup {
  const labelled = default_ranking === 'label';
  const decoys = layers.some(layer => layer.expected_by_chance !== undefined);
  const number = (text: Markup | string | number) => markup`<td class="number">${text}</td>`;
  return markup`<div class="scroll" tabindex="0" role="region" aria-label="What was found"><table>
<thead><tr><th scope="col">Layer</th><th scope="col" class="number">Units</th>${
    labelled &&
    markup`<th scope="col" class="number">Interpretable</th>${
      decoys && markup`<th scope="col" class="number">By chance</th>`
    }<th scope="col" class="number">Concepts</th>`
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
</table></div>`;
}

/** Where the report comes from, and the run's settings. */
function madeOf({ provenance, settings = {}, meta }: Report): Markup | null {
  const { command, ...sources } = provenance ?? {};
  const entries = [...Object.entries(sources), ...Object.entries(settings), ...Object.entries(meta ?? {})];
  if (entries.length === 0) return null;
  const row = (key: string, value: string) =>
    markup`<tr><th scope="row">${key}</th><td><code>${value}</code></td></tr>\n`;
  return markup`<details><summary>How it was made</summary>
<table class="about">
${command !== undefined && row('command', command)}${entries.map(([key, value]) => row(key, typeof value === 'string' ? value : JSON.stringify(value)))}</table>
</details>`;
}
