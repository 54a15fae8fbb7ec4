/** How lists and values stand in sentences. */

/** `a, b and 3 more`: at most so many names. */
export function some(names: readonly string[], most: number): string {
  const more = names.length - most;
  return names.slice(0, most).join(', ') + (more > 0 ? ` and ${more} more` : '');
}

/** `'text'`, `7`, `a list of 3`, `Date`. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return `'${value}'`;
  if (['number', 'bigint', 'boolean'].includes(typeof value) || value === null || value === undefined)
    return String(value);
  return Array.isArray(value) ? `a list of ${value.length}` : kindOf(value);
}

/** What kind of value it is: its class or its type. */
export function kindOf(value: unknown): string {
  if (Object(value) !== value) return value === null ? 'null' : typeof value;
  return (value as object).constructor?.name ?? 'an object';
}

/** Longer sentences lose their middle: what stands there is of no use to a person. */
const LONGEST = 1500;

/** A sentence as a terminal may have it: of one line, without control characters, of some length. */
export function printable(sentence: string): string {
  const line = sentence.replace(/[\t\n\v\f\r\u2028\u2029]+/g, ' ').replace(/\p{Cc}/gu, '\uFFFD');
  if (line.length <= LONGEST) return line;
  return `${line.slice(0, LONGEST - 400)} … ${line.slice(-400)}`;
}
