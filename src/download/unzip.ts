/**
 * Unpacks an archive that nobody vouches for: every name, size and CRC-32 is checked, and nothing is written
 * outside the folder.
 */

import { createReadStream, createWriteStream, readSync, writeFileSync } from 'node:fs';
import fs, { type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { crc32, createInflateRaw, inflateRawSync } from 'node:zlib';
import type { Entry, ZipFile } from 'yauzl';

/** What is wrong with an archive: the second half of a sentence. */
export class ArchiveError extends Error {}

export interface UnzipOptions {
  /** The archive's own top folder, which is stripped; an archive without it is taken as it is. */
  top: string;
  /** A file that must be there; where it lies tells whether the archive has the top folder. */
  holds: string;
  /** Is given the space that the files will take, before the first is written. */
  onSize?: (bytes: number) => void;
  /** Bytes unpacked so far and in all. */
  onProgress?: (done: number, total: number) => void;
  signal?: AbortSignal;
}

/** Files of up to this size are unpacked in memory, which is much faster. */
const SMALL = 2 ** 20;
/** Files take whole blocks of the disk. */
const BLOCK = 4096;
const FILE_TYPE = 0o170000;
const REGULAR = 0o100000;
const DIRECTORY = 0o040000;

/**
 * Unpacks `archive` into `folder`, which must not exist. Where that fails the folder may be there in part.
 * @throws {ArchiveError} where the archive is damaged or unsafe
 */
export async function unzip(archive: string, folder: string, options: UnzipOptions): Promise<void> {
  const { top, holds, onSize, onProgress, signal } = options;
  const files = new Set<string>();
  const folders = new Set<string>();
  const places = new Set<number>();
  let packed = 0;
  let total = 0;
  let space = 0;
  for await (const [entry] of entriesOf(archive)) {
    signal?.throwIfAborted();
    const segments = checkedName(entry).split('/');
    const file = segments.pop();
    segments.forEach((_, i) => {
      folders.add(segments.slice(0, i + 1).join('/'));
    });
    if (!file) continue;
    if (files.has(entry.fileName)) throw new ArchiveError(`it holds ${entry.fileName} twice`);
    files.add(entry.fileName);
    // else a small archive could give more than any disk holds
    if (places.has(entry.relativeOffsetOfLocalHeader))
      throw new ArchiveError(`${entry.fileName} lies where another file lies`);
    places.add(entry.relativeOffsetOfLocalHeader);
    packed += entry.compressedSize;
    total += entry.uncompressedSize;
    space += Math.ceil(entry.uncompressedSize / BLOCK) * BLOCK;
  }
  if (packed > (await fs.stat(archive)).size)
    throw new ArchiveError('its files take more bytes than it has, so that some lie within others');
  for (const name of folders)
    if (files.has(name)) throw new ArchiveError(`it holds ${name} as a file and as a folder`);
  const prefix = [`${top}/`, ''].find(start => files.has(start + holds));
  if (prefix === undefined) throw new ArchiveError(`it holds no ${holds}`);
  onSize?.(space);

  let done = 0;
  const made = new Set<string>();
  const source = { archive, handle: await fs.open(archive) };
  try {
    for await (const [entry, zip] of entriesOf(archive)) {
      signal?.throwIfAborted();
      if (!entry.fileName.endsWith('/') && entry.fileName.startsWith(prefix)) {
        const target = path.join(folder, checkedName(entry).slice(prefix.length));
        const parent = path.dirname(target);
        if (!made.has(parent)) await fs.mkdir(parent, { recursive: true });
        made.add(parent);
        await unpack(zip, entry, source, target, signal);
      }
      done += entry.uncompressedSize;
      onProgress?.(done, total);
    }
  } finally {
    await source.handle.close();
  }
}

/** The entries of the archive's directory, in its order; yauzl checks the structure and that no path leads out. */
async function* entriesOf(archive: string): AsyncGenerator<[Entry, ZipFile]> {
  const { openPromise } = await import('yauzl');
  try {
    const zip = await openPromise(archive, { strictFileNames: true });
    for await (const entry of zip.eachEntry()) yield [entry, zip];
  } catch (error) {
    throw asArchiveError(error);
  }
}

/** The entry's name, if it may be written. */
function checkedName(entry: Entry): string {
  const name = entry.fileName;
  const quoted = JSON.stringify(name);
  const segments = name.replace(/\/$/, '').split('/');
  if (segments.some(segment => ['', '.', '..'].includes(segment)) || /[\\:\0]/.test(name))
    throw new ArchiveError(`${quoted} is no name of a file in a folder`);
  // what Unix says of a file stands in the upper half; other systems leave it empty
  const type = (entry.externalFileAttributes >>> 16) & FILE_TYPE;
  if (type !== 0 && type !== (name.endsWith('/') ? DIRECTORY : REGULAR))
    throw new ArchiveError(`${quoted} is a link or something else that is no plain file`);
  if (entry.generalPurposeBitFlag & 1) throw new ArchiveError(`${quoted} is encrypted`);
  if (entry.compressionMethod !== 0 && entry.compressionMethod !== 8)
    throw new ArchiveError(`${quoted} is packed by a method that is not known (${entry.compressionMethod})`);
  return name;
}

/** An archive's file, by name and open. */
interface Source {
  archive: string;
  handle: FileHandle;
}

async function unpack(zip: ZipFile, entry: Entry, source: Source, target: string, signal?: AbortSignal) {
  try {
    const { fileDataStart } = await zip.readLocalFileHeaderPromise(entry, { minimal: true });
    const small = Math.max(entry.compressedSize, entry.uncompressedSize) <= SMALL;
    if (small) unpackSmall(entry, source, fileDataStart, target);
    else await unpackLarge(entry, source, fileDataStart, target, signal);
  } catch (error) {
    throw asArchiveError(error, entry);
  }
}

function unpackSmall(entry: Entry, { handle }: Source, start: number, target: string): void {
  let data: Buffer = Buffer.alloc(entry.compressedSize);
  readSync(handle.fd, data, 0, data.length, start);
  try {
    if (isPacked(entry)) data = inflateRawSync(data, { maxOutputLength: entry.uncompressedSize + 1 });
  } catch (error) {
    throw (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE' ? wrongSize(entry) : error;
  }
  check(entry, data.length, crc32(data));
  writeFileSync(target, data, { flag: 'wx' });
}

async function unpackLarge(
  entry: Entry,
  { archive }: Source,
  start: number,
  target: string,
  signal?: AbortSignal,
) {
  let length = 0;
  let crc = 0;
  const count = async function* (chunks: AsyncIterable<Buffer>) {
    for await (const chunk of chunks) {
      length += chunk.length;
      if (length > entry.uncompressedSize) throw wrongSize(entry);
      crc = crc32(chunk, crc);
      yield chunk;
    }
  };
  const packed = createReadStream(archive, { start, end: start + entry.compressedSize - 1 });
  const inflate = isPacked(entry) ? createInflateRaw() : new PassThrough();
  await pipeline(packed, inflate, count, createWriteStream(target, { flags: 'wx' }), { signal });
  check(entry, length, crc);
}

const isPacked = (entry: Entry) => entry.compressionMethod !== 0;

function check(entry: Entry, size: number, crc: number): void {
  if (size !== entry.uncompressedSize) throw wrongSize(entry);
  if (crc !== entry.crc32) throw new ArchiveError(`${entry.fileName} is damaged: its CRC-32 is wrong`);
}

function wrongSize({ fileName, uncompressedSize }: Entry): ArchiveError {
  return new ArchiveError(
    `${fileName} is damaged: it has not the ${uncompressedSize} bytes that it declares`,
  );
}

/** Errors of yauzl and zlib are about the archive; the file system's and an abort are passed on. */
function asArchiveError(error: unknown, about?: Entry): unknown {
  const { name, syscall, message } = error as NodeJS.ErrnoException;
  if (error instanceof ArchiveError || name === 'AbortError' || syscall !== undefined) return error;
  return new ArchiveError(about ? `${about.fileName} is damaged: ${message}` : message, { cause: error });
}
