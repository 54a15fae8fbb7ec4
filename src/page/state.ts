/** What is chosen, as the address says it: a link shows what its sender saw. */

export interface State {
  /** The layer's name, or undefined for the first. */
  layer?: string;
  /** `concepts` for the concept index. */
  page?: string;
  /** The number of the concept whose units stand side by side. */
  concept?: number;
  unit?: number;
  sort?: string;
  category?: string;
  label?: number;
  /** Detectors alone. */
  only?: boolean;
  find?: string;
  view?: string;
  /** The category of labels that is shown. */
  of?: string;
  threshold?: number;
}

const TEXTS = ['layer', 'page', 'sort', 'category', 'find', 'view', 'of'] as const;
const NUMBERS = ['concept', 'unit', 'label', 'threshold'] as const;

/** From `#layer=conv5&unit=3`; what is no such thing is left out. */
export function parseState(hash: string): State {
  const given = new URLSearchParams(hash.replace(/^#/, ''));
  const state: State = {};
  for (const name of TEXTS) {
    const value = given.get(name);
    if (value) state[name] = value;
  }
  for (const name of NUMBERS) {
    const value = given.get(name);
    if (value && Number.isFinite(Number(value)) && Number(value) >= 0) state[name] = Number(value);
  }
  if (given.has('only')) state.only = true;
  return state;
}

export function formatState(state: State): string {
  const parts: string[] = [];
  for (const [name, value] of Object.entries(state)) {
    if (value === undefined || value === '' || value === false) continue;
    parts.push(`${name}=${value === true ? 1 : encodeURIComponent(wellFormed(String(value)))}`);
  }
  return `#${parts.join('&')}`;
}

/** Lone surrogates cannot stand in an address. */
const wellFormed = (text: string) => text.replace(/\p{Cs}/gu, '\uFFFD');
