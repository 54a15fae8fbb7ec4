/** What a table of options has of each. */

import type { Kind } from './kinds';

export interface Option<T = unknown> {
  kind: Kind<T>;
  describe: string;
  group: string;
  /** What the help calls the value; none for a flag. */
  value?: string;
  /** The default, as it would be given. */
  default?: string;
  /** The default in words, where it is not the same value for everybody. */
  otherwise?: string;
  /** Takes several values: any number of them, or exactly so many. */
  list?: true | number;
  alias?: string;
}

export type Table = Record<string, Option>;
type ValueOf<O> = O extends { kind: Kind<infer T> } ? (O extends { list: true | number } ? T[] : T) : never;

/** The values of a table of options; undefined where nothing is given and there is no default. */
export type Values<T extends Table> = {
  [Name in keyof T]: ValueOf<T[Name]> | (T[Name] extends { default: string } ? never : undefined);
};
