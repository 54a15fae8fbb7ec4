/** Kinds of values of the command's options: what they are called, and how they are read. */

import { type Kind as ValueKind, whole as wholeNumber } from '../base/kinds';
import type { Device, TokensOption } from '../model/model';

/** A kind of value. */
export interface Kind<T> {
  /** For messages: "expected ... for --size". */
  expected: string;
  /** The types that stand for it in a configuration file. */
  json: readonly ('string' | 'number' | 'boolean')[];
  /** Undefined where the text is none of the kind. */
  parse(text: string): T | undefined;
  choices?: readonly string[];
  /** Whether it is a path, which in a configuration file counts from the file's folder. */
  path?: boolean;
}

export const flag: Kind<boolean> = {
  expected: 'true or false',
  json: ['boolean'],
  parse: text => (text === 'true' || text === 'false' ? text === 'true' : undefined),
};

export function text(expected: string): Kind<string> {
  return { expected, json: ['string'], parse: value => (value === '' ? undefined : value) };
}

export const file: Kind<string> = { ...text('a file'), path: true };
export const folder: Kind<string> = { ...text('a folder'), path: true };

export function number(expected: string, fits: (value: number) => boolean): Kind<number> {
  return {
    expected,
    json: ['number'],
    parse: value => (value.trim() !== '' && fits(Number(value)) ? Number(value) : undefined),
  };
}

/** A kind of numbers of the API, as text. */
export const numberOf = ({ expected, fits }: ValueKind<number>) => number(expected, fits);
export const whole = (from: number, to?: number) => numberOf(wholeNumber(from, to));

export const anyNumber = number('a number', Number.isFinite);
export const over0 = number('a number over 0', value => value > 0 && Number.isFinite(value));

export function oneOf<const T extends string>(...choices: T[]): Kind<T> {
  return {
    expected: `${choices.slice(0, -1).join(', ')} or ${choices[choices.length - 1]}`,
    json: ['string'],
    parse: value => choices.find(choice => choice === value),
    choices,
  };
}

export const imageSize: Kind<[height: number, width: number]> = {
  expected: 'one number or height,width',
  json: ['string', 'number'],
  parse(value) {
    const sides = value.split(',').map(side => (/^\s*\d+\s*$/.test(side) ? Number(side) : 0));
    return sides.length > 2 || sides.some(side => side < 1) ? undefined : [sides[0], sides[sides.length - 1]];
  },
};

export const tokens: Kind<TokensOption> = {
  expected: 'auto, none, first:N, last:N or index:I',
  json: ['string', 'number'],
  parse(value) {
    if (value === 'auto' || value === 'none') return value;
    if (/^\d{1,5}$/.test(value)) return Number(value);
    return /^(first|last|index):\d{1,5}$/.test(value) ? (value as TokensOption) : undefined;
  },
  choices: ['auto', 'none'],
};

export const device: Kind<Device> = {
  expected: 'cpu, cuda or cuda:N',
  json: ['string'],
  parse: value => (/^(cpu|cuda(:\d{1,2})?)$/.test(value) ? (value as Device) : undefined),
  choices: ['cpu', 'cuda'],
};

export const resolution: Kind<number> = {
  expected: '224, 227 or 384',
  json: ['number'],
  parse: value => [224, 227, 384].find(choice => String(choice) === value),
  choices: ['224', '227', '384'],
};
