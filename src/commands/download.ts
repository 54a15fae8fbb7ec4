/** `--download`: fetches the Broden data set, and says what it did. */

import type { DownloadOptions } from '../download/download';
import { interruptible, type Terminal } from './interrupt';
import { progressReporter } from './progress';

const PHASES = { download: 'fetching', unpack: 'unpacking' };
const STOPPED = 'stopped; what is fetched is kept, and running this again goes on from there';

/** Rejects with an AbortError, whose message says that the next run goes on, where a signal stops it. */
export async function runDownload(
  options: Pick<DownloadOptions, 'directory' | 'resolutions' | 'url'>,
  { stdout, stderr }: Terminal,
  quiet = false,
): Promise<void> {
  const { downloadBroden } = require('../download/download.js') as typeof import('../download/download');
  const progress = progressReporter(stderr, { quiet });
  try {
    const results = await interruptible(
      signal =>
        downloadBroden({
          ...options,
          signal,
          onProgress: ({ phase, file, done, total }) =>
            progress.update({ phase: `${PHASES[phase]} ${file}`, done, total, unit: 'bytes' }),
        }),
      STOPPED,
    );
    progress.end();
    if (quiet) return;
    for (const { folder, downloaded } of results)
      stdout.write(
        `${downloaded ? `${folder}: downloaded` : `${folder}: was there already, left as it is`}\n`,
      );
  } finally {
    progress.end();
  }
}
