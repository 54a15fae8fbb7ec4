/**
 * A grid of cards of one height, of which only those near the view are in the document. While it is scrolled, each frame
 * does one small thing, and cards get their pictures one by one, as frames are in time.
 */

import { h } from './dom';

/** Pixels beyond the view in which there are cards, too. */
const BEYOND = 700;
/** Milliseconds: a frame that took no longer was in time. */
const IN_TIME = 25;
/** Frames in time, one after the other, that show that there is time for pictures. */
const EASY = 40;
/** Milliseconds without scrolling, after which all cards get their pictures, so many in a frame. */
const REST = 100;
const AT_ONCE = 6;

export interface Metrics {
  columns: number;
  rowHeight: number;
  gap: number;
}

interface Card {
  element: HTMLElement;
  row: number;
  /** Makes its pictures, until it has them. */
  pictures?: () => HTMLElement;
}

/** Resolves when each image is there, or is known to be missing. */
function loaded(pictures: HTMLElement): Promise<unknown> {
  const ends = [...pictures.querySelectorAll('img')].map(
    image =>
      new Promise(resolve => {
        if (image.complete) resolve(undefined);
        for (const event of ['load', 'error']) image.addEventListener(event, resolve);
      }),
  );
  return Promise.all(ends);
}

export class VirtualGrid {
  readonly element = h('ul', { class: 'grid', role: 'list' });
  #keys: readonly number[] = [];
  #cards = new Map<number, Card>();
  #width = 0;
  #metrics: Metrics = { columns: 1, rowHeight: 1, gap: 0 };
  #scrolled = { at: Number.NEGATIVE_INFINITY, to: scrollY, down: true };
  #frame = { asked: false, at: 0, inTime: 0 };
  /** Pictures on their way to a card. */
  #coming?: { card: Card; pictures: HTMLElement; loaded: boolean };

