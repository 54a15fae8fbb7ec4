/**
 * The page's script: it puts a view of one layer, of all concepts or of one unit in the place of the plain tables, which
 * remain for print and for readers without a script. What is chosen stands in the address.
 */

import { bars } from './bars';
import { card, cardMetrics, thumbRow } from './cards';
import { conceptIndex, conceptUnits } from './concepts';
import { type Chooser, thresholdControl, unitsToolbar, watchThreshold } from './controls';
import { csvOf, save } from './csv';
import { curve } from './curve';
import { counted, h } from './dom';
import { chanceAt, chosenUnits, found, type PageData, type PageLayer, sortedBy } from './model';
import { Pictures } from './pictures';
import { formatState, parseState, type State } from './state';
import { unitView, viewChoice } from './unit';
import { VirtualGrid } from './virtual';

const read = (id: string) => JSON.parse(document.getElementById(id)?.textContent || 'null');
const data = read('data') as PageData;
const pictures = new Pictures(data, new Map(Object.entries((read('files') as Record<string, string>) ?? {})));

let state: State = parseState(location.hash);
const layerOf = ({ layer }: State): PageLayer =>
  data.layers.find(own => own.layer === layer) ?? data.layers[0];
const threshold = () => state.threshold ?? data.threshold;
const view = () => pictures.views.find(([name]) => name === state.view)?.[0] ?? 'mask';
const category = () => {
  const place = data.categories.findIndex(({ name }) => name === state.of);
  return place < 0 ? undefined : place;
};
/** What belongs to a layer, and is left behind on the way to another. */
const AWAY: State = {
  page: undefined,
  concept: undefined,
  unit: undefined,
  label: undefined,
  category: undefined,
  find: undefined,
};
const address = (change: Partial<State>) => formatState({ ...state, ...change });

const tabs = h('nav', { class: 'tabs', 'aria-label': 'Layers' });
const content = h('div', { id: 'content', tabIndex: -1 });
const dialog = h('dialog', { 'aria-labelledby': 'unit-title' });
const cardsOf = (layer: PageLayer) => ({
  data,
  layer,
  pictures,
  threshold: threshold(),
  view: view(),
  category: category(),
  sorted: sortedBy(layer, data, state.sort),
  link: (unit: number) => address({ layer: layer.layer, unit, page: undefined, concept: undefined }),
});
const grid = new VirtualGrid(
  width => cardMetrics({ data, pictures }, width),
  (place, width) => {
    const context = cardsOf(layerOf(state));
    return {
      element: card(context, place),
      pictures: pictures.any ? () => thumbRow(context, place, width) : undefined,
    };
  },
);

/** Changes what is chosen. `push`: the way back leads here. */
function choose(change: Partial<State>, push = false): void {
  const before = state;
  state = { ...state, ...change };
  if (state.threshold === data.threshold) delete state.threshold;
  history[push ? 'pushState' : 'replaceState'](null, '', formatState(state));
  render(before);
}

/** Draws, keeping the focus on the control that has it. */
function render(before?: State): void {
  const { key } = (document.activeElement as HTMLElement | null)?.dataset ?? {};
  const within = dialog.open ? dialog : document;
  const apart = (own: State) =>
    // in the order of the address
    JSON.stringify(parseState(formatState({ ...own, layer: layerOf(own).layer, unit: undefined })));
  if (!before || apart(before) !== apart(state)) {
    renderTabs();
    const pageChanged =
      !before ||
      before.page !== state.page ||
      before.layer !== state.layer ||
      before.concept !== state.concept;
    if (state.page === 'concepts') renderConcepts(pageChanged);
    else renderLayer(pageChanged);
  }
  renderUnit(before);
  if (key)
    (within.querySelector(`[data-key="${CSS.escape(key)}"]`) as HTMLElement | null)?.focus({
      preventScroll: true,
    });
}

