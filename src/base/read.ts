/** Reading what people write, and what is said where the file system will not give it. */

import buffer from 'node:buffer';
import fs from 'node:fs';

/** Makes an error of what goes on after a file's name: `is missing`. */
export type Refuse = (why: string, cause: unknown) => Error;

/** The code of the error for what is neither a file nor a folder. */
const NO_FILE = 'ERR_NO_FILE';

const TROUBLES: Record<string, string> = {
  ENOENT: 'is missing',
  ENOTDIR: 'is missing: a part of its path is a file, not a folder',
  EISDIR: 'is a folder, not a file',
  [NO_FILE]: 'is a device, a pipe or the like, not a file',
  ELOOP: 'leads round in a circle of links',
  ENAMETOOLONG: 'has too long a name',
  EACCES: 'may not be read: its permissions, or those of a folder above it, forbid it',
  EPERM: 'may not be read: the system forbids it',
  ERR_FS_FILE_TOO_LARGE: 'is larger than the 2 GiB that Node.js can read',
  ERR_STRING_TOO_LONG: `is larger than the ${buffer.constants.MAX_STRING_LENGTH} bytes that Node.js can read as text`,
};

/** What the file system would not do with a file, to go on after its name. */
export function trouble(cause: unknown): string {
  const { code = '', syscall, message } = cause as NodeJS.ErrnoException;
  if (code === 'ENOTDIR' && syscall === 'scandir') return 'is a file, not a folder';
  return TROUBLES[code] ?? `cannot be read (${message.split('\n')[0]})`;
}

/** Looks at files; where the file system will not have it, throws what `refuse` makes of that. */
export function look<T>(work: () => T, refuse: Refuse): T {
  try {
    return work();
  } catch (cause) {
    throw refuse(trouble(cause), cause);
  }
}

/** What the file system says of a file; throws where it is none, since reading a pipe or a device may never end. */
export function fileStat(file: string): fs.Stats {
  const stat = fs.statSync(file);
  const code = stat.isDirectory() ? 'EISDIR' : NO_FILE;
  if (!stat.isFile()) throw Object.assign(new Error('not a file'), { code, syscall: 'read' });
  return stat;
}

/** A file's text, without a byte order mark. */
export function readText(file: string, refuse: Refuse): string {
  return look(() => {
    // sooner than half a gigabyte is read
    if (fileStat(file).size > buffer.constants.MAX_STRING_LENGTH)
      throw Object.assign(new Error('too large'), { code: 'ERR_STRING_TOO_LONG' });
    return fs.readFileSync(file, 'utf8').replace(/^\uFEFF/, '');
  }, refuse);
}

/** What a JSON file holds. */
export function readJson(file: string, refuse: Refuse): unknown {
  const text = readText(file, refuse);
  try {
    return JSON.parse(text);
  } catch (cause) {
    // Python writes these, which JSON does not have; outside of texts alone, whose tokens are matched first.
    const plain = text.replace(/"(?:[^"\\]|\\.)*"|-?\b(?:NaN|Infinity)\b/g, token =>
      token.startsWith('"') ? token : 'null',
    );
    if (plain.length !== text.length)
      try {
        return JSON.parse(plain);
      } catch {}
    throw refuse(`is not JSON (${(cause as Error).message.replace(/\s+/g, ' ')})`, cause);
  }
}
