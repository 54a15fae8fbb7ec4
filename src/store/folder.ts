/**
 * The folder of a kept observation: `store.json`, which says what it was made of, beside what the engine writes. One
 * process at a time writes to it.
 */

import fs from 'node:fs/promises';
import path from 'node:path';
import { type CommandParts, isCommand } from '../base/command-line';
import { digestOf } from '../base/digest';
import { NetdissectError } from '../base/errors';
import { makeFolder } from '../base/folder';
import { OWNER } from '../base/owner';
import type { Provenance } from '../base/provenance';
import { shown } from '../base/words';
import { type NativeLayerShape, native } from '../native/native';
import type { Label } from '../score/results';
import { MOST_SHARDS } from './shard';

const FORMAT = 'netdissect-native store';
const VERSION = 1;
const FILE = 'store.json';
const LOCK = 'writer';

/** Everything that what is observed depends on; plain data. */
export type MadeOf = Record<string, unknown>;

/** What names an observation in each of its files. */
export function runOf(made: MadeOf): string {
  return digestOf(made).slice(0, 32);
}

/** What `store.json` holds. */
export interface StoreFile {
  format: typeof FORMAT;
  version: typeof VERSION;
  /** Which part of the images: the I-th of N, from `first` up to `end`. */
  shard: [index: number, of: number];
  first: number;
  end: number;
  made_of: MadeOf;
  /** The layers, as the engine takes and reports them, and what their outputs are. */
  layers: (NativeLayerShape & { name: string; reported: string })[];
  images: number;
  image_size: [height: number, width: number];
  channels: number;
  piece: number;
  quantile: number;
  examples_per_unit: number;
  /** Whether masks, labels and each image's largest activations were kept. */
  masks: boolean;
  labelled: boolean;
  maxima: boolean;
  scale_offset: boolean;
  labels: Label[];
  categories: string[];
  /** Of the report. */
  netname: string;
  meta: Record<string, unknown>;
  settings: Record<string, unknown>;
  provenance: Provenance;
  /** The images' paths within the data set, where it has them. */
  files?: string[];
  /** What repeats the run, where it is a command. */
  command?: CommandParts;
}

export function storeError(message: string, cause?: unknown): NetdissectError {
  return new NetdissectError('ERR_NETDISSECT_STORE', message, { cause });
}

/** What a store's file says; undefined where there is none. */
export async function readStore(folder: string): Promise<StoreFile | undefined> {
  const file = path.join(folder, FILE);
  const text = await fs.readFile(file, 'utf8').catch(error => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
    throw storeError(`cannot read ${file}: ${error.message}`, error);
  });
  if (text === undefined) return undefined;
  let store: StoreFile;
  try {
    store = JSON.parse(text);
  } catch (error) {
    throw storeError(`${file} is damaged, it is no JSON; remove the store and observe again`, error);
  }
  if (store?.format !== FORMAT)
    throw storeError(`${file} is no store of netdissect-native; name another folder`);
  if (store.version !== VERSION)
    throw storeError(
      `${file} is of version ${shown(store.version)} of the format, and this program knows version ${VERSION}; use that program's version, or observe again`,
    );
  const { checksum, ...rest } = store as StoreFile & { checksum?: string };
  if (checksum !== digestOf(rest))
    throw storeError(`${file} is damaged: its checksum is another; remove the store and observe again`);
  checkStore(rest, file);
  return rest;
}

/** Throws where something that is used is of another kind. */
function checkStore(store: StoreFile, file: string): void {
  const whole = (value: unknown, from: number) => Number.isSafeInteger(value) && (value as number) >= from;
  const pair = (value: unknown, from: number) =>
    Array.isArray(value) && value.length === 2 && value.every(side => whole(side, from));
  const plain = (value: unknown) => typeof value === 'object' && value !== null && !Array.isArray(value);
  const layer = (value: StoreFile['layers'][number]) =>
    plain(value) &&
    [value.name, value.reported].every(name => typeof name === 'string') &&
    Array.isArray(value.shape) &&
    value.shape.length === 3 &&
    value.shape.every(side => whole(side, 1) && side < 2 ** 31) &&
    Number.isSafeInteger(8 * store.images * value.shape.reduce((product, side) => product * side)) &&
    whole(value.tokensDropped, 0) &&
    (value.scale === undefined ||
      [value.scale, value.offset].every(
        of => Array.isArray(of) && of.length === 2 && of.every(Number.isFinite),
      ));
  const label = (value: Label) =>
    plain(value) &&
    whole(value.number, 1) &&
    value.number <= 65535 &&
    typeof value.name === 'string' &&
    store.categories.includes(value.category);
  const parts: Record<string, boolean> = {
    shard: pair(store.shard, 1) && store.shard[0] <= store.shard[1] && store.shard[1] <= MOST_SHARDS,
    images: whole(store.images, 1),
    first: whole(store.first, 0) && store.first <= store.end,
    end: whole(store.end, 0) && store.end <= store.images,
    made_of: plain(store.made_of),
    image_size: pair(store.image_size, 1),
    channels: whole(store.channels, 1),
    piece: whole(store.piece, 1),
    quantile: store.quantile > 0 && store.quantile < 1,
    examples_per_unit: whole(store.examples_per_unit, 0),
    layers: Array.isArray(store.layers) && store.layers.length > 0 && store.layers.every(layer),
    labels:
      Array.isArray(store.categories) &&
      store.categories.every(name => typeof name === 'string') &&
      Array.isArray(store.labels) &&
      store.labels.every(label) &&
      store.labels.every(({ number }, i) => i === 0 || number > store.labels[i - 1].number),
    provenance: plain(store.provenance) && plain(store.provenance.model) && plain(store.provenance.dataset),
    files:
      store.files === undefined ||
      (Array.isArray(store.files) &&
        store.files.length === store.images &&
        store.files.every(file => typeof file === 'string')),
    command: store.command === undefined || isCommand(store.command),
    settings: plain(store.settings) && plain(store.meta) && typeof store.netname === 'string',
  };
  for (const [part, fits] of Object.entries(parts))
    if (!fits) throw storeError(`${file} is damaged, at ${part}; remove the store and observe again`);
}

