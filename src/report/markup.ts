/**
 * HTML and SVG as tagged templates that escape by default: whatever a data set calls its labels or a model
 * its layers arrives on the page as text.
 */

import { createHash } from 'node:crypto';

/** A piece of HTML or SVG that needs no more escaping. */
export class Markup {
  constructor(readonly text: string) {}

  toString(): string {
    return this.text;
  }
}

/** What a template takes: text is escaped, a list joined, and null, undefined and booleans leave nothing. */
export type Part = Markup | string | number | boolean | null | undefined | readonly Part[];

const ENTITIES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Text without what XML cannot hold: control characters and lone surrogates become U+FFFD. */
export function wellFormed(text: string): string {
  return text.replace(/(?![\t\n\r])\p{Cc}|\p{Cs}|[\uFFFE\uFFFF]/gu, '\uFFFD');
}

function render(part: Part): string {
  if (part instanceof Markup) return part.text;
  if (Array.isArray(part)) return part.map(render).join('');
  if (typeof part !== 'string' && typeof part !== 'number') return '';
  return wellFormed(String(part)).replace(/[&<>"']/g, character => ENTITIES[character]);
}

/** Builds HTML or SVG; every interpolated text is escaped, for element content and quoted attributes. */
export function markup(literals: TemplateStringsArray, ...parts: Part[]): Markup {
  return new Markup(literals.reduce((text, literal, i) => text + render(parts[i - 1]) + literal));
}

/** What lets an inline script or style of this text through a page's security policy. */
export function policyHash(text: string): string {
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
}

/** A number with its noun: `1 unit`, `2 units`. */
export function counted(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
