/** A unit, large: its images one by one, the legend of their labels, and all that is known of it. */

import { labelColor, labelColorIndex } from '../report/looks';
import { dot, doubt, iouText } from './cards';
import { curve, levelCurve } from './curve';
import { digits, h } from './dom';
import { best, type PageData, type PageLayer, type PageUnit, topOf } from './model';
import type { Pictures } from './pictures';

export interface UnitContext {
  data: PageData;
  layer: PageLayer;
  pictures: Pictures;
  threshold: number;
  view: string;
  /** The name of the category of labels that is chosen. */
  of?: string;
}

export interface Steps {
  previous?: () => void;
  next?: () => void;
  close: () => void;
  look: (change: { view?: string; of?: string }) => void;
}

/** The contents of the dialog. */
export function unitView(context: UnitContext, unit: PageUnit, place: string, steps: Steps): HTMLElement[] {
  const { data, layer, pictures } = context;
  const own = best(unit);
  const label = own && data.labels[own[0]];
  const button = (key: string, text: string, title: string, action?: () => void) =>
    h(
      'button',
      { type: 'button', 'data-key': key, title, 'aria-label': title, disabled: !action, onclick: action },
      text,
    );
  const categories = pictures.categories([unit]);
  const category = categories.find(at => data.categories[at].name === context.of) ?? categories[0];
  return [
    h(
      'div',
      { class: 'dialog-head' },
      h('h2', { id: 'unit-title' }, `Unit ${unit.unit} `, h('span', { class: 'quiet name' }, layer.layer)),
      h('span', { class: 'quiet' }, place),
      h(
        'span',
        { class: 'steps' },
        button('previous', '←', 'Previous unit (left arrow)', steps.previous),
        button('next', '→', 'Next unit (right arrow)', steps.next),
        button('close', '×', 'Close (Escape)', steps.close),
      ),
    ),
    h(
      'div',
      { class: 'facts' },
      h(
        'div',
        {},
        data.labelled &&
          h(
            'p',
            { class: 'answer' },
            label ? [h('b', { class: 'name' }, label[1]), ' ', dot(data, label[2])] : 'no label',
          ),
        data.labelled &&
          h('p', {}, 'IoU ', iouText(own?.[1] ?? 0, own?.[2] ?? null, own?.[3] ?? null), ' ', doubt(unit)),
        unit.formula &&
          h(
            'p',
            {},
            'Formula ',
            h('b', { class: 'name' }, unit.formula.text),
            ' ',
            iouText(unit.formula.iou, unit.formula.low ?? null, unit.formula.high ?? null),
            h('span', { class: 'quiet' }, `, ${unit.formula.gain.toFixed(3)} over its best label`),
          ),
        h(
          'p',
          { class: 'quiet' },
          `Level ${digits(unit.level)}`,
          unit.q !== undefined && `; q ${Number(unit.q.toPrecision(2))}`,
          unit.set !== undefined &&
            (unit.set === null
              ? '; too few images to decide its label'
              : unit.set === 1
                ? '; its label is decided'
                : `; ${unit.set} labels may be the best with other images`),
        ),
      ),
      data.labelled && (unit.labels?.length ?? 0) > 0 && labelTable(data, unit),
      data.labelled &&
        h(
          'figure',
          {},
          curve(layer, [
            [context.threshold, 'at'],
            [own?.[1] ?? 0, 'own'],
          ]) as unknown as HTMLElement | null,
          layer.thresholds.length > 0 &&
            h('figcaption', { class: 'quiet' }, 'The layer by threshold; this unit’s IoU is marked'),
        ),
      unit.smaller &&
        layer.quantiles &&
        h(
          'figure',
          {},
          levelCurve(
            layer.quantiles,
            [own![1], ...unit.smaller],
            context.threshold,
          ) as unknown as HTMLElement,
          h(
            'figcaption',
            { class: 'quiet' },
            'The IoU with ',
            h('span', { class: 'name' }, label![1]),
            ' by the part of activations over the level',
          ),
        ),
    ),
    pictures.any && looks(context, category, categories, steps),
    ...(pictures.any ? [images(context, unit, category)] : [fileList(data, unit)]),
    pictures.any && context.view === 'labels' && category !== undefined && legend(data, [unit], category),
  ].filter(part => part instanceof HTMLElement) as HTMLElement[];
}

