/** What is said of checkpoints. */

import { NetdissectError } from '../../base/errors';

export const failure = (message: string, cause?: unknown) =>
  new NetdissectError('ERR_NETDISSECT_CHECKPOINT', message, cause === undefined ? undefined : { cause });

/** `where` is the part of the file, with a colon behind. */
export const damaged = (path: string, cause?: unknown, where = '') =>
  failure(
    `${path} is damaged or cut off${cause ? ` (${where}${(cause as Error).message})` : ''}; copy or save it again`,
    cause,
  );
