/** Pictures: an image, and what is laid over it, each a file or a part of one. */

import { STRIP_GAP } from '../report/looks';
import { h } from './dom';
import { best, type PageData, type PageLayer, type PageUnit, topOf } from './model';

export const VIEWS: [view: string, text: string][] = [
  ['mask', 'masks'],
  ['plain', 'plain'],
  ['labels', 'labels'],
];

/** A file whose parts lie side by side (`x`) or one under the other (`y`): how large all of it is, and where the part begins. */
interface Layer {
  path: string;
  kind: 'image' | 'over' | 'labels';
  axis?: 'x' | 'y';
  size?: number;
  shift?: number;
}

export class Pictures {
  readonly #data: PageData;
  readonly #files: Map<string, string>;
  readonly #urls = new Map<string, string>();

  /** @param files what the page itself holds of the files, in base 64 */
  constructor(data: PageData, files: Map<string, string>) {
    this.#data = data;
    this.#files = files;
    const [height, width] = data.image ?? [1, 1];
    document.documentElement.style.setProperty('--ratio', `${width} / ${height}`);
  }

  get any(): boolean {
    return this.#data.pictures !== null;
  }

  /** The views that there are pictures for. */
  get views(): [view: string, text: string][] {
    const { pictures } = this.#data;
    return pictures ? VIEWS.filter(([view]) => view !== 'labels' || pictures.labels) : [];
  }

  /** Categories of labels of the unit's images, the one to show first. */
  categories(units: readonly PageUnit[]): number[] {
    const { images, labels } = this.#data;
    const present = new Set(
      units.flatMap(unit => topOf(unit).flatMap(([imgnum]) => images[imgnum]?.categories ?? [])),
    );
    const own = units.length === 1 ? best(units[0]) : undefined;
    const first = own && labels[own[0]][2];
    return [...present].sort((a, b) => Number(b === first) - Number(a === first) || a - b);
  }

  /** A unit's picture of a rank, `category` of its labels. */
  picture(layer: PageLayer, unit: PageUnit, rank: number, view: string, category?: number): HTMLElement {
    const picture = h('span', { class: 'picture' });
    for (const { path, kind, axis, size = 100, shift = 0 } of this.#layers(
      layer,
      unit,
      rank,
      view,
      category,
    )) {
      const image = h('img', {
        class: `${kind} ${axis ?? 'whole'}`,
        alt: '',
        decoding: 'async',
        draggable: false,
      });
      if (axis && kind === 'labels') {
        // Label maps are of any size: stretched, and cut off outside of the picture.
        picture.classList.add('cut');
        image.style.height = `${size}%`;
        image.style.top = `${-shift}%`;
      } else if (axis) {
        const place = `${size > 100 ? (100 * shift) / (size - 100) : 0}%`;
        image.style.objectPosition = axis === 'x' ? `${place} 0` : `0 ${place}`;
      }
      image.onerror = () => picture.classList.add('missing');
      image.src = this.#url(path);
      picture.append(image);
    }
    return picture;
  }

  #layers(layer: PageLayer, unit: PageUnit, rank: number, view: string, category?: number): Layer[] {
    const { pictures, images } = this.#data;
    if (!pictures) return [];
    const [imgnum] = topOf(unit)[rank];
    const path = (pattern: string, strip = '') =>
      `./${pattern
        .replace('{dirname}', () => encodeURIComponent(layer.dirname))
        .replace('{imgnum}', String(imgnum))
        .replace('{unit}', String(unit.unit))
        .replace('{strip}', strip)}`;
    const count = unit.top.length / 2;
    if (!pictures.images) {
      const [, width] = this.#data.image ?? [1, 1];
      const step = (100 * (width + STRIP_GAP)) / width;
      const size = step * count - (100 * STRIP_GAP) / width;
      const strip = { mask: 'top.jpg', plain: 'orig.jpg', labels: 'seg.png' }[view] ?? 'top.jpg';
      return [{ path: path(pictures.strips!, strip), kind: 'image', axis: 'x', size, shift: step * rank }];
    }
    const layers: Layer[] = [{ path: path(pictures.images), kind: 'image' }];
    const part = (place: number, of: number) => ({ axis: 'y' as const, size: 100 * of, shift: 100 * place });
    if (view === 'mask' && pictures.masks)
      layers.push({ path: path(pictures.masks), kind: 'over', ...part(rank, count) });
    const maps = images[imgnum]?.categories ?? [];
    const place = category === undefined ? -1 : maps.indexOf(category);
    if (view === 'labels' && pictures.labels && place >= 0)
      layers.push({ path: path(pictures.labels), kind: 'labels', ...part(place, maps.length) });
    return layers;
  }

  #url(path: string): string {
    const held = this.#files.get(decodeURIComponent(path).replace(/^(\.\/)+/, ''));
    if (held === undefined) return path;
    if (!this.#urls.has(path)) {
      const bytes = Uint8Array.from(atob(held), character => character.charCodeAt(0));
      const type = path.endsWith('.png') ? 'image/png' : 'image/jpeg';
      this.#urls.set(path, URL.createObjectURL(new Blob([bytes], { type })));
    }
    return this.#urls.get(path)!;
  }
}
