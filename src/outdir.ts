/**
 * Writing a report as a whole: everything goes into a folder inside the output folder first, and is moved into
 * place when it is complete, so that an earlier report stays until then.
 */

import fs from 'node:fs/promises';
import path from 'node:path';
import { NetdissectError } from './errors';

export class StagedFolder {
  private constructor(
    readonly outdir: string,
    /** Where to write. */
    readonly path: string,
    /** The topmost folder that had to be made, if any. */
    private readonly made: string | undefined,
  ) {}

  static async open(outdir: string): Promise<StagedFolder> {
    try {
      const made = await fs.mkdir(outdir, { recursive: true });
      return new StagedFolder(outdir, await fs.mkdtemp(path.join(outdir, '.unfinished-')), made);
    } catch (cause) {
      throw new NetdissectError(
        'ERR_NETDISSECT_OUTDIR',
        `cannot write to ${outdir}: ${(cause as Error).message.split('\n')[0]}; choose another output folder`,
        { cause },
      );
    }
  }

  /** Puts what was written into place, `last` last, instead of what had the same names. */
  async commit(last: string): Promise<void> {
    const names = (await fs.readdir(this.path)).filter(name => name !== last);
    const old = await fs.mkdtemp(path.join(this.outdir, '.replaced-'));
    const moved: string[] = [];
    try {
      for (const name of [...names, last]) {
        await fs.rename(path.join(this.outdir, name), path.join(old, name)).catch(ignoreMissing);
        moved.push(name);
        await fs.rename(path.join(this.path, name), path.join(this.outdir, name));
      }
    } catch (error) {
      for (const name of moved.reverse()) {
        await fs.rm(path.join(this.outdir, name), { recursive: true, force: true });
        await fs.rename(path.join(old, name), path.join(this.outdir, name)).catch(ignoreMissing);
      }
      await fs.rm(old, { recursive: true, force: true });
      throw error;
    }
    await fs.rm(old, { recursive: true, force: true });
    await fs.rm(this.path, { recursive: true, force: true });
  }

  /** Removes what was written, and folders that were made for it. */
  async discard(): Promise<void> {
    await fs.rm(this.path, { recursive: true, force: true });
    if (!this.made) return;
    // From the output folder up to the one that was made, as long as they are empty.
    for (let folder = path.resolve(this.outdir); folder.length >= path.resolve(this.made).length; ) {
      try {
        await fs.rmdir(folder);
      } catch {
        return;
      }
      folder = path.dirname(folder);
    }
  }
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}
