/** How commands are stopped, and where their text goes. */

import os from 'node:os';
import { PROGRAM } from './help';
import type { Output } from './progress';

export interface Terminal {
  stdout: Output;
  stderr: Output;
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Milliseconds after which what does not stop is left behind. */
const PATIENCE = 800;

/** Ends a command with the code 128 + N of signal N. */
export class Interruption extends DOMException {
  constructor(
    message: string,
    readonly exitCode: number,
  ) {
    super(message, 'AbortError');
  }
}

/**
 * Runs what must not be cut off in the middle: Ctrl-C and its like abort the signal. What has not ended a little later,
 * or at a second one, ends with the process; what is to be removed then is.
 */
export async function interruptible<T>(
  run: (signal: AbortSignal) => Promise<T>,
  message = 'stopped; no report was written',
): Promise<T> {
  const abort = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const interrupt = (signal: NodeJS.Signals) => {
    const code = 128 + os.constants.signals[signal];
    const end = () => {
      process.stderr.write(`${PROGRAM}: ${message}\n`);
      process.exit(code);
    };
    if (abort.signal.aborted) return end();
    timer = setTimeout(end, PATIENCE);
    abort.abort(new Interruption(message, code));
  };
  for (const signal of SIGNALS) process.on(signal, interrupt);
  try {
    return await run(abort.signal);
  } finally {
    clearTimeout(timer);
    for (const signal of SIGNALS) process.removeListener(signal, interrupt);
  }
}
