/**
 * The chart of a layer: for every label with detectors a bar as high as their number, grouped and coloured
 * by category. One SVG text serves as the file `bargraph.svg` and inside the page.
 */

import { CATEGORY_COLORS, categoryColor } from './categories';
import { counted, Markup, markup } from './markup';
import type { LabelReport, LayerReport } from './types';

/** The chart's style sheet; the page names its hash in its security policy. */
export const BARGRAPH_STYLE = `
.bargraph { font: 11px system-ui, "Helvetica Neue", Arial, sans-serif; color: #1f2328; }
.bargraph text { fill: currentColor; }
.bargraph .card { fill: #fff; }
.bargraph .grid { stroke: #8a929b; stroke-opacity: .3; }
.bargraph .axis { stroke: #8a929b; }
.bargraph .title { font-size: 13px; font-weight: 600; }
.bargraph .quiet { fill-opacity: .75; }
@media (prefers-color-scheme: dark) {
  .bargraph { color: #e4e7eb; }
  .bargraph .card { fill: #1c2026; }
}
@media print {
  .bargraph { color: #000; }
  .bargraph .card { fill: none; }
}
`;

const MARGIN = 16;
const PLOT_HEIGHT = 180;
const MIN_WIDTH = 420;
/** Bars on one line; more go on below. */
const MOST_BARS = 45;
const GROUP_GAP = 10;
const LINE = 18;
const SLANT = Math.SQRT1_2;
const LONGEST_NAME = 28;
const LONGEST_TITLE = 64;

interface Group {
  cat: string;
  color: string;
  labels: LabelReport[];
  units: number;
}

/** The SVG of a layer's chart; `categories` are the report's, for the colours. Ends without a line feed. */
export function bargraph(layer: LayerReport, categories: readonly string[]): string {
  const groups = groupByCategory(layer.labels ?? [], categories);
  return (groups.length > 0 ? chart(layer, groups) : emptyChart(layer)).text;
}

function groupByCategory(labels: readonly LabelReport[], categories: readonly string[]): Group[] {
  return [...new Set(labels.map(({ cat }) => cat))].map(cat => {
    const own = labels.filter(label => label.cat === cat);
    const units = own.reduce((sum, label) => sum + label.units.length, 0);
    return { cat, color: CATEGORY_COLORS[categoryColor(cat, categories)], labels: own, units };
  });
}

function chart(layer: LayerReport, groups: readonly Group[]): Markup {
  const count = groups.reduce((sum, group) => sum + group.labels.length, 0);
  const lines = Math.ceil(count / MOST_BARS);
  const each = Math.ceil(count / lines);
  const step = Math.min(48, Math.max(LINE, Math.round(800 / each)));
  const all = groups.flatMap(({ labels, color }, group) => labels.map(label => ({ label, color, group })));
  const placed = Array.from({ length: lines }, (_, i) =>
    placeBars(all.slice(i * each, (i + 1) * each), step),
  );

  // A slanted name reaches to the left of its bar, beyond the axis where the bar is one of the first.
  const left = Math.max(44, ...placed.flat().map(({ x, slanted }) => MARGIN + slanted - x));
  const plotWidth = Math.max(
    ...placed.map(bars => bars[bars.length - 1].x + step / 2),
    MIN_WIDTH - left - MARGIN,
  );
  const width = Math.ceil(left + plotWidth + MARGIN);
  const key = legend(groups, width);
  const ticks = integerTicks(Math.max(...all.map(({ label }) => label.units.length)));
  let top = 52 + key.height;
  const drawn = placed.map(bars => {
    const line = drawLine(bars, { ticks, step, left, top, plotWidth });
    top += PLOT_HEIGHT + Math.max(...bars.map(({ slanted }) => slanted)) + 14 + MARGIN;
    return line;
  });
  return svg(layer, width, Math.ceil(top), describe(groups), markup`${key.svg}\n${drawn}`);
}

interface Frame {
  ticks: readonly number[];
  step: number;
  left: number;
  top: number;
  plotWidth: number;
}

