/** Elements in one call. Texts are texts, whatever is in them. */

type Child = Node | string | number | null | undefined | false;

/** Properties of the element (`onclick`, `hidden`), or its attributes where the name has a hyphen or is no property. */
export type Properties = Record<string, unknown>;

export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  properties: Properties = {},
  ...children: (Child | Child[])[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  set(element, properties);
  append(element, children);
  return element;
}

const SVG = 'http://www.w3.org/2000/svg';

export function svg(tag: string, properties: Properties = {}, ...children: Child[]): SVGElement {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(properties)) element.setAttribute(name, String(value));
  append(element, children);
  return element;
}

function set(element: HTMLElement, properties: Properties): void {
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null) continue;
    if (name === 'class') element.className = String(value);
    else if (name in element && !name.includes('-')) (element as unknown as Properties)[name] = value;
    else element.setAttribute(name, String(value));
  }
}

function append(element: Element, children: (Child | Child[])[]): void {
  for (const child of children.flat())
    if (child !== null && child !== undefined && child !== false) element.append(child as Node | string);
}

/** `1 unit`, `2 units` */
export const counted = (number: number, noun: string) => `${number} ${noun}${number === 1 ? '' : 's'}`;

export const digits = (value: number) => String(Number(value.toPrecision(4)));
