/** The concept index: which units of which layers detect what, side by side. */

import { type CardContext, card, dot, thumbRow } from './cards';
import { h } from './dom';
import { best, found, iouOf, type PageData, type PageLayer } from './model';

export interface ConceptsContext {
  data: PageData;
  threshold: number;
  /** The address of a concept's units, and of one layer's. */
  link: (change: { page?: string; concept?: number; layer?: string; label?: number }) => string;
  cards: (layer: PageLayer) => CardContext;
}

/** How many units of a layer stand side by side with others'. */
const SIDE_BY_SIDE = 12;

export function conceptIndex({ data, threshold, link }: ConceptsContext, text: string): HTMLElement {
  const layers = data.layers.map(layer => ({
    layer,
    byLabel: new Map(found(layer, threshold).labels.map(entry => [entry.label, entry])),
  }));
  const present = [...new Set(layers.flatMap(({ byLabel }) => [...byLabel.keys()]))];
  const units = (label: number) =>
    layers.reduce((sum, { byLabel }) => sum + (byLabel.get(label)?.units.length ?? 0), 0);
  const wanted = text.trim().toLowerCase();
  const rows = present
    .filter(label =>
      `${data.labels[label][1]} ${data.categories[data.labels[label][2]]?.name}`
        .toLowerCase()
        .includes(wanted),
    )
    .map(label => ({ label, units: units(label) }))
    .sort((a, b) => b.units - a.units || (data.labels[a.label][1] < data.labels[b.label][1] ? -1 : 1));
  if (rows.length === 0)
    return h('p', {}, 'No concept is found here. Lower the threshold, or look for another text.');
  return h(
    'div',
    { class: 'scroll', tabIndex: 0, role: 'region', 'aria-label': 'Concepts by layer' },
    h(
      'table',
      { class: 'concepts' },
      h(
        'thead',
        {},
        h(
          'tr',
          {},
          h('th', { scope: 'col' }, 'Concept'),
          h('th', { scope: 'col', class: 'number' }, 'Units'),
          ...data.layers.map(layer => h('th', { scope: 'col', class: 'name' }, layer.layer)),
        ),
      ),
      h(
        'tbody',
        {},
        ...rows.map(({ label, units }) => {
          const [number, name, category] = data.labels[label];
          return h(
            'tr',
            {},
            h(
              'th',
              { scope: 'row' },
              h('a', { class: 'name', href: link({ page: 'concepts', concept: number }) }, name),
              ' ',
              dot(data, category),
            ),
            h('td', { class: 'number' }, units),
            ...layers.map(({ layer, byLabel }) => {
              const entry = byLabel.get(label);
              return h(
                'td',
                {},
                entry && [
                  h('a', { href: link({ layer: layer.layer, label: number }) }, `${entry.units.length}`),
                  h('span', { class: 'quiet' }, ` best ${entry.iou.toFixed(3)}`),
                ],
              );
            }),
          );
        }),
      ),
    ),
  );
}

/** The units of every layer that detect a concept, a column for each layer. */
export function conceptUnits(context: ConceptsContext, number: number): HTMLElement {
  const { data, threshold, link } = context;
  const label = data.labels.findIndex(([own]) => own === number);
  if (label < 0)
    return h(
      'p',
      {},
      'There is no such concept. ',
      h('a', { href: link({ page: 'concepts' }) }, 'All concepts'),
    );
  const [, name, category] = data.labels[label];
  const columns = data.layers.map(layer => {
    const cards = context.cards(layer);
    const places = [...layer.units.keys()]
      .filter(place => best(layer.units[place])?.[0] === label && iouOf(layer.units[place]) > threshold)
      .sort((a, b) => iouOf(layer.units[b]) - iouOf(layer.units[a]) || a - b);
    const rem = Number.parseFloat(getComputedStyle(document.documentElement).fontSize);
    const width = Math.min(24 * rem, 0.84 * innerWidth);
    const list = h(
      'ul',
      { class: 'column', role: 'list' },
      ...places.slice(0, SIDE_BY_SIDE).map(place => {
        const item = card(cards, place);
        if (cards.pictures.any) item.append(thumbRow(cards, place, width));
        return item;
      }),
    );
    return h(
      'section',
      {},
      h('h3', { class: 'name' }, layer.layer),
      places.length === 0 ? h('p', { class: 'quiet' }, 'none') : list,
      places.length > SIDE_BY_SIDE &&
        h('p', {}, h('a', { href: link({ layer: layer.layer, label: number }) }, `all ${places.length}`)),
    );
  });
  return h(
    'div',
    {},
    h('p', {}, h('a', { href: link({ page: 'concepts' }) }, '← all concepts')),
    h('h2', {}, h('span', { class: 'name' }, name), ' ', dot(data, category)),
    h('div', { class: 'columns' }, ...columns),
  );
}
