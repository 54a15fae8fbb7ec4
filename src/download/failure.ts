/** The sentences of a download that went wrong, and the check for free space. */

import fs from 'node:fs';
import { NetdissectError } from '../base/errors';

export function failure(message: string, cause?: unknown): NetdissectError {
  return new NetdissectError('ERR_NETDISSECT_DOWNLOAD', message, { cause });
}

/** What the file system would not do, in words. */
export function fileFailure(file: string, cause: unknown): NetdissectError {
  const { code, message } = cause as NodeJS.ErrnoException;
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return failure(
      `no space is left for ${file}; free some and run this again: what is fetched is kept`,
      cause,
    );
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS')
    return failure(`there is no permission to write ${file}; choose another folder`, cause);
  if (code === 'ENOTDIR' || code === 'EEXIST')
    return failure(`expected a folder at ${file} but a file is in the way; choose another folder`, cause);
  return failure(`cannot write ${file}: ${message}`, cause);
}

/** For `promise.catch`. */
export function refuseFile(file: string): (cause: unknown) => never {
  return cause => {
    throw fileFailure(file, cause);
  };
}

/** Throws where `directory` has less than `bytes` free, if it tells; `purpose` ends "are needed". */
export function requireSpace(directory: string, bytes: number, purpose: string): void {
  const { bavail, bsize, blocks } = fs.statfsSync(directory);
  // some network file systems do not tell
  if (blocks === 0 || bytes <= bavail * bsize) return;
  throw failure(
    `${inWords(bytes)} are needed ${purpose} but ${directory} has only ${inWords(bavail * bsize)} free; free some or choose another folder`,
  );
}

/** A number of bytes for people: `12.3 MB`. */
export function inWords(bytes: number): string {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB', 'PB'];
  const step = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3));
  return `${step === 0 ? bytes : (bytes / 1000 ** step).toFixed(1)} ${units[step]}`;
}
