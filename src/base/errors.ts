/**
 * The one error that this package throws on purpose: a code for programs, one sentence for people. It is
 * caught in one place, the command line.
 */

import { printable, shown } from './words';

/**
 * An error with a stable `code`, such as `ERR_NETDISSECT_OPTION`; `message` is one sentence of one line, whatever names
 * from files stand in it.
 */
export class NetdissectError extends Error {
  constructor(
    readonly code: string,
    message: string,
    options?: ErrorOptions,
  ) {
    super(printable(message), options);
    this.name = 'NetdissectError';
  }
}

/** What is said of an option or argument that makes no sense. */
export function optionError(message: string, cause?: unknown): NetdissectError {
  return new NetdissectError('ERR_NETDISSECT_OPTION', message, { cause });
}

/** Refuses what is no text, or an empty one, as JavaScript may hand over; `expected` says what it should have been. */
export function requireText(value: unknown, expected: string): asserts value is string {
  if (typeof value !== 'string' || value === '')
    throw optionError(`expected ${expected} but received ${shown(value)}`);
}

/** A size that is given as one number or two. */
export function sizeOf(size: unknown, option: string): readonly [height: number, width: number] {
  const sides = typeof size === 'number' ? [size, size] : size;
  if (
    !Array.isArray(sides) ||
    sides.length !== 2 ||
    !sides.every(side => Number.isInteger(side) && side >= 1)
  )
    throw optionError(
      `expected one number or [height, width], whole numbers from 1 on, for ${option} but received ${Array.isArray(size) ? `[${size.map(shown).join(', ')}]` : shown(size)}`,
    );
  return [sides[0], sides[1]];
}

/** The engine's errors, which are plain ones with a code, as errors of this package; others as they are. */
export function asNetdissectError(error: unknown, about = ''): unknown {
  const { code, message } = (error ?? {}) as { code?: unknown; message: string };
  if (error instanceof NetdissectError || typeof code !== 'string' || !code.startsWith('ERR_NETDISSECT_'))
    return error;
  return new NetdissectError(code, `${message}${about}`, { cause: error });
}

/** For `promise.catch`. */
export function rethrow(error: unknown): never {
  throw asNetdissectError(error);
}
