/** What the commands share of the world outside: where text goes, and how they are stopped. */

import type { Output } from './progress';

export interface Terminal {
  stdout: Output;
  stderr: Output;
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Runs what must not be cut off in the middle: Ctrl-C and its like abort the signal, a second one ends the process. */
export async function interruptible<T>(
  run: (signal: AbortSignal) => Promise<T>,
  message = 'stopped; nothing was written',
): Promise<T> {
  const abort = new AbortController();
  const interrupt = () => abort.abort(new DOMException(message, 'AbortError'));
  for (const signal of SIGNALS) process.once(signal, interrupt);
  try {
    return await run(abort.signal);
  } finally {
    for (const signal of SIGNALS) process.removeListener(signal, interrupt);
  }
}
