/** A unit as a card: what it is, and its first images. */

import { counted, digits, h } from './dom';
import { best, DOUBTFUL, isDetector, type PageData, type PageLayer, type PageUnit, topOf } from './model';
import type { Pictures } from './pictures';
import type { Metrics } from './virtual';

const THUMB = 84;
const PADDING = 12;
const GAP = 4;

export interface CardContext {
  data: PageData;
  layer: PageLayer;
  pictures: Pictures;
  threshold: number;
  view: string;
  /** The category of labels shown; by default the first of the unit's own. */
  category?: number;
  /** A label whose IoU is shown, and its IoUs with all units. */
  sorted?: { label: number; iou: number[] };
  link: (unit: number) => string;
}

export const rem = () => Number.parseFloat(getComputedStyle(document.documentElement).fontSize);

/** Images that a card so wide shows. */
const thumbs = (width: number) => Math.max(3, Math.floor((width - 2 * PADDING) / THUMB));

/** How cards lie in a grid so wide. */
export function cardMetrics(
  { data, pictures }: Pick<CardContext, 'data' | 'pictures'>,
  width: number,
): Metrics {
  const gap = 10;
  const least = pictures.any ? 23 * rem() : 15 * rem();
  const columns = Math.max(1, Math.floor((width + gap) / (least + gap)));
  const card = (width - gap * (columns - 1)) / columns;
  const [rows, columnsOf] = data.image ?? [1, 1];
  const count = thumbs(card);
  const thumb = (card - 2 * PADDING - 2 - GAP * (count - 1)) / count;
  const head = (data.labelled ? 4.1 : 2.9) * rem();
  return {
    columns,
    gap,
    rowHeight: Math.ceil(head + 2 * PADDING + (pictures.any ? (thumb * rows) / columnsOf : 0)),
  };
}

export function dot(data: PageData, category: number): HTMLElement {
  const { name, color } = data.categories[category] ?? { name: '', color: 0 };
  return h('span', { class: `dot c${color} name` }, name);
}

/** `0.523` with its interval. */
export function iouText(iou: number, low: number | null, high: number | null): HTMLElement {
  return h(
    'span',
    { class: 'iou' },
    h('b', {}, iou.toFixed(3)),
    low !== null && high !== null && h('span', { class: 'quiet' }, ` ${low.toFixed(2)}–${high.toFixed(2)}`),
  );
}

export function doubt(unit: PageUnit): HTMLElement | null {
  if (unit.q === undefined || unit.q <= DOUBTFUL) return null;
  const title = `at a threshold under this IoU ${(100 * unit.q).toFixed(0)} % of the units would be expected by chance`;
  return h('span', { class: 'doubt', title }, `by chance? q ${Number(unit.q.toPrecision(2))}`);
}

/** A card but for its pictures, which `thumbRow` makes. */
export function card(context: CardContext, place: number): HTMLElement {
  const { data, layer, threshold } = context;
  const unit = layer.units[place];
  const own = best(unit);
  const detector = isDetector(unit, threshold);
  const link = h('a', { class: 'open', href: context.link(unit.unit) }, `Unit ${unit.unit}`);
  const label = own && data.labels[own[0]];
  return h(
    'li',
    { class: detector || !data.labelled ? 'card' : 'card weak', 'data-unit': unit.unit },
    h(
      'p',
      { class: 'line' },
      link,
      data.labelled &&
        (label
          ? h(
              'span',
              { class: 'what', title: `${label[1]} (${data.categories[label[2]]?.name ?? ''})` },
              h('b', { class: 'name' }, label[1]),
              ' ',
              dot(data, label[2]),
            )
          : h('span', { class: 'quiet' }, 'no label')),
    ),
    data.labelled && h('p', { class: 'line' }, ...scoreLine(context, unit, place, detector)),
    h(
      'p',
      { class: 'line quiet' },
      `level ${digits(unit.level)}`,
      unit.top.length > 0 && ` · strongest ${digits(unit.top[1])}`,
    ),
  );
}

function scoreLine(
  context: CardContext,
  unit: PageUnit,
  place: number,
  detector: boolean,
): (Node | string | null)[] {
  const { data, sorted } = context;
  const own = best(unit);
  const line: (Node | string | null)[] = ['IoU ', iouText(own?.[1] ?? 0, own?.[2] ?? null, own?.[3] ?? null)];
  if (sorted && sorted.label !== own?.[0])
    line.push(
      h(
        'span',
        { class: 'with' },
        ` · with ${data.labels[sorted.label][1]} `,
        h('b', {}, sorted.iou[place].toFixed(3)),
      ),
    );
  line.push(' ', detector ? doubt(unit) : h('span', { class: 'quiet' }, 'no detector'));
  return line;
}

/** The first images of a unit, in a card so wide. */
export function thumbRow(context: CardContext, place: number, width: number): HTMLElement {
  const { layer, pictures, view } = context;
  const unit = layer.units[place];
  const room = thumbs(width);
  const all = topOf(unit);
  const shown = all.slice(0, room);
  const category = context.category ?? pictures.categories([unit])[0];
  const row = h('span', { class: 'thumbs' });
  row.style.setProperty('--count', String(room));
  for (const rank of shown.keys()) row.append(pictures.picture(layer, unit, rank, view, category));
  const more = all.length - shown.length;
  if (more > 0)
    row.lastElementChild?.append(
      h('span', { class: 'more', title: counted(more, 'more image') }, `+${more}`),
    );
  return row;
}
