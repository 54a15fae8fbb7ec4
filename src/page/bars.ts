/** The chart: a bar for each label with detectors, which filters the units when it is pressed. */

import { dot } from './cards';
import { counted, h } from './dom';
import type { Found, PageData } from './model';
import type { State } from './state';

export function bars(
  data: PageData,
  { labels }: Found,
  state: State,
  choose: (change: Partial<State>) => void,
): HTMLElement {
  const most = Math.max(1, ...labels.map(({ units }) => units.length));
  const groups = data.categories.flatMap((category, place) => {
    const own = labels.filter(({ label }) => data.labels[label][2] === place);
    if (own.length === 0) return [];
    const units = own.reduce((sum, entry) => sum + entry.units.length, 0);
    const chosen = state.category === category.name;
    const head = h(
      'button',
      {
        type: 'button',
        class: 'head',
        'data-key': `category ${category.name}`,
        'aria-pressed': chosen,
        title: `${chosen ? 'All' : 'Only'} ${chosen ? 'categories' : category.name}`,
        onclick: () => choose({ category: chosen ? undefined : category.name, label: undefined }),
      },
      dot(data, place),
      h('span', { class: 'quiet' }, ` ${counted(own.length, 'label')}, ${counted(units, 'unit')}`),
    );
    const rows = own.map(entry => {
      const [number, name] = data.labels[entry.label];
      const pressed = state.label === number;
      const bar = h('span', { class: `bar c${category.color}` });
      bar.style.setProperty('--part', String(entry.units.length / most));
      return h(
        'li',
        {},
        h(
          'button',
          {
            type: 'button',
            class: 'row',
            'data-key': `label ${number}`,
            'aria-pressed': pressed,
            title: `${name} (${category.name}): ${counted(entry.units.length, 'unit')}, best IoU ${entry.iou.toFixed(3)}`,
            onclick: () => choose({ label: pressed ? undefined : number, category: undefined }),
          },
          h('span', { class: 'name' }, name),
          h('span', { class: 'track' }, bar),
          h('span', { class: 'number' }, entry.units.length),
        ),
      );
    });
    return h('div', { class: 'group' }, head, h('ul', { role: 'list' }, ...rows));
  });
  if (groups.length === 0) return h('p', { class: 'quiet' }, 'No unit is over the threshold with any label.');
  return h(
    'div',
    { class: 'bars', role: 'group', 'aria-label': 'Units by label; press one to see its units alone' },
    h('div', { class: 'groups' }, ...groups),
  );
}
