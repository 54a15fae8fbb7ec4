/**
 * Writing a report as a whole: everything goes into a folder inside the output folder first, and is moved into
 * place when it is complete, so that an earlier report stays until then.
 */

import { rmSync } from 'node:fs';
import fs from 'node:fs/promises';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { NetdissectError } from './errors';

/** What a layer's folder of an earlier report holds. */
const LAYER_FILES = ['dissect.json', 'bargraph.svg', 'image'];

/** While a report is moved into place, what it replaces is here; so only one run at a time does that. */
const REPLACED = '.replaced';
const PATIENCE = 50; // times 100 ms

/** What is removed where the process exits in the midst of a run. */
const unfinished = new Set<string>();
let watching = false;

function removeAtExit(folder: string): void {
  unfinished.add(folder);
  if (watching) return;
  watching = true;
  process.once('exit', () => {
    for (const left of unfinished)
      try {
        rmSync(left, { recursive: true, force: true });
      } catch {}
  });
}

/** Removes a folder if that is possible. */
async function remove(folder: string): Promise<void> {
  const removed = await fs.rm(folder, { recursive: true, force: true }).then(
    () => true,
    () => false,
  );
  if (removed) unfinished.delete(folder);
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

export class StagedFolder {
  private constructor(
    readonly outdir: string,
    /** Where to write. */
    readonly path: string,
    /** The topmost folder that had to be made, if any. */
    private readonly made: string | undefined,
  ) {
    removeAtExit(path);
  }

  /**
   * `folders` are those that the report will have. Refuses where they, or `index.html`, are there already and are none
   * of an earlier report: nothing of the user's is replaced.
   */
  static async open(outdir: string, folders: readonly string[] = []): Promise<StagedFolder> {
    await refuseForeign(outdir, folders);
    try {
      const made = await makeFolder(path.resolve(outdir));
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
    const old = await this.#lock();
    const saved: string[] = [];
    const placed: string[] = [];
    try {
      for (const name of [...names, last]) {
        if (await exists(path.join(this.outdir, name))) {
          await fs.rename(path.join(this.outdir, name), path.join(old, name));
          saved.push(name);
        }
        await fs.rename(path.join(this.path, name), path.join(this.outdir, name));
        placed.push(name);
      }
    } catch (error) {
      for (const name of placed) await fs.rm(path.join(this.outdir, name), { recursive: true, force: true });
      for (const name of saved) await fs.rename(path.join(old, name), path.join(this.outdir, name));
      await remove(old);
      throw error;
    }
    // The report is there. What cannot be removed stays in a folder of this run's own, where it blocks no other one.
    await fs.rename(old, path.join(this.path, REPLACED)).catch(() => remove(old));
    await remove(this.path);
  }

  async #lock(): Promise<string> {
    const folder = path.join(this.outdir, REPLACED);
    for (let tries = 0; ; tries++) {
      try {
        await fs.mkdir(folder);
        return folder;
      } catch (cause) {
        if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause;
        if (tries === PATIENCE)
          throw new NetdissectError(
            'ERR_NETDISSECT_OUTDIR',
            `another run is moving its report into ${this.outdir}, or was killed while it did; see what is in ${folder}, remove it, and run this again`,
            { cause },
          );
        await setTimeout(100);
      }
    }
  }

  /** Removes what was written, and folders that were made for it. */
  async discard(): Promise<void> {
    await remove(this.path);
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

async function exists(file: string): Promise<boolean> {
  return fs.lstat(file).then(
    () => true,
    () => false,
  );
}

async function refuseForeign(outdir: string, folders: readonly string[]): Promise<void> {
  const refuse = (what: string) => {
    throw new NetdissectError(
      'ERR_NETDISSECT_OUTDIR',
      `${path.join(outdir, what)} is in the way and is no part of an earlier report; choose another output folder`,
    );
  };
  if ((await exists(path.join(outdir, 'index.html'))) && !(await exists(path.join(outdir, 'dissect.json'))))
    refuse('index.html');
  for (const folder of folders) {
    const found: string[] = await fs.readdir(path.join(outdir, folder)).catch(() => []);
    const foreign = found.find(name => !LAYER_FILES.includes(name));
    if (foreign !== undefined) refuse(path.join(folder, foreign));
  }
}
