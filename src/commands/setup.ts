/** `netdissect-native setup`: what is missing is fetched or built, tried, and written down. */

import { buildFromSource, provideLibtorch } from '../setup/setup';
import type { SetupValues } from './install-options';
import { interruptible, type Terminal } from './interrupt';
import { progressReporter } from './progress';

const STOPPED = 'stopped; running this again goes on from what is fetched';

export async function runSetup(values: SetupValues, { stdout, stderr }: Terminal): Promise<void> {
  const { cuda, url, quiet } = values;
  const progress = progressReporter(stderr, { quiet });
  const say = (line: string) => {
    if (!quiet) progress.around(() => stdout.write(`${line}\n`));
  };
  try {
    const { place, probed, fetched } = await interruptible(async signal => {
      if (values['from-source']) await buildFromSource({ quiet, signal });
      return provideLibtorch({
        cuda,
        url,
        quiet,
        signal,
        say,
        onProgress: (phase, done, total) => progress.update({ phase, done, total, unit: 'bytes' }),
      });
    }, STOPPED);
    progress.end();
    say(`${fetched ? 'ready' : 'nothing to fetch'}: LibTorch ${probed.version} in ${place.folder}`);
    if (cuda && !probed.cuda)
      say(`models run on the processor until a CUDA device can be used: ${probed.cudaProblem}`);
  } finally {
    progress.end();
  }
}
