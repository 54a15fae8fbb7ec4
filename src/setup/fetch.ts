/** The ways to LibTorch: npm's package, pip's, an archive. Each gives a folder that appears as a whole. */

import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { NetdissectError } from '../base/errors';
import { requireSpace } from '../download/failure';
import { discardPart, fetchFile } from '../download/fetch';
import { unzip } from '../download/unzip';
import { LIBTORCH_PACKAGE } from '../native/libtorch';

/** The version with CUDA that the published addon is tested with. */
export const CUDA_RELEASE = '2.14.1';

export interface FetchContext {
  /** The folder in which the result's folder is made. */
  directory: string;
  signal?: AbortSignal;
  /** Whether npm and pip may show what they do. */
  quiet?: boolean;
  onProgress?(phase: 'fetching' | 'unpacking', done: number, total: number | undefined): void;
}

const failure = (message: string, cause?: unknown) =>
  new NetdissectError('ERR_NETDISSECT_DOWNLOAD', message, { cause });

const GB = 1e9;

/** Runs a program to its end, shown on a terminal as it does by itself; in words why it failed. */
function run(program: string, args: string[], { signal, quiet }: FetchContext): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const shown = !quiet && process.stderr.isTTY;
    // what these print while they work is progress, and standard output is for the result
    const child = spawn(program, args, {
      stdio: ['ignore', shown ? 2 : 'ignore', shown ? 2 : 'pipe'],
      signal,
    });
    let words = '';
    child.stderr?.on('data', data => {
      words = `${words}${data}`.slice(-10_000);
    });
    child.once('error', error => {
      if (signal?.aborted) reject(signal.reason);
      else
        resolve(
          (error as NodeJS.ErrnoException).code === 'ENOENT' ? `there is no ${program}` : error.message,
        );
    });
    child.once('close', code => {
      if (signal?.aborted) return reject(signal.reason);
      const lines = words
        .trim()
        .split('\n')
        .filter(line => /error/i.test(line) && !/complete log/.test(line));
      const telling = lines.find(line => /reason:|^ERROR:|E404/.test(line)) ?? lines.at(-1);
      resolve(code === 0 ? undefined : (telling?.trim() ?? `it ended with ${code}`));
    });
  });
}

/** A folder for what is under way, moved to its place by `keep`. */
async function whole(
  { directory }: FetchContext,
  name: string,
  fill: (folder: string) => Promise<string>,
): Promise<string> {
  const unfinished = path.join(directory, `.${name}-unfinished`);
  const remove = () => fs.rmSync(unfinished, { recursive: true, force: true });
  remove();
  try {
    fs.mkdirSync(unfinished);
    const inner = path.relative(unfinished, await fill(unfinished));
    const target = path.join(directory, name);
    fs.rmSync(target, { recursive: true, force: true });
    fs.renameSync(unfinished, target);
    return path.join(target, inner);
  } finally {
    remove();
  }
}

/** The npm package with LibTorch for processors, from the registry that npm is set up for. */
export async function fromNpm(version: string, context: FetchContext): Promise<string> {
  requireSpace(context.directory, 0.8 * GB, 'to fetch LibTorch');
  const wanted = `${LIBTORCH_PACKAGE}@${version}`;
  return whole(context, `libtorch-${version}-cpu`, async folder => {
    fs.writeFileSync(path.join(folder, 'package.json'), '{ "private": true }\n');
    const args = ['install', '--prefix', folder, '--ignore-scripts', '--no-audit', '--no-fund', wanted];
    const problem = await run('npm', args, context);
    if (problem !== undefined) throw failure(`npm could not fetch ${wanted}: ${problem}`);
    return path.join(folder, 'node_modules', LIBTORCH_PACKAGE);
  });
}

/** PyTorch for CUDA and CUDA's libraries, as pip installs them, without what only Python needs beside them. */
export async function fromPip(version: string, context: FetchContext): Promise<string> {
  requireSpace(context.directory, 9 * GB, 'to fetch LibTorch for CUDA');
  return whole(context, `libtorch-${version}-cuda`, async folder => {
    const args = ['-m', 'pip', 'install', '--target', folder, '--no-compile', '--only-binary=:all:'];
    const pip = async (...wanted: string[]) => {
      const problem = await run('python3', [...args, '--disable-pip-version-check', ...wanted], context);
      if (problem !== undefined) throw failure(`pip could not fetch torch ${version}: ${problem}`);
    };
    await pip('--no-deps', `torch==${version}`);
    const about = fs.readdirSync(folder).find(name => /^torch-.*\.dist-info$/.test(name));
    const metadata = about ? fs.readFileSync(path.join(folder, about, 'METADATA'), 'utf8') : '';
    const libraries = [...metadata.matchAll(/^Requires-Dist: ((?:nvidia|cuda-toolkit)[^;\n]*)/gm)];
    if (libraries.length === 0)
      throw failure(
        `pip's torch ${version} names no libraries of CUDA's, as a build for processors does; name an archive with --url`,
      );
    await pip(...libraries.map(([, requirement]) => requirement.trim()));
    return path.join(folder, 'torch');
  });
}

/** An archive as PyTorch publishes it; a broken download is gone on with. */
export async function fromArchive(address: string, context: FetchContext): Promise<string> {
  const { directory, signal, onProgress } = context;
  const part = path.join(directory, 'libtorch.zip.part');
  await fetchFile(address, part, {
    signal,
    onSize: (size, missing) => requireSpace(directory, missing + 3 * size, 'to fetch and unpack LibTorch'),
    onProgress: (done, total) => onProgress?.('fetching', done, total),
  });
  const name = path.basename(new URL(address).pathname, '.zip').replace(/[^\w.-]/g, '_');
  return whole(context, name, async folder => {
    const inner = path.join(folder, 'libtorch');
    await unzip(part, inner, {
      top: 'libtorch',
      holds: 'lib/libtorch_cpu.so',
      onProgress: (done, total) => onProgress?.('unpacking', done, total),
      signal,
    }).catch(cause => {
      signal?.throwIfAborted();
      discardPart(part);
      throw failure(
        `the archive that ${address} gave cannot be used, since ${(cause as Error).message}`,
        cause,
      );
    });
    discardPart(part);
    return inner;
  });
}

/** PyTorch's own archive for processors. */
export const archiveOf = (version: string): string =>
  `https://download.pytorch.org/libtorch/cpu/libtorch-shared-with-deps-${version}%2Bcpu.zip`;
