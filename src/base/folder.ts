/** Folders that are made, and whether something is there. */

import fs from 'node:fs/promises';
import path from 'node:path';

export async function exists(file: string): Promise<boolean> {
  return fs.lstat(file).then(
    () => true,
    () => false,
  );
}

/**
 * Makes a folder and those above it that are missing; resolves to the topmost of them. `fs.mkdir` with `recursive` does
 * not end where a folder is there but takes no other, as /proc.
 */
export async function makeFolder(folder: string): Promise<string | undefined> {
  const parent = path.dirname(folder);
  const made = parent === folder || (await exists(parent)) ? undefined : await makeFolder(parent);
  try {
    await fs.mkdir(folder);
    return made ?? folder;
  } catch (error) {
    const stat = await fs.stat(folder).catch(() => undefined);
    if (stat?.isDirectory()) return made;
    throw error;
  }
}
