/** Writing a report's files and folders, and what is said where that fails: what the system says of a write names none. */

import fs from 'node:fs/promises';
import { NetdissectError } from './errors';

export async function writeFile(file: string, data: Parameters<typeof fs.writeFile>[1]): Promise<void> {
  await fs.writeFile(file, data).catch(cannotWrite(file));
}

export async function writeFolder(folder: string): Promise<void> {
  await fs.mkdir(folder, { recursive: true }).catch(cannotWrite(folder));
}

/** Throws the sentence for a file that cannot be written. */
export function cannotWrite(file: string): (cause: NodeJS.ErrnoException) => never {
  return cause => {
    const { code, message } = cause;
    if (code === undefined) throw cause; // whatever gives the data failed
    const why = code === 'ENOSPC' || code === 'EDQUOT' ? 'no space is left; free some,' : `${message};`;
    throw new NetdissectError(
      'ERR_NETDISSECT_OUTDIR',
      `cannot write ${file}: ${why} or choose another output folder`,
      { cause },
    );
  };
}
