/**
 * Writing a report as a whole. Everything goes into a folder beside the output folder first; when it is complete the two
 * change places in one step, so that at any moment there is either the earlier report or the new one. Where that cannot
 * be (another file system, a folder above that may not be written to), entries are moved one by one, by a list that a
 * later run goes on with. What dead runs left behind is removed by the next one.
 */

import { createReadStream, rmSync } from 'node:fs';
import fs from 'node:fs/promises';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { NetdissectError } from '../base/errors';
import { exists, makeFolder } from '../base/folder';
import { isDead, OWNER } from '../base/owner';
import { native } from '../native/native';
import { giveImages } from './left-layers';

/** The folder of images that are stored once. */
const IMAGES = 'images';

/** The files in it. */
const IMAGE = /^(0|[1-9]\d*)\.(jpg|png)$/;

/** What a layer's folder of an earlier report holds; images where that report is gone, and what giving it these may leave. */
const LAYER_FILES = [
  'dissect.json',
  'bargraph.svg',
  'maxima.npy',
  'image',
  'masks',
  IMAGES,
  'dissect.json.new',
];

/** What is beside the layers' folders. */
export const FILES = ['dissect.json', 'dissect.csv', 'index.html', IMAGES];

/** The file that one run alone can make; it names the run. */
const LOCK = '.lock';
/** Marks a folder that has been replaced, whose entries that are of no report have to go back. */
const REPLACED = '.replaced';
/** Lists what has to be moved into place. */
const MOVING = '.moving';
const PATIENCE = 50; // times 100 ms

/** Whether an entry of an output folder is this module's own. */
export const isReserved = (name: string) =>
  [LOCK, REPLACED, MOVING].includes(name) || /^\.unfinished-/.test(name);

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

/** Folders of runs into `outdir`, beside it and in it, and of which run each is. */
async function stagedFolders(outdir: string): Promise<{ folder: string; owner: string }[]> {
  const found: { folder: string; owner: string }[] = [];
  for (const [parent, prefix] of [
    [path.dirname(outdir), `.${path.basename(outdir)}.unfinished-`],
    [outdir, '.unfinished-'],
  ])
    for (const name of await fs.readdir(parent).catch(() => []))
      if (name.startsWith(prefix))
        found.push({
          folder: path.join(parent, name),
          owner: name.slice(prefix.length).replace(/-\w{6}$/, ''),
        });
  return found;
}

/** Runs `work` while no other run moves anything in the folder. */
async function locked<T>(outdir: string, work: () => Promise<T>): Promise<T> {
  const lock = path.join(outdir, LOCK);
  for (let tries = 0; ; tries++) {
    try {
      await fs.writeFile(lock, OWNER, { flag: 'wx' });
      break;
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause;
      const owner = await fs.readFile(lock, 'utf8').catch(() => '');
      const { mtimeMs = Date.now() } = await fs.stat(lock).catch(() => ({ mtimeMs: undefined }));
      // one that was killed before it wrote its name
      if (isDead(owner) || (owner === '' && Date.now() - mtimeMs > 2000)) {
        const stolen = `${lock}-${OWNER}`; // of several only one can take it
        await fs.rename(lock, stolen).then(
          () => fs.unlink(stolen),
          () => {},
        );
      } else if (tries >= PATIENCE)
        throw new NetdissectError(
          'ERR_NETDISSECT_OUTDIR',
          `another run is moving its report into ${outdir}, or was killed on another machine while it did; wait for it, or remove ${lock} and run this again`,
          { cause },
        );
      else await setTimeout(100);
    }
  }
  try {
    return await work();
  } finally {
    await fs.unlink(lock).catch(() => {});
  }
}

/** Puts back what belongs to no report, and goes on with what a dead run had begun to move; then its folder goes. */
async function cleanUp(outdir: string): Promise<void> {
  for (const { folder, owner } of await stagedFolders(outdir)) {
    if (!isDead(owner)) continue;
    if (await exists(path.join(folder, REPLACED))) await putBack(folder, outdir);
    else if (await exists(path.join(folder, MOVING))) await moveIn(folder, outdir);
    await remove(folder);
  }
  await fs.rm(path.join(outdir, REPLACED), { force: true });
}

/** Moves what is not there to the new folder. */
async function putBack(old: string, outdir: string): Promise<void> {
  for (const name of await fs.readdir(old))
    if (!isReserved(name) && !(await exists(path.join(outdir, name))))
      await fs.rename(path.join(old, name), path.join(outdir, name));
}

