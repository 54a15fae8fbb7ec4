/** The options of a dissection: what they are and are by default. The command's options are made from them. */

import os from 'node:os';
import { between0And1, checked, flag, type Kind, whole } from '../base/kinds';

interface Option<T> {
  kind: Kind<T>;
  default: T;
}

const option = <T>(kind: Kind<T>, byDefault: T): Option<T> => ({ kind, default: byDefault });

/** Images decoded at once: as many as Node's pool has threads for, up to the processor's. */
const workers = () => Math.min(Number(process.env.UV_THREADPOOL_SIZE) || 4, os.availableParallelism());

export const DISSECT_OPTIONS = {
  examplesPerUnit: option(whole(0), 20),
  batchSize: option(whole(1), 100),
  forwardSize: option(whole(1), 8),
  /** Asked for when it is needed: the pool's size may be set until then. */
  numWorkers: {
    kind: whole(1),
    get default() {
      return workers();
    },
  },
  quantileThreshold: option(between0And1, 0.005),
  iouThreshold: option(between0And1, 0.04),
  memory: option(whole(0), 512 * 2 ** 20),
  approximate: option(flag, false),
  labels: option(flag, true),
  images: option(flag, true),
  singleImages: option(flag, false),
  report: option(flag, true),
};

type Names = keyof typeof DISSECT_OPTIONS;
export type CheckedOptions = { [Name in Names]: (typeof DISSECT_OPTIONS)[Name]['default'] };

/** All of them, checked; throws `ERR_NETDISSECT_OPTION` for the first that is of another kind. */
export function checkedOptions(given: { readonly [Name in Names]?: unknown }): CheckedOptions {
  const entries = Object.entries(DISSECT_OPTIONS).map(([name, { kind, default: byDefault }]) => [
    name,
    checked<unknown>(name, given[name as Names], kind, byDefault),
  ]);
  return Object.fromEntries(entries) as CheckedOptions;
}
