/** `--download`: fetches the Broden data set, and says what it did. */

import { progressReporter } from './progress';

export interface DownloadCommand {
  /** The folder that `--broden` names. */
  directory: string;
  resolutions?: readonly number[];
  url?: string;
  quiet?: boolean;
}

const PHASES = { download: 'fetching', unpack: 'unpacking' };

/** Rejects with an AbortError, whose message says that the next run goes on, where a signal stops it. */
export async function runDownload({ quiet = false, ...options }: DownloadCommand): Promise<void> {
  const { downloadBroden } = await import('../download.js');
  const abort = new AbortController();
  const interrupt = () =>
    abort.abort(
      new DOMException(
        'stopped; what is fetched is kept, and running this again goes on from there',
        'AbortError',
      ),
    );
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.once(signal, interrupt);
  const progress = progressReporter(process.stderr, { quiet });
  try {
    const results = await downloadBroden({
      ...options,
      signal: abort.signal,
      onProgress: ({ phase, file, done, total }) =>
        progress.update({ phase: `${PHASES[phase]} ${file}`, done, total, unit: 'bytes' }),
    });
    progress.end();
    if (quiet) return;
    for (const { folder, downloaded } of results)
      console.log(downloaded ? `${folder}: downloaded` : `${folder}: was there already, left as it is`);
  } finally {
    progress.end();
    for (const signal of signals) process.removeListener(signal, interrupt);
  }
}