/** The names in the list of what to move; undefined where it is damaged, as a name is that leads elsewhere. */
function listOf(text: string): string[] | undefined {
  try {
    const names: unknown = JSON.parse(text);
    const plain = (name: unknown) =>
      typeof name === 'string' && !['', '.', '..'].includes(name) && !/[/\\\0]/.test(name);
    return Array.isArray(names) && names.every(plain) ? names : undefined;
  } catch {
    return undefined;
  }
}

/** Moves entries into place one by one, replaced ones away; begun again it goes on where it was. */
async function moveIn(staged: string, outdir: string): Promise<void> {
  const names = listOf(await fs.readFile(path.join(staged, MOVING), 'utf8'));
  if (!names)
    throw new NetdissectError(
      'ERR_NETDISSECT_OUTDIR',
      `${path.join(staged, MOVING)}, the list of what a killed run was moving into ${outdir}, is damaged; move away ${staged} and run this again`,
    );
  const old = path.join(staged, 'old');
  await fs.mkdir(old, { recursive: true });
  for (const name of names) {
    const from = path.join(staged, 'new', name);
    if (!(await exists(from))) continue;
    const to = path.join(outdir, name);
    if (await exists(to)) await fs.rename(to, path.join(old, name));
    await fs.rename(from, to);
  }
}

async function moveBack(staged: string, outdir: string, names: readonly string[]): Promise<void> {
  for (const name of names) {
    const [to, old, from] = [
      path.join(outdir, name),
      path.join(staged, 'old', name),
      path.join(staged, 'new', name),
    ];
    if (!(await exists(from))) await fs.rename(to, from);
    if (await exists(old)) await fs.rename(old, to);
  }
}

export class StagedFolder {
  private constructor(
    /** Without links. */
    private readonly outdir: string,
    /** Where to write. */
    readonly path: string,
    /** The topmost folder that had to be made, if any. */
    private readonly made: string | undefined,
  ) {
    removeAtExit(path);
  }

  /**
   * `folders` are those that the report will have, `main` the file that tells an earlier one. Refuses where they, or `index.html`, are there already and are none
   * of an earlier report: nothing of the user's is replaced.
   */
  static async open(
    outdir: string,
    folders: readonly string[] = [],
    main = 'dissect.json',
  ): Promise<StagedFolder> {
    try {
      const made = await makeFolder(path.resolve(outdir));
      const folder = await fs.realpath(outdir);
      if (
        (await stagedFolders(folder)).some(({ owner }) => isDead(owner)) ||
        (await exists(path.join(folder, LOCK)))
      )
        await locked(folder, () => cleanUp(folder));
      await refuseForeign(outdir, folders, main);
      const beside = path.join(path.dirname(folder), `.${path.basename(folder)}.unfinished-${OWNER}-`);
      const staged = await fs
        .mkdtemp(beside)
        .catch(() => fs.mkdtemp(path.join(folder, `.unfinished-${OWNER}-`)));
      return new StagedFolder(folder, staged, made && (await fs.realpath(made)));
    } catch (cause) {
      if (cause instanceof NetdissectError) throw cause;
      throw new NetdissectError(
        'ERR_NETDISSECT_OUTDIR',
        `cannot write to ${outdir}: ${(cause as Error).message.split('\n')[0]}; choose another output folder`,
        { cause },
      );
    }
  }