function renderTabs(): void {
  const current = state.page === 'concepts' ? undefined : layerOf(state).layer;
  const tab = (href: string, name: string, on: boolean, more?: string) =>
    h(
      'a',
      { href, 'data-key': `tab ${href}`, 'aria-current': on ? 'page' : undefined },
      h('span', { class: 'name' }, name),
      more && h('span', { class: 'quiet' }, ` ${more}`),
    );
  tabs.replaceChildren(
    ...data.layers.map(layer =>
      tab(
        address({ ...AWAY, layer: layer.layer }),
        layer.layer,
        layer.layer === current,
        data.labelled ? `${found(layer, threshold()).units}` : `${layer.units.length}`,
      ),
    ),
    ...(data.labelled
      ? [tab(address({ ...AWAY, page: 'concepts' }), 'Concepts', state.page === 'concepts')]
      : []),
  );
}

const controls = {
  status: h('output', { class: 'status quiet' }),
  summary: h('p', { class: 'summary' }),
  curve: h('div', { class: 'curve-of' }),
  bars: h('div', { class: 'bars-of' }),
  empty: h('p', { class: 'empty', hidden: true }),
  value: h('input', {
    type: 'number',
    min: '0',
    max: '1',
    step: '0.005',
    'aria-label': 'IoU threshold as a number',
    'data-key': 'threshold value',
  }),
  slider: h('input', {
    type: 'range',
    min: '0',
    max: '0.3',
    step: '0.005',
    'aria-label': 'IoU threshold',
    'data-key': 'threshold',
  }),
};
watchThreshold(controls, value => choose({ threshold: value }));
const chooser = (): Chooser => ({ data, pictures, state, view: view(), choose });
const thresholdOf = () => thresholdControl(controls, data.threshold, () => choose({ threshold: undefined }));

function renderLayer(pageChanged: boolean): void {
  const layer = layerOf(state);
  const saveShown = () => {
    const name = layer.layer.replace(/[^\p{L}\p{N}._-]+/gu, '_');
    save(`${name}.csv`, csvOf(data, layer, grid.keys, threshold()));
  };
  const bar = () => unitsToolbar(chooser(), layer, saveShown, controls.status);
  if (pageChanged || !content.contains(grid.element)) {
    content.replaceChildren(
      h('h2', { class: 'name' }, layer.layer),
      controls.summary,
      h('p', { class: 'quiet' }, layer.about),
      ...(data.labelled
        ? [h('div', { class: 'chart' }, h('div', {}, thresholdOf(), controls.curve), controls.bars)]
        : []),
      bar(),
      controls.empty,
      grid.element,
    );
  } else if (document.activeElement?.getAttribute('data-key') !== 'find')
    content.querySelector('.toolbar')!.replaceWith(bar());
  renderFound(layer);
  const places = chosenUnits(layer, data, state, threshold());
  grid.show(places);
  controls.status.textContent = `${places.length} of ${counted(layer.units.length, 'unit')}`;
  controls.empty.hidden = places.length > 0;
  controls.empty.replaceChildren(
    'No unit is like this. ',
    h(
      'button',
      {
        type: 'button',
        onclick: () => choose({ category: undefined, label: undefined, find: undefined, only: undefined }),
      },
      'Show all units',
    ),
  );
}

function renderFound(layer: PageLayer): void {
  if (!data.labelled) {
    controls.summary.replaceChildren(counted(layer.units.length, 'unit'));
    return;
  }
  const at = threshold();
  const now = found(layer, at);
  const chance = chanceAt(layer, at, data.threshold);
  controls.summary.replaceChildren(
    h('b', {}, String(now.units)),
    ` of ${counted(layer.units.length, 'unit')} found (${((100 * now.units) / Math.max(1, layer.units.length)).toFixed(1)} %)`,
    ...(chance ? [h('span', { class: 'quiet' }, `, ${chance} expected by chance`)] : []),
    `, ${counted(now.labels.length, 'concept')}`,
  );
  controls.slider.value = String(at);
  if (document.activeElement !== controls.value) controls.value.value = String(at);
  controls.curve.replaceChildren(...[curve(layer, [[at, 'at']])].filter(part => part !== null));
  controls.bars.replaceChildren(bars(data, now, state, change => choose(change)));
}