  /** @param card makes a card without its pictures, and says how to make these */
  constructor(
    private readonly measure: (width: number) => Metrics,
    private readonly card: (key: number, width: number) => Omit<Card, 'row'>,
  ) {
    const scrolled = () => {
      this.#scrolled = { at: performance.now(), to: scrollY, down: scrollY >= this.#scrolled.to };
      this.#askFrame();
    };
    addEventListener('scroll', scrolled, { passive: true });
    new ResizeObserver(([{ contentRect }]) => {
      if (contentRect.width === this.#width) return;
      this.#width = contentRect.width;
      this.show(this.#keys);
    }).observe(this.element);
  }

  get keys(): readonly number[] {
    return this.#keys;
  }

  /** Shows these, in order; every card is made anew. */
  show(keys: readonly number[]): void {
    this.#keys = keys;
    const again = this.#cards.size > 0;
    this.#cards.clear();
    this.#coming = undefined;
    this.element.replaceChildren();
    if (this.#width === 0) return; // until it has been laid out
    this.#metrics = this.measure(this.#width);
    const { columns, rowHeight, gap } = this.#metrics;
    const rows = Math.ceil(keys.length / columns);
    this.element.style.height = `${Math.max(0, rows * (rowHeight + gap) - gap)}px`;
    const { top } = this.#fill();
    // What is in view would flicker while a threshold is moved.
    for (const card of again ? this.#cards.values() : []) {
      const middle = this.#middle(card, top);
      if (card.pictures && middle > 0 && middle < innerHeight) this.#complete(card);
    }
    this.#askFrame();
  }

  /** Brings a card into view, and gives its link the focus if that is wanted. */
  reveal(key: number, focus = false): void {
    const place = this.#keys.indexOf(key);
    if (place < 0 || !this.element.isConnected) return;
    const { columns, rowHeight, gap } = this.#metrics;
    const top = Math.floor(place / columns) * (rowHeight + gap) + this.element.getBoundingClientRect().top;
    if (top < 120 || top + rowHeight > innerHeight) scrollBy(0, top - innerHeight / 3);
    this.#fill();
    if (focus) this.#cards.get(key)?.element.querySelector('a')?.focus({ preventScroll: true });
  }

  /** Frames follow one another while cards lack their pictures. */
  #askFrame(): void {
    if (this.#frame.asked) return;
    this.#frame.asked = true;
    requestAnimationFrame(at => {
      const inTime = at - this.#frame.at < IN_TIME ? this.#frame.inTime + 1 : 0;
      this.#frame = { asked: false, at, inTime };
      const { made, top } = this.#fill();
      if (performance.now() - this.#scrolled.at > REST)
        for (const card of this.#bare(top).slice(0, AT_ONCE)) this.#complete(card);
      else if (!made && inTime >= EASY) this.#completeNext(top);
      if ([...this.#cards.values()].some(({ pictures }) => pictures)) this.#askFrame();
    });
  }

  /** Where a card's middle is in the view, of which the grid begins at `top`. */
  #middle({ row }: Card, top: number): number {
    const { rowHeight, gap } = this.#metrics;
    return (row + 0.5) * (rowHeight + gap) + top;
  }

  /** The cards that lack their pictures, first the nearest to what is looked at: the middle of the view, or where it ends soon. */
  #bare(top: number): Card[] {
    const { at, down } = this.#scrolled;
    const soon = down ? innerHeight + BEYOND / 2 : -BEYOND / 2;
    const target = performance.now() - at > REST ? innerHeight / 2 : soon;
    const far = (card: Card) => Math.abs(this.#middle(card, top) - target);
    return [...this.#cards.values()].filter(({ pictures }) => pictures).sort((a, b) => far(a) - far(b));
  }

  #complete(card: Card, pictures = card.pictures!()): void {
    card.element.append(pictures);
    delete card.pictures;
  }

  /** Has a card's pictures loaded, or adds those that are: all at once, in one frame. */
  #completeNext(top: number): void {
    const coming = this.#coming;
    if (coming) {
      if (!coming.loaded) return;
      this.#coming = undefined;
      if (coming.card.pictures) this.#complete(coming.card, coming.pictures);
      return;
    }
    const [card] = this.#bare(top);
    if (!card) return;
    const next = { card, pictures: card.pictures!(), loaded: false };
    this.#coming = next;
    loaded(next.pictures).then(() => {
      next.loaded = true;
    });
  }

  /** Makes the cards that come near the view. Says whether there are any, and where the grid begins in the view. */
  #fill(): { made: boolean; top: number } {
    const { columns, rowHeight, gap } = this.#metrics;
    const { top, width } = this.element.getBoundingClientRect();
    if (width === 0) return { made: false, top };
    const step = rowHeight + gap;
    const first = Math.max(0, Math.floor((-top - BEYOND) / step)) * columns;
    const end = Math.min(this.#keys.length, Math.ceil((innerHeight - top + BEYOND) / step) * columns);
    const near = new Set(this.#keys.slice(first, Math.max(first, end)));
    for (const [key, card] of this.#cards)
      if (!near.has(key)) {
        card.element.remove();
        this.#cards.delete(key);
        if (this.#coming?.card === card) this.#coming = undefined;
      }
    const cardWidth = (width - gap * (columns - 1)) / columns;
    let before: HTMLElement | null = null;
    let made = false;
    for (let place = first; place < end; place++) {
      const key = this.#keys[place];
      let card = this.#cards.get(key);
      if (!card) {
        made = true;
        card = { ...this.card(key, cardWidth), row: Math.floor(place / columns) };
        const { element, row } = card;
        element.style.left = `${(place % columns) * (cardWidth + gap)}px`;
        element.style.top = `${row * step}px`;
        element.style.width = `${cardWidth}px`;
        element.style.height = `${rowHeight}px`;
        element.setAttribute('aria-posinset', String(place + 1));
        element.setAttribute('aria-setsize', String(this.#keys.length));
        this.#cards.set(key, card);
        // In the order of the units, which is that of the tabulator.
        if (before) before.after(element);
        else this.element.prepend(element);
      }
      before = card.element;
    }
    return { made, top };
  }
}
