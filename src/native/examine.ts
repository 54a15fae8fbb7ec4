/**
 * Looks at everything that the addon needs, used or not. A process can hold one LibTorch only, so that each is tried in a
 * process of its own (`probe.ts`).
 */

import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { type BuildInfo, fitOf, isChosen, lookUp, type Place, type Source, sources } from './libtorch';
import { addonFile, builtFor, type Driver, driver, misfit, openLoader } from './load';
import type { Probed } from './probe';

/** A LibTorch that was found, and what came of trying it. */
export interface Candidate extends Place {
  /** Whether its strings are those of the C++ library since GCC 5; null where that cannot be read. */
  cxx11: boolean | null;
  /** Why it cannot be used; null where it can. */
  problem: string | null;
  /** Whether it is the one that is used. */
  used: boolean;
  /** What it was when it ran; null where it cannot be used. */
  ran: Probed | null;
}

export interface Examination {
  platform: string;
  /** Of Node.js, or of what runs in its place. */
  runtime: string;
  /** The version of the GNU C library; null where it cannot be told. */
  glibc: string | null;
  addon: { file: string; builtFor: string | null; source: 'prebuilt' | 'built here' } | null;
  /** Why there is no addon; null where there is one. */
  addonProblem: string | null;
  candidates: Candidate[];
  /** The CUDA driver; null where there is none, and why. */
  driver: Driver | null;
  driverProblem: string | null;
}

const runtime = () => {
  const { bun, deno, node } = process.versions;
  return bun ? `Bun ${bun}` : deno ? `Deno ${deno}` : `Node.js ${node}`;
};

const attempt = <T>(work: () => T): { value: T; problem: null } | { value: null; problem: string } => {
  try {
    return { value: work(), problem: null };
  } catch (error) {
    return { value: null, problem: (error as Error).message };
  }
};

/** Loads the addon with a LibTorch in a process of its own; what came of it, or why nothing did. */
export function probe(folder: string): Probed | string {
  const { stdout, stderr, signal, error } = spawnSync(
    process.execPath,
    [path.join(__dirname, 'probe.js'), folder],
    { encoding: 'utf8', timeout: 120_000, env: { ...process.env, LIBTORCH: folder } },
  );
  try {
    const answer = JSON.parse(stdout.trim().split('\n').at(-1) as string);
    return answer.problem ?? answer;
  } catch {
    const last = stderr?.trim().split('\n').at(-1);
    return `it ends the process (${error?.message ?? signal ?? last ?? 'without a word'})`;
  }
}

function candidate(
  source: Source,
  addon: string | null,
  built: BuildInfo | undefined,
): Candidate | undefined {
  const place = lookUp(source, built);
  if (!place) return undefined;
  const fit = addon && place.library ? fitOf(addon, place.library) : undefined;
  const found = { ...place, cxx11: fit?.cxx11 ?? null, used: false, ran: null };
  if (addon === null) return { ...found, problem: 'there is no addon to use it with' };
  const problem = misfit(addon, built, place);
  if (problem !== null) return { ...found, problem };
  const answer = probe(place.folder);
  return typeof answer === 'string'
    ? { ...found, problem: answer }
    : { ...found, problem: null, ran: answer };
}

export function examine(): Examination {
  const addon = attempt(addonFile);
  const built = addon.value === null ? undefined : builtFor(addon.value);
  const loader = attempt(openLoader);
  const candidates = sources
    .map(source => candidate(source, addon.value, built))
    .filter(found => found !== undefined);
  // what was named on purpose is not passed over
  const used = candidates.find(({ problem, source }) => problem === null || isChosen(source));
  if (used?.problem === null) used.used = true;
  const cuda = loader.value ? driver() : (loader.problem as string);
  return {
    platform: `${process.platform}-${process.arch}`,
    runtime: runtime(),
    glibc: loader.value?.libc() ?? null,
    addon:
      addon.value === null
        ? null
        : {
            file: addon.value,
            builtFor: built?.libtorchVersion ?? null,
            source: addon.value.includes(`${path.sep}prebuilds${path.sep}`) ? 'prebuilt' : 'built here',
          },
    addonProblem: addon.problem ?? loader.problem,
    candidates,
    driver: typeof cuda === 'string' ? null : cuda,
    driverProblem: typeof cuda === 'string' ? cuda : null,
  };
}
