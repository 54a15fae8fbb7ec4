/** Sees to it that the addon has a LibTorch: one that is there, or one that is fetched; which one is written down. */

import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { NetdissectError } from '../base/errors';
import { makeFolder } from '../base/folder';
import { fileFailure } from '../download/failure';
import { probe } from '../native/examine';
import { dataFolder, lookUp, type Place, root, type Source, settingFile, sources } from '../native/libtorch';
import { addonFile, builtFor, howToBuild, misfit } from '../native/load';
import type { Probed } from '../native/probe';
import { archiveOf, CUDA_RELEASE, type FetchContext, fromArchive, fromNpm, fromPip } from './fetch';

export interface SetupOptions extends Omit<FetchContext, 'directory'> {
  /** A LibTorch for CUDA. */
  cuda?: boolean;
  /** The address of an archive. */
  url?: string;
  /** What is being done, a line each. */
  say(line: string): void;
}

export interface Ready {
  place: Pick<Place, 'folder'>;
  probed: Probed;
  /** Whether it was fetched just now. */
  fetched: boolean;
}

/** Writes down which LibTorch is used from now on. */
function remember(folder: string): void {
  const file = settingFile();
  const part = `${file}.${process.pid}.part`;
  try {
    fs.writeFileSync(part, `${JSON.stringify({ libtorch: folder }, null, 2)}\n`);
    fs.renameSync(part, file);
  } catch (cause) {
    throw fileFailure(file, cause);
  }
}

export const forget = (): void => fs.rmSync(settingFile(), { force: true });

/** @throws {NetdissectError} ERR_NETDISSECT_DOWNLOAD, ERR_NETDISSECT_ADDON; the signal's reason where it aborts */
export async function provideLibtorch(options: SetupOptions): Promise<Ready> {
  const { cuda = false, url, say } = options;
  const addon = addonFile();
  const built = builtFor(addon);
  let usual: Source | undefined;
  for (const source of url ? [] : sources) {
    const place = lookUp(source, built);
    if (!place || misfit(addon, built, place) !== null) continue;
    if (cuda && place.flavour !== 'cuda') {
      usual ??= source;
      continue;
    }
    const probed = probe(place.folder);
    if (typeof probed === 'string') continue;
    if (usual !== undefined && source !== 'setup') {
      await prepared();
      remember(place.folder);
    }
    return { place, probed, fetched: false };
  }
  const directory = await prepared();
  const folder = await fetched(built?.libtorchVersion, { ...options, directory });
  say(`trying it`);
  const probed = probe(folder);
  if (typeof probed === 'string')
    throw new NetdissectError(
      'ERR_NETDISSECT_ADDON',
      `the LibTorch that was fetched (${folder}) cannot be used: ${probed}`,
    );
  remember(folder);
  return { place: { folder }, probed, fetched: true };
}

/** The folder of what is fetched. */
async function prepared(): Promise<string> {
  const directory = dataFolder();
  await makeFolder(directory).catch(cause => {
    throw new NetdissectError(
      'ERR_NETDISSECT_DOWNLOAD',
      `cannot write to ${directory} (${cause.code ?? cause.message}); set XDG_DATA_HOME to a folder that can be written to`,
      { cause },
    );
  });
  return directory;
}

async function fetched(version: string | undefined, options: SetupOptions & FetchContext): Promise<string> {
  const { cuda, url, say } = options;
  if (url !== undefined) return fromArchive(url, options);
  if (cuda) {
    say(`fetching PyTorch ${CUDA_RELEASE} for CUDA with pip, some 5 GB`);
    return fromPip(CUDA_RELEASE, options);
  }
  if (version === undefined || `${process.platform}-${process.arch}` !== 'linux-x64')
    throw new NetdissectError(
      'ERR_NETDISSECT_ADDON',
      `no LibTorch is published for ${process.platform}-${process.arch}; set LIBTORCH to one, and ${howToBuild()}`,
    );
  say(`fetching LibTorch ${version} for processors with npm, some 110 MB`);
  try {
    return await fromNpm(version, options);
  } catch (error) {
    options.signal?.throwIfAborted();
    if ((error as Error).message.includes('are needed')) throw error;
    say(`${(error as Error).message}; trying PyTorch's archive, some 200 MB`);
  }
  return fromArchive(archiveOf(version), options);
}

/** Builds the addon in the package's folder. */
export async function buildFromSource({
  quiet,
  signal,
}: Pick<SetupOptions, 'quiet' | 'signal'>): Promise<void> {
  try {
    fs.accessSync(root, fs.constants.W_OK);
  } catch (cause) {
    throw new NetdissectError(
      'ERR_NETDISSECT_ADDON',
      `the addon is built in ${root}, which cannot be written to; install the package where you may write`,
      { cause },
    );
  }
  forget();
  const args = [path.join(root, 'scripts/setup.mjs'), '--addon-only', '--rebuild'];
  const child = spawn(process.execPath, args, {
    stdio: ['ignore', quiet ? 'ignore' : 'inherit', 'inherit'],
    signal,
    killSignal: 'SIGINT',
  });
  const status = await new Promise(resolve => {
    child.once('error', () => resolve(1));
    child.once('close', resolve);
  });
  signal?.throwIfAborted();
  if (status !== 0)
    throw new NetdissectError('ERR_NETDISSECT_ADDON', 'the addon was not built; the reason stands above');
}