/** A store that this process writes to. */
export interface WrittenStore {
  folder: string;
  /** What was kept before, and is gone on with. */
  before?: StoreFile;
  /** Says what is kept. */
  describe(file: Omit<StoreFile, 'format' | 'version'>): Promise<void>;
  release(): Promise<void>;
}

/** Makes the folder, or takes up what is there; refused where another process writes to it. */
export async function claimStore(folder: string): Promise<WrittenStore> {
  const lock = path.join(folder, LOCK);
  let held: number;
  try {
    await makeOnDisk(folder);
    const others = (await fs.readdir(folder)).filter(
      name => !/^(writer|shard-\d+-of-\d+|(store\.json|state|pass-\d)\.new)$/.test(name),
    );
    if (others.length > 0 && !others.includes(FILE))
      throw storeError(
        `${folder} is no store, and holds ${shown(others[0])}; name an empty folder or a new one`,
      );
    held = native().lock(lock);
    if (held < 0) {
      const owner = await fs.readFile(lock, 'utf8').catch(() => '');
      throw storeError(`${folder} is being written by another run (${owner}); wait for it`);
    }
  } catch (error) {
    if (error instanceof NetdissectError) throw error;
    throw storeError(`cannot keep an observation in ${folder}: ${(error as Error).message}`, error);
  }
  const release = async () => native().unlock(held);
  try {
    await fs.writeFile(lock, OWNER).catch(() => {}); // for whoever meets it; not worth a run
    return { folder, before: await readStore(folder), describe: file => describe(folder, file), release };
  } catch (error) {
    await release();
    throw error;
  }
}

/** Makes a folder and those that it lies in, and waits until they are on the disk. */
async function makeOnDisk(folder: string): Promise<void> {
  const first = await makeFolder(folder);
  for (let made = folder; first && made.length >= first.length; made = path.dirname(made)) {
    const parent = await fs.open(path.dirname(made));
    await parent.sync().finally(() => parent.close());
  }
}

async function describe(folder: string, file: Omit<StoreFile, 'format' | 'version'>): Promise<void> {
  const target = path.join(folder, FILE);
  const whole = { format: FORMAT, version: VERSION, ...file };
  const text = `${JSON.stringify({ ...whole, checksum: digestOf(whole) }, null, 1)}\n`;
  try {
    await fs.writeFile(`${target}.new`, text, { flush: true });
    await fs.rename(`${target}.new`, target);
  } catch (error) {
    throw storeError(`cannot write ${target}: ${(error as Error).message}`, error);
  }
}

/** The first thing in which two are different, in words; undefined where they are the same. */
export function firstDifference(before: MadeOf, now: MadeOf): string | undefined {
  const flat = (value: unknown, name: string): [string, string][] =>
    typeof value === 'object' && value !== null
      ? Object.entries(value).flatMap(([key, inner]) => flat(inner, name ? `${name} ${key}` : key))
      : [[name, JSON.stringify(value) ?? 'nothing']];
  const digest = /^"[0-9a-f]{64}"$/;
  const [old, own] = [new Map(flat(before, '')), new Map(flat(now, ''))];
  for (const name of new Set([...own.keys(), ...old.keys()])) {
    const [a, b] = [old.get(name) ?? 'nothing', own.get(name) ?? 'nothing'];
    if (a === b) continue;
    const what = `its ${name.replaceAll('_', ' ')} is`;
    return digest.test(a) && digest.test(b) ? `${what} another` : `${what} ${a}, and here ${b}`;
  }
  return undefined;
}
