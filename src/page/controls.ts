/** The controls above the units: what is chosen of them, and how they look. */

import { h } from './dom';
import { type PageData, type PageLayer, sortKeys } from './model';
import type { Pictures } from './pictures';
import type { State } from './state';
import { viewChoice } from './unit';

export interface Chooser {
  data: PageData;
  pictures: Pictures;
  state: State;
  view: string;
  choose: (change: Partial<State>) => void;
}

export interface ThresholdInputs {
  value: HTMLInputElement;
  slider: HTMLInputElement;
}

/** Tells of a new threshold once for each frame. */
export function watchThreshold(
  { value, slider }: ThresholdInputs,
  choose: (threshold: number) => void,
): void {
  let frame = 0;
  for (const input of [value, slider])
    input.addEventListener('input', () => {
      const given = Number(input.value);
      if (input.value === '' || !(given >= 0 && given <= 1)) return;
      cancelAnimationFrame(frame);
      frame = requestAnimationFrame(() => choose(given));
    });
}

/** @param own the run's own threshold */
export function thresholdControl(
  { value, slider }: ThresholdInputs,
  own: number,
  reset: () => void,
): HTMLElement {
  return h(
    'span',
    { class: 'threshold' },
    h('span', {}, 'IoU over '),
    slider,
    value,
    h(
      'button',
      {
        type: 'button',
        'data-key': 'reset',
        title: `The run's own, ${own}`,
        onclick: reset,
      },
      'reset',
    ),
  );
}

function select(
  key: string,
  text: string,
  options: [value: string, text: string][],
  value: string,
  change: (value: string) => void,
): HTMLElement {
  return h(
    'label',
    {},
    `${text} `,
    h(
      'select',
      { 'data-key': key, onchange: (event: Event) => change((event.target as HTMLSelectElement).value) },
      ...options.map(([own, shown]) => h('option', { value: own, selected: own === value }, shown)),
    ),
  );
}

/** @param saveShown saves what is shown as CSV */
export function unitsToolbar(
  { data, pictures, state, view, choose }: Chooser,
  layer: PageLayer,
  saveShown: () => void,
  status: HTMLElement,
): HTMLElement {
  const sorts = sortKeys(layer, data);
  const present = new Set(
    layer.units.flatMap(({ labels }) => (labels?.[0] ? [data.labels[labels[0][0]][2]] : [])),
  );
  const categories = data.categories.filter((_, place) => present.has(place));
  const labels = layer.ranked.map(label => data.labels[label]);
  const text = h('input', {
    type: 'search',
    'data-key': 'find',
    value: state.find ?? '',
    placeholder: data.labelled ? 'label or unit' : 'unit number',
    'aria-label': 'Find',
    oninput: () => choose({ find: text.value || undefined }),
  });
  return h(
    'div',
    { class: 'toolbar', role: 'group', 'aria-label': 'Units' },
    h(
      'label',
      {},
      'Sort ',
      h(
        'select',
        {
          'data-key': 'sort',
          onchange: (event: Event) => choose({ sort: (event.target as HTMLSelectElement).value }),
        },
        ...sorts.map(([key, shown], i) =>
          h('option', { value: key, selected: key === state.sort || (i === 0 && !state.sort) }, shown),
        ),
        labels.length > 0 &&
          (() => {
            const group = h('optgroup', { label: 'IoU with' });
            group.append(
              ...labels.map(([number, name, at]) =>
                h(
                  'option',
                  { value: `iou-${number}`, selected: state.sort === `iou-${number}` },
                  `${name} (${data.categories[at]?.name})`,
                ),
              ),
            );
            return group;
          })(),
      ),
    ),
    categories.length > 0 &&
      select(
        'category',
        'Category',
        [['', 'all'], ...categories.map(({ name }): [string, string] => [name, name])],
        state.category ?? '',
        value => choose({ category: value || undefined }),
      ),
    h('label', {}, 'Find ', text),
    data.labelled &&
      h(
        'button',
        {
          type: 'button',
          'data-key': 'only',
          'aria-pressed': state.only === true,
          onclick: () => choose({ only: !state.only || undefined }),
        },
        'detectors only',
      ),
    pictures.any && viewChoice(pictures, view, chosen => choose({ view: chosen })),
    view === 'labels' &&
      pictures.any &&
      data.pictures?.images &&
      select(
        'of',
        'of',
        [['', 'the unit’s category'], ...data.categories.map(({ name }): [string, string] => [name, name])],
        state.of ?? '',
        value => choose({ of: value || undefined }),
      ),
    h('button', { type: 'button', 'data-key': 'csv', onclick: saveShown }, 'CSV'),
    status,
  );
}
