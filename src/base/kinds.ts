/** Kinds of values that options have: what is expected, in words, and whether a value is that. */

import { optionError } from './errors';
import { shown } from './words';

export interface Kind<T> {
  expected: string;
  fits(value: unknown): value is T;
}

/** Whole numbers of a range; its end is left out where any are taken. */
export function whole(from: number, to = Number.MAX_SAFE_INTEGER): Kind<number> {
  return {
    expected: `a whole number ${to === Number.MAX_SAFE_INTEGER ? `from ${from} on` : `from ${from} to ${to}`}`,
    fits: (value): value is number =>
      Number.isSafeInteger(value) && (value as number) >= from && (value as number) <= to,
  };
}

/** One of some numbers. */
export function oneNumberOf(...numbers: number[]): Kind<number> {
  return {
    expected: `${numbers.slice(0, -1).join(', ')} or ${numbers[numbers.length - 1]}`,
    fits: (value): value is number => numbers.some(number => number === value),
  };
}

export const between0And1: Kind<number> = {
  expected: 'a number between 0 and 1',
  fits: (value): value is number => typeof value === 'number' && value > 0 && value < 1,
};

export const flag: Kind<boolean> = {
  expected: 'true or false',
  fits: (value): value is boolean => typeof value === 'boolean',
};

export function oneOf<const T extends string>(...choices: T[]): Kind<T> {
  return {
    expected: `${choices.slice(0, -1).join(', ')} or ${choices[choices.length - 1]}`,
    fits: (value): value is T => choices.some(choice => choice === value),
  };
}

export const text: Kind<string> = {
  expected: 'a text',
  fits: (value): value is string => typeof value === 'string' && value !== '',
};

export function listOf<T>(kind: Kind<T>, what: string): Kind<T[]> {
  return {
    expected: `a list of ${what}`,
    fits: (value): value is T[] => Array.isArray(value) && value.every(item => kind.fits(item)),
  };
}

/** May be left out, without a default. */
export const optional = <T>(kind: Kind<T>): Kind<T | undefined> => kind as Kind<T | undefined>;

/** The value, or the default where it is left out; throws `ERR_NETDISSECT_OPTION` where it is of another kind. */
export function checked<T>(name: string, value: unknown, kind: Kind<T>, byDefault: T): T {
  if (value === undefined) return byDefault;
  if (!kind.fits(value))
    throw optionError(`expected ${kind.expected} for ${name} but received ${shown(value)}`);
  return value;
}
