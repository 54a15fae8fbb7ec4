/** A grid of cards of one height, of which only those near the view are in the document. */

import { h } from './dom';

/** Pixels beyond the view in which there are cards, too. */
const BEYOND = 700;

export interface Metrics {
  columns: number;
  rowHeight: number;
  gap: number;
}

export class VirtualGrid {
  readonly element = h('ul', { class: 'grid', role: 'list' });
  #keys: readonly number[] = [];
  #cards = new Map<number, HTMLElement>();
  #metrics: Metrics = { columns: 1, rowHeight: 1, gap: 0 };
  #waiting = false;

  constructor(
    private readonly measure: (width: number) => Metrics,
    private readonly card: (key: number, width: number) => HTMLElement,
  ) {
    const later = () => {
      if (this.#waiting) return;
      this.#waiting = true;
      requestAnimationFrame(() => {
        this.#waiting = false;
        this.#fill();
      });
    };
    addEventListener('scroll', later, { passive: true });
    let width = 0;
    new ResizeObserver(([entry]) => {
      if (entry.contentRect.width === width) return;
      width = entry.contentRect.width;
      this.show(this.#keys);
    }).observe(this.element);
  }

  get keys(): readonly number[] {
    return this.#keys;
  }

  /** Shows these, in order; every card is made anew. */
  show(keys: readonly number[]): void {
    this.#keys = keys;
    this.#cards.clear();
    this.element.replaceChildren();
    const { columns, rowHeight, gap } = this.#layOut();
    const rows = Math.ceil(keys.length / columns);
    this.element.style.height = `${Math.max(0, rows * (rowHeight + gap) - gap)}px`;
    this.#fill();
  }

  /** Brings a card into view, and gives its link the focus if that is wanted. */
  reveal(key: number, focus = false): void {
    const place = this.#keys.indexOf(key);
    if (place < 0) return;
    const { columns, rowHeight, gap } = this.#metrics;
    const top = Math.floor(place / columns) * (rowHeight + gap) + this.element.getBoundingClientRect().top;
    if (top < 120 || top + rowHeight > innerHeight) scrollBy(0, top - innerHeight / 3);
    this.#fill();
    if (focus) this.#cards.get(key)?.querySelector('a')?.focus({ preventScroll: true });
  }

  #layOut(): Metrics {
    const width = this.element.clientWidth;
    if (width > 0) this.#metrics = this.measure(width);
    return this.#metrics;
  }

  #fill(): void {
    const { columns, rowHeight, gap } = this.#metrics;
    const { top, width } = this.element.getBoundingClientRect();
    if (width === 0) return;
    const step = rowHeight + gap;
    const first = Math.max(0, Math.floor((-top - BEYOND) / step)) * columns;
    const end = Math.min(this.#keys.length, Math.ceil((innerHeight - top + BEYOND) / step) * columns);
    const near = new Set(this.#keys.slice(first, Math.max(first, end)));
    for (const [key, card] of this.#cards)
      if (!near.has(key)) {
        card.remove();
        this.#cards.delete(key);
      }
    const cardWidth = (width - gap * (columns - 1)) / columns;
    let before: HTMLElement | null = null;
    for (let place = first; place < end; place++) {
      const key = this.#keys[place];
      let card = this.#cards.get(key);
      if (!card) {
        card = this.card(key, cardWidth);
        card.style.left = `${(place % columns) * (cardWidth + gap)}px`;
        card.style.top = `${Math.floor(place / columns) * step}px`;
        card.style.width = `${cardWidth}px`;
        card.style.height = `${rowHeight}px`;
        card.setAttribute('aria-posinset', String(place + 1));
        card.setAttribute('aria-setsize', String(this.#keys.length));
        this.#cards.set(key, card);
        // In the order of the units, which is that of the tabulator.
        if (before) before.after(card);
        else this.element.prepend(card);
      }
      before = card;
    }
  }
}