  /** Puts what was written into place instead of what had the same names; `last` has to be there. */
  async commit(last: string): Promise<void> {
    await fs.access(path.join(this.path, last));
    const images = path.join(this.outdir, IMAGES);
    // Those of an earlier report go where this one has none: an empty folder takes their place.
    const stale = (await exists(images)) && !(await exists(path.join(this.path, IMAGES)));
    if (stale) await fs.mkdir(path.join(this.path, IMAGES));
    const folders = await fs.readdir(this.path);
    await locked(this.outdir, async () => {
      await giveImages(this.outdir, folders);
      if (!(await this.#exchange())) await this.#move();
    });
    if (stale) await fs.rmdir(images).catch(() => {});
    await remove(this.path);
  }

  /** The folders change places: one step decides. Then layers of earlier reports go back to where they were. */
  async #exchange(): Promise<boolean> {
    const inside = path.relative(this.outdir, process.cwd());
    const here = inside === '' || !(inside.startsWith('..') || path.isAbsolute(inside));
    if (path.dirname(this.path) === this.outdir || here || (await this.#holdsForeign())) return false;
    const { mode } = await fs.stat(this.outdir);
    await fs.chmod(this.path, mode);
    const files = [path.join(this.path, LOCK), path.join(this.outdir, REPLACED)];
    await Promise.all(files.map(file => fs.writeFile(file, OWNER)));
    unfinished.delete(this.path); // it may be about to hold what is the user's
    if (!native().exchange(this.path, this.outdir)) {
      unfinished.add(this.path);
      await Promise.all(files.map(file => fs.unlink(file)));
      return false;
    }
    await putBack(this.path, this.outdir);
    return true;
  }

  /** Whether anything but reports is in the output folder. */
  async #holdsForeign(): Promise<boolean> {
    const names = new Set([...FILES, ...(await fs.readdir(this.path))]);
    for (const name of await fs.readdir(this.outdir)) {
      if (names.has(name) || isReserved(name)) continue;
      const folder = path.join(this.outdir, name);
      if (!(await exists(path.join(folder, 'dissect.json'))) || (await foreignIn(folder)) !== undefined)
        return true;
    }
    return false;
  }

  async #move(): Promise<void> {
    const names = await fs.readdir(this.path);
    const inside = await fs.mkdtemp(path.join(this.outdir, `.unfinished-${OWNER}-`));
    removeAtExit(inside);
    const whole = path.join(inside, 'new');
    await fs.rename(this.path, whole).catch(() => fs.cp(this.path, whole, { recursive: true }));
    unfinished.delete(inside);
    await fs.writeFile(path.join(inside, `${MOVING}~`), JSON.stringify(names));
    await fs.rename(path.join(inside, `${MOVING}~`), path.join(inside, MOVING)); // decides
    try {
      await moveIn(inside, this.outdir);
    } catch (error) {
      await moveBack(inside, this.outdir, names);
      throw error;
    } finally {
      await remove(inside);
    }
  }

  /** Removes what was written, and folders that were made for it. */
  async discard(): Promise<void> {
    await remove(this.path);
    if (!this.made) return;
    // From the output folder up to the one that was made, as long as they are empty.
    for (let folder = this.outdir; folder.length >= path.resolve(this.made).length; ) {
      try {
        await fs.rmdir(folder);
      } catch {
        return;
      }
      folder = path.dirname(folder);
    }
  }
}

async function refuseForeign(outdir: string, folders: readonly string[], main: string): Promise<void> {
  const refuse = (what: string) => {
    throw new NetdissectError(
      'ERR_NETDISSECT_OUTDIR',
      `${path.join(outdir, what)} is in the way and is no part of an earlier report; choose another output folder`,
    );
  };
  const report = await exists(path.join(outdir, main));
  for (const file of ['index.html', 'dissect.csv'])
    if (!report && (await exists(path.join(outdir, file)))) refuse(file);
  if (main !== 'dissect.json') return;
  const images: string[] | undefined = await fs
    .readdir(path.join(outdir, IMAGES))
    .catch(error => (error.code === 'ENOENT' ? undefined : [IMAGES]));
  if (images?.length && !(report && (await saysImages(path.join(outdir, 'dissect.json'))))) refuse(IMAGES);
  const foreign = images?.find(name => !IMAGE.test(name));
  if (foreign !== undefined) refuse(path.join(IMAGES, foreign));
  for (const folder of folders) {
    const foreign = await foreignIn(path.join(outdir, folder));
    if (foreign !== undefined) refuse(path.join(folder, foreign));
  }
}

/** What of a layer's folder is no part of a report; undefined where all is. */
async function foreignIn(folder: string): Promise<string | undefined> {
  const found: string[] = await fs.readdir(folder).catch(() => []);
  const foreign = found.find(name => !LAYER_FILES.includes(name));
  if (foreign !== undefined || !found.includes(IMAGES)) return foreign;
  const images: string[] = await fs.readdir(path.join(folder, IMAGES)).catch(() => ['']);
  const other = found.includes('dissect.json') ? images.find(name => !IMAGE.test(name)) : '';
  return other === undefined ? undefined : path.join(IMAGES, other);
}

/** Whether a report has images that are stored once: that of a data set may have a folder of the same name beside it. */
async function saysImages(report: string): Promise<boolean> {
  let text = '';
  for await (const part of createReadStream(report, 'utf8')) {
    text = text.slice(-100) + part;
    const found = /^ "(pictures|layers)": /m.exec(text);
    if (found) return found[1] === 'pictures';
  }
  return false;
}
