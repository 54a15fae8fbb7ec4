/** What somebody most likely meant who mistyped a name. */

import { distance } from 'fastest-levenshtein';

/** The names nearest to a word, nearest first. */
export function nearest(word: string, names: readonly string[], count: number): string[] {
  const distances = new Map(names.map(name => [name, distance(word, name)]));
  return [...distances.keys()].sort((a, b) => distances.get(a)! - distances.get(b)!).slice(0, count);
}

/** `; did you mean --layers?`, or nothing where no name is near. */
export function didYouMean(word: string, names: readonly string[], prefix = ''): string {
  const [near] = nearest(word, names, 1);
  const meant =
    near !== undefined && distance(word, near) <= Math.max(2, word.length / 3)
      ? near
      : names.find(name => word.length > 2 && name.includes(word));
  return meant === undefined ? '' : `; did you mean ${prefix}${meant}?`;
}