/** Bars beside each other, over an axis of their own. */
function drawLine(bars: readonly Bar[], { ticks, step, left, top, plotWidth }: Frame): Markup {
  const bottom = top + PLOT_HEIGHT;
  const y = (value: number) => bottom - (value / ticks[ticks.length - 1]) * PLOT_HEIGHT;
  const thickness = round(step * 0.72);
  return markup`${ticks.map(
    tick => markup`<path class="${tick === 0 ? 'axis' : 'grid'}" d="M${round(left)} ${round(y(tick))}H${round(left + plotWidth)}"/>
<text x="${round(left - 6)}" y="${round(y(tick) + 4)}" text-anchor="end">${tick}</text>
`,
  )}<text class="quiet" text-anchor="middle" transform="translate(${round(left - 30)} ${round(bottom - PLOT_HEIGHT / 2)}) rotate(-90)">units</text>
${bars.map(({ x, label, color, name }) => {
  const units = label.units.length;
  const middle = round(left + x);
  return markup`<g><title>${label.label} (${label.cat}): ${counted(units, 'unit')}</title>
<rect x="${round(left + x - thickness / 2)}" y="${round(y(units))}" width="${thickness}" height="${round(bottom - y(units))}" fill="${color}"/>
<text x="${middle}" y="${round(y(units) - 4)}" text-anchor="middle">${units}</text>
<text transform="translate(${round(middle + 4)} ${round(bottom + 12)}) rotate(-45)" text-anchor="end">${name}</text></g>
`;
})}`;
}

function emptyChart(layer: LayerReport): Markup {
  const message = `No unit has an IoU over ${layer.iou_threshold} with any label.`;
  return svg(
    layer,
    MIN_WIDTH,
    88,
    message,
    markup`<text class="quiet" x="${MARGIN}" y="56">${message}</text>\n`,
  );
}

function svg(layer: LayerReport, width: number, height: number, desc: string, content: Markup): Markup {
  const title = `Units per label, ${shorten(layer.layer, LONGEST_TITLE)}`;
  return markup`<svg xmlns="http://www.w3.org/2000/svg" class="bargraph" role="img" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">
<title>${title}</title>
<desc>${desc}</desc>
<style>${new Markup(BARGRAPH_STYLE)}</style>
<rect class="card" width="${width}" height="${height}" rx="8"/>
<text class="title" x="${MARGIN}" y="26">${title}</text>
${content}</svg>`;
}

interface Bar {
  /** The bar's middle, from the axis. */
  x: number;
  label: LabelReport;
  color: string;
  /** What is drawn of the label's name, and how far it reaches to the left. */
  name: string;
  slanted: number;
}

function placeBars(
  labels: readonly { label: LabelReport; color: string; group: number }[],
  step: number,
): Bar[] {
  return labels.map(({ label, color, group }, i) => {
    const name = shorten(label.label, LONGEST_NAME);
    const x = (i + 0.5) * step + (group - labels[0].group + 1) * GROUP_GAP;
    return { label, color, x, name, slanted: textWidth(name) * SLANT };
  });
}

/** The categories with their colours and units, in as many lines as they need under the title. */
function legend(groups: readonly Group[], width: number): { svg: Markup[]; height: number } {
  let x = MARGIN;
  let y = 44;
  const items = groups.map(({ cat, color, units }) => {
    const name = shorten(cat, LONGEST_NAME);
    const needed = 16 + textWidth(`${name} ${units}`) + 16;
    if (x > MARGIN && x + needed > width - MARGIN) {
      x = MARGIN;
      y += LINE;
    }
    const item = markup`<rect x="${round(x)}" y="${y - 9}" width="11" height="11" rx="2" fill="${color}"/>
<text x="${round(x + 16)}" y="${y}">${name} <tspan class="quiet">${units}</tspan></text>
`;
    x += needed;
    return item;
  });
  return { svg: items, height: y - 44 + LINE };
}

function describe(groups: readonly Group[]): string {
  return groups
    .map(
      ({ cat, labels, units }) =>
        `${cat}, ${counted(units, 'unit')}: ${labels.map(({ label, units }) => `${label} ${units.length}`).join(', ')}.`,
    )
    .join(' ');
}

/** Whole numbers from 0 to at least `most`, in at most five steps of 1, 2 or 5 times a power of ten. */
export function integerTicks(most: number): number[] {
  let step = 1;
  for (let i = 0; most > 5 * step; i++) step *= i % 3 === 1 ? 2.5 : 2;
  return Array.from({ length: Math.ceil(most / step) + 1 }, (_, i) => i * step);
}

function shorten(text: string, longest: number): string {
  const characters = Array.from(text);
  return characters.length > longest ? `${characters.slice(0, longest - 1).join('')}…` : text;
}

/** About how wide a text is: the fonts differ from machine to machine, the file must not. */
function textWidth(text: string): number {
  return Array.from(text).reduce(
    (sum, character) => sum + (character.codePointAt(0)! > 0x2e7f ? 11.5 : 6.4),
    0,
  );
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
