/**
 * The page's script, as it is written into the page: it sorts and filters the units of a layer by moving
 * and hiding the articles that are there, and changes the pictures shown. Without it the page is complete
 * and its toolbars stay hidden. It reads the rankings, `[{SORT: [unit, ...]}, ...]` by layer, from
 * `#rankings`. Its hash stands in the page's security policy, so that nothing in it may come from a report.
 */

export const PAGE_SCRIPT = `
'use strict';
const rankings = JSON.parse(document.getElementById('rankings').textContent);

/** The files that a view shows: one below, and perhaps one laid over it. */
const VIEWS = {
  top: ['top.jpg'],
  orig: ['orig.jpg'],
  seg: ['seg.png'],
  mask: ['orig.jpg', 'mask.png'],
};

function showStrip(strip, view) {
  const [below, over] = VIEWS[view];
  const image = strip.querySelector('img');
  strip.querySelector('.over')?.remove();
  image.src = strip.dataset.src + below;
  if (!over) return;
  const layer = image.cloneNode();
  layer.className = 'over';
  layer.alt = '';
  layer.src = strip.dataset.src + over;
  strip.querySelector('.stack').append(layer);
}

function press(buttons, pressed) {
  for (const button of buttons) button.setAttribute('aria-pressed', String(button === pressed));
}

function setUp(section, orders) {
  const list = section.querySelector('.units');
  const articles = new Map(Array.from(list.children, article => [Number(article.dataset.unit), article]));
  const [sort, category, label, text, only, status] = ['sort', 'category', 'label', 'text', 'only', 'status'].map(
    name => section.querySelector('.' + name),
  );
  const views = section.querySelectorAll('[data-view]');

  function reorder() {
    list.append(...orders[sort.value].map(unit => articles.get(unit)));
  }

  function wanted({ dataset }) {
    return (
      (!category?.value || dataset.cat === category.value) &&
      (!label?.value || dataset.labelnum === label.value) &&
      (only?.getAttribute('aria-pressed') !== 'true' || 'interp' in dataset) &&
      (dataset.unit === text.value.trim() || dataset.text.toLowerCase().includes(text.value.trim().toLowerCase()))
    );
  }

  function filter() {
    let shown = 0;
    for (const article of articles.values()) {
      article.hidden = !wanted(article);
      if (!article.hidden) shown++;
    }
    status.textContent = shown + ' of ' + articles.size + ' units';
  }

  function unfilter() {
    for (const control of [category, label, text]) if (control) control.value = '';
    only?.setAttribute('aria-pressed', 'false');
    filter();
  }

  function remember(unit) {
    const parts = { layer: section.dataset.layer, sort: sort.value, ...unit };
    const hash = Object.entries(parts).map(([key, value]) => key + '=' + encodeURIComponent(value));
    history.replaceState(null, '', '#' + hash.join('&'));
  }

  sort.addEventListener('change', () => {
    reorder();
    remember();
  });
  category?.addEventListener('change', filter);
  label?.addEventListener('change', filter);
  text.addEventListener('input', filter);
  only?.addEventListener('click', () => {
    press([only], only.getAttribute('aria-pressed') === 'true' ? null : only);
    filter();
  });
  for (const button of views) {
    button.addEventListener('click', () => {
      press(views, button);
      for (const strip of list.querySelectorAll('.strip')) showStrip(strip, button.dataset.view);
    });
  }

  // A reloaded page keeps what was chosen, as browsers restore the controls.
  reorder();
  filter();
  section.querySelector('.toolbar').hidden = false;

  return function restore(wantedSort, unit) {
    if (wantedSort && Object.hasOwn(orders, wantedSort)) {
      sort.value = wantedSort;
      reorder();
    }
    const article = articles.get(unit);
    if (!article) return section.scrollIntoView();
    if (article.hidden) unfilter();
    document.querySelector('.current')?.classList.remove('current');
    article.classList.add('current');
    article.scrollIntoView();
    remember({ unit });
  };
}

const sections = new Map();
document.querySelectorAll('[data-layer]').forEach((section, i) => {
  sections.set(section.dataset.layer, setUp(section, rankings[i]));
});

function followHash() {
  const state = new URLSearchParams(location.hash.slice(1));
  const unit = state.get('unit');
  sections.get(state.get('layer'))?.(state.get('sort'), unit === null ? unit : Number(unit));
}
addEventListener('hashchange', followHash);
followHash();
`;