function renderConcepts(pageChanged: boolean): void {
  const context = {
    data,
    threshold: threshold(),
    link: (change: Partial<State>) => address({ ...AWAY, layer: undefined, ...change }),
    cards: cardsOf,
  };
  const find = content.querySelector('[data-key="concept"]') as HTMLInputElement | null;
  if (pageChanged || !find) {
    const text: HTMLInputElement = h('input', {
      type: 'search',
      'data-key': 'concept',
      value: state.find ?? '',
      'aria-label': 'Find a concept',
      oninput: () => choose({ find: text.value || undefined }),
    });
    content.replaceChildren(
      h('h2', {}, 'Concepts'),
      h(
        'div',
        { class: 'toolbar' },
        thresholdOf(),
        h('label', {}, 'Find ', text),
        pictures.any &&
          state.concept !== undefined &&
          viewChoice(pictures, view(), chosen => choose({ view: chosen })),
      ),
      h('div', { class: 'index' }),
    );
  }
  controls.slider.value = String(threshold());
  if (document.activeElement !== controls.value) controls.value.value = String(threshold());
  content
    .querySelector('.index')!
    .replaceChildren(
      state.concept === undefined
        ? conceptIndex(context, state.find ?? '')
        : conceptUnits(context, state.concept),
    );
}

/** Opens, changes or closes the large view of a unit. */
function renderUnit(before?: State): void {
  const layer = layerOf(state);
  const place = layer.units.findIndex(({ unit }) => unit === state.unit);
  if (state.unit === undefined || place < 0) {
    if (dialog.open) dialog.close();
    if (before?.unit !== undefined)
      grid.reveal(
        layer.units.findIndex(({ unit }) => unit === before.unit),
        true,
      );
    return;
  }
  const keys = state.page === 'concepts' || grid.keys.length === 0 ? [place] : grid.keys;
  const at = keys.indexOf(place);
  const go = (to: number) =>
    keys[to] === undefined ? undefined : () => choose({ unit: layer.units[keys[to]].unit });
  dialog.replaceChildren(
    ...unitView(
      { data, layer, pictures, threshold: threshold(), view: view(), of: state.of },
      layer.units[place],
      at < 0 ? 'not among the units shown' : `${at + 1} of ${keys.length}`,
      {
        previous: at < 0 ? undefined : go(at - 1),
        next: go(at + 1),
        close: () => choose({ unit: undefined }),
        look: choose,
      },
    ),
  );
  if (!dialog.open) {
    dialog.showModal();
    dialog.scrollTop = 0;
  } else if (before?.unit !== state.unit) dialog.scrollTop = 0;
}

dialog.addEventListener('cancel', event => {
  event.preventDefault();
  choose({ unit: undefined });
});
dialog.addEventListener('keydown', event => {
  if ((event.target as Element).closest('select, input') || event.altKey || event.ctrlKey || event.metaKey)
    return;
  const key = { ArrowLeft: 'previous', ArrowRight: 'next' }[event.key];
  const button = key && (dialog.querySelector(`[data-key="${key}"]`) as HTMLButtonElement | null);
  if (!button) return;
  event.preventDefault();
  button.click();
});
// A link leads to a state of the page: no jump, and the way back stays.
document.addEventListener('click', event => {
  const target = event.target as Element;
  const link =
    target.closest<HTMLAnchorElement>('a[href^="#"]') ??
    target.closest('.card')?.querySelector<HTMLAnchorElement>('a.open');
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  if (link.classList.contains('skip')) return content.focus();
  const before = state;
  state = parseState(link.hash);
  history.pushState(null, '', formatState(state));
  render(before);
});
for (const name of ['popstate', 'hashchange'])
  addEventListener(name, () => {
    const next = parseState(location.hash);
    if (JSON.stringify(next) === JSON.stringify(state)) return;
    const before = state;
    state = next;
    render(before);
  });

/** The plain tables are elements while they are needed: so many would slow down all else. */
const plain = document.getElementById('plain')!;
const tables = plain.firstElementChild!;
const showTables = (on: boolean) => {
  if (!on) {
    if (document.documentElement.classList.contains('live')) plain.replaceChildren(tables);
  } else if (plain.firstElementChild === tables) plain.innerHTML = tables.textContent!;
};
addEventListener('beforeprint', () => showTables(true));
addEventListener('afterprint', () => showTables(false));
matchMedia('print').addEventListener('change', ({ matches }) => showTables(matches));

document.getElementById('app')!.append(tabs, content);
document.body.append(dialog);
// In a task of its own: reading the data was one.
setTimeout(() => {
  try {
    render();
  } catch (error) {
    document.documentElement.classList.remove('live');
    showTables(true);
    throw error;
  }
});
