/** Reporting while a long call is under way. */

/** Milliseconds. */
const EVERY = 100;

export interface Poll {
  /** Throws what `report` threw. */
  check(): void;
  stop(): void;
}

/** Calls `report` now and then until it is stopped or fails; `onFailure` is told at once. */
export function poll(report: (() => void) | undefined, onFailure = () => {}): Poll {
  let failure: { error: unknown } | undefined;
  const stop = () => clearInterval(timer);
  const timer =
    report &&
    setInterval(() => {
      try {
        report();
      } catch (error) {
        failure = { error };
        stop();
        onFailure();
      }
    }, EVERY);
  return {
    check() {
      if (failure) throw failure.error;
    },
    stop,
  };
}