function labelTable(data: PageData, unit: PageUnit): HTMLElement {
  const cell = (value: number | null | undefined) =>
    h('td', { class: 'number' }, typeof value === 'number' ? value.toFixed(3) : '');
  const intervals = unit.labels!.some(([, , low]) => low !== null);
  return h(
    'div',
    { class: 'scroll', tabIndex: 0, role: 'region', 'aria-label': 'Best labels' },
    h(
      'table',
      {},
      h(
        'thead',
        {},
        h(
          'tr',
          {},
          ...['Label', 'IoU', ...(intervals ? ['95 % interval'] : []), 'Precision', 'Recall'].map((text, i) =>
            h('th', { scope: 'col', class: i > 0 ? 'number' : '' }, text),
          ),
        ),
      ),
      h(
        'tbody',
        {},
        ...unit.labels!.map(([label, iou, low, high, precision, recall]) =>
          h(
            'tr',
            {},
            h(
              'td',
              {},
              h('span', { class: 'name' }, data.labels[label][1]),
              ' ',
              dot(data, data.labels[label][2]),
            ),
            cell(iou),
            intervals &&
              h('td', { class: 'number' }, low === null ? '' : `${low.toFixed(3)}–${high!.toFixed(3)}`),
            cell(precision),
            cell(recall),
          ),
        ),
      ),
    ),
  );
}

/** Which pictures, and of labels which category: one at a time, so that none covers another. */
function looks(
  { data, pictures, view }: UnitContext,
  category: number | undefined,
  categories: number[],
  { look }: Steps,
): HTMLElement {
  return h(
    'div',
    { class: 'toolbar' },
    viewChoice(pictures, view, chosen => look({ view: chosen })),
    view === 'labels' &&
      categories.length > 0 &&
      h(
        'label',
        {},
        'of ',
        h(
          'select',
          {
            'data-key': 'of',
            onchange: (event: Event) => look({ of: (event.target as HTMLSelectElement).value }),
          },
          ...categories.map(at =>
            h(
              'option',
              { value: data.categories[at].name, selected: at === category },
              data.categories[at].name,
            ),
          ),
        ),
      ),
  );
}

export function viewChoice(pictures: Pictures, view: string, choose: (view: string) => void): HTMLElement {
  return h(
    'span',
    { class: 'choice', role: 'group', 'aria-label': 'Pictures' },
    ...pictures.views.map(([name, text]) =>
      h(
        'button',
        {
          type: 'button',
          'data-key': `view ${name}`,
          'aria-pressed': name === view,
          onclick: () => choose(name),
        },
        text,
      ),
    ),
  );
}

function images(
  { data, layer, pictures, view }: UnitContext,
  unit: PageUnit,
  category?: number,
): HTMLElement {
  const list = h('ol', { class: 'images', role: 'list' });
  for (const [rank, [imgnum, maxact]] of topOf(unit).entries()) {
    const file = data.images[imgnum]?.file;
    const picture = pictures.picture(layer, unit, rank, view, category);
    picture.setAttribute('role', 'img');
    const name = file ?? `image ${imgnum}`;
    picture.setAttribute(
      'aria-label',
      `${name}, ${{ mask: 'dark outside the mask', plain: 'plain', labels: 'with labels' }[view] ?? ''}`,
    );
    list.append(
      h(
        'li',
        {},
        picture,
        h(
          'p',
          { class: 'caption' },
          h('b', {}, digits(maxact)),
          ' ',
          h('span', { class: 'quiet name' }, name),
        ),
      ),
    );
  }
  return list;
}

function fileList(data: PageData, unit: PageUnit): HTMLElement {
  return h(
    'ol',
    {},
    ...topOf(unit).map(([imgnum, maxact]) =>
      h(
        'li',
        {},
        h('b', {}, digits(maxact)),
        ' ',
        h('span', { class: 'quiet name' }, data.images[imgnum]?.file ?? `image ${imgnum}`),
      ),
    ),
  );
}

/** The colours of the labels that are really in view. */
export function legend(data: PageData, units: readonly PageUnit[], category: number): HTMLElement {
  const present = new Set(
    units.flatMap(unit => topOf(unit).flatMap(([imgnum]) => data.images[imgnum]?.labels ?? [])),
  );
  const own = [...present].filter(label => data.labels[label]?.[2] === category);
  own.sort((a, b) => (data.labels[a][1] < data.labels[b][1] ? -1 : 1));
  return h(
    'ul',
    { class: 'legend', role: 'list', 'aria-label': 'Labels in these images' },
    ...own.map(label => {
      const [number, name] = data.labels[label];
      const swatch = h('span', { class: 'swatch' });
      swatch.style.setProperty('--color', `rgb(${labelColor(labelColorIndex(number)).join(' ')})`);
      return h('li', {}, swatch, h('span', { class: 'name' }, name));
    }),
  );
}
