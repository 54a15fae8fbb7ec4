/** Fetches the published Broden data set and puts it where `BrodenDataset` finds it. */

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import fs from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { optionError, requireText } from '../base/errors';
import { makeFolder } from '../base/folder';
import { failure, fileFailure, refuseFile, requireSpace } from './failure';
import { discardPart, type FetchOptions, fetchFile, parseAddress } from './fetch';
import { ArchiveError, unzip } from './unzip';

export interface DownloadOptions extends Pick<FetchOptions, 'retries' | 'retryDelay' | 'stall' | 'signal'> {
  /** Where the data set goes; `directory/broden1_224` and so on are made. */
  directory: string;
  /** Of 224, 227 and 384; all three by default. */
  resolutions?: readonly number[];
  /** The address of the folder with the archives, http or https; a mirror, for example. */
  url?: string;
  /** SHA-256 sums in hexadecimal, by the archive's name: `{ 'broden1_224.zip': '...' }`. */
  sha256?: Readonly<Record<string, string>>;
  onProgress?: (progress: DownloadProgress) => void;
}

export interface DownloadProgress {
  phase: 'download' | 'unpack';
  /** The archive's name, such as `broden1_224.zip`. */
  file: string;
  /** Bytes. */
  done: number;
  /** Bytes; absent where the server does not tell the size. */
  total?: number;
}

export interface DownloadedData {
  resolution: number;
  folder: string;
  /** False where the folder was there already. */
  downloaded: boolean;
}

export const BRODEN_URL = 'http://netdissect.csail.mit.edu/data/';
const BRODEN_RESOLUTIONS: readonly number[] = [224, 227, 384];

/**
 * Downloads `broden1_224.zip` and so on, one after the other, and unpacks them into `directory`. A folder that is
 * there already is left alone. Each folder appears as a whole; what a broken or aborted run has fetched is kept, and
 * the next run goes on from there. Proxies are taken from HTTP_PROXY, HTTPS_PROXY and NO_PROXY.
 * @throws {NetdissectError} ERR_NETDISSECT_DOWNLOAD, or ERR_NETDISSECT_OPTION; the signal's reason where it aborts
 */
export async function downloadBroden(options: DownloadOptions): Promise<DownloadedData[]> {
  requireText(options?.directory, 'the path of a folder as directory');
  const { directory, resolutions = BRODEN_RESOLUTIONS, url = BRODEN_URL, signal } = options;
  const base = baseAddress(url);
  const unknown = resolutions.find(resolution => !BRODEN_RESOLUTIONS.includes(resolution));
  if (unknown !== undefined || resolutions.length === 0)
    throw optionError(
      `expected resolutions of ${BRODEN_RESOLUTIONS.join(', ')} but received ${unknown ?? 'none'}`,
    );
  await makeFolder(directory).catch(refuseFile(directory));
  const results: DownloadedData[] = [];
  for (const resolution of new Set(resolutions)) {
    signal?.throwIfAborted();
    const folder = path.join(directory, `broden1_${resolution}`);
    const downloaded = await provide(folder, base, options).catch(error => {
      signal?.throwIfAborted();
      throw error;
    });
    results.push({ resolution, folder, downloaded });
  }
  return results;
}

function baseAddress(text: string): URL {
  const url = parseAddress(text.endsWith('/') ? text : `${text}/`);
  if (!url) throw optionError(`expected an http or https address as url but received ${text}`);
  if (url.username || url.password)
    throw optionError('the url names a user or a password, which is not supported; leave them out');
  return url;
}

/** Sees to it that `folder` is there; false where it was. */
async function provide(folder: string, base: URL, options: DownloadOptions): Promise<boolean> {
  const { directory, onProgress, signal } = options;
  const name = path.basename(folder);
  const file = `${name}.zip`;
  const part = path.join(directory, `${file}.part`);
  const unfinished = path.join(directory, `.${name}-unfinished`);
  const removeUnfinished = () =>
    fs.rm(unfinished, { recursive: true, force: true }).catch(refuseFile(unfinished));
  await removeUnfinished();
  if (await isThere(folder)) {
    discardPart(part);
    return false;
  }

  const address = new URL(file, base).href;
  await fetchFile(address, part, {
    ...options,
    // What is in the archive takes at least as much again: pictures do not shrink.
    onSize: (size, missing) => requireSpace(directory, missing + size, `to download and unpack ${file}`),
    onProgress: (done, total) => onProgress?.({ phase: 'download', file, done, total }),
  });
  try {
    await checkSum(part, options.sha256?.[file], signal);
    await unzip(part, unfinished, {
      top: name,
      holds: 'index.csv',
      onSize: bytes => requireSpace(directory, bytes, `to unpack ${file}`),
      onProgress: (done, total) => onProgress?.({ phase: 'unpack', file, done, total }),
      signal,
    });
    await fs.rename(unfinished, folder);
  } catch (error) {
    await removeUnfinished();
    if ((error as NodeJS.ErrnoException).syscall) throw fileFailure(folder, error);
    if (!(error instanceof ArchiveError)) throw error;
    discardPart(part);
    throw failure(
      `the archive that ${address} gave cannot be used, since ${error.message}; it was removed, so run this again or name a mirror with --url`,
      error,
    );
  }
  discardPart(part);
  return true;
}

/** Whether the data set is there; an empty folder is removed, anything else must not be lost. */
async function isThere(folder: string): Promise<boolean> {
  const names = await fs.readdir(folder).catch(error => {
    return error.code === 'ENOENT' ? undefined : refuseFile(folder)(error);
  });
  if (!names) return false;
  if (names.length === 0) {
    await fs.rmdir(folder).catch(refuseFile(folder));
    return false;
  }
  const index = await fs.readFile(path.join(folder, 'index.csv'), 'utf8').catch(() => '');
  if (/^\ufeff?"?image\b[^\n]*\n./.test(index)) return true;
  throw failure(
    `${folder} is there but has no whole index.csv; move it away, so that the data set can take its place`,
  );
}

async function checkSum(file: string, expected: string | undefined, signal?: AbortSignal): Promise<void> {
  if (expected === undefined) return;
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash, { signal });
  const found = hash.digest('hex');
  if (found !== expected.toLowerCase())
    throw new ArchiveError(`its SHA-256 sum is ${found} where ${expected} was expected`);
}
