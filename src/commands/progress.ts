/** One line on a terminal that is written over. */

export interface ProgressState {
  phase: string;
  done: number;
  total?: number;
  unit?: 'bytes';
}

/** Shows how far a run has come; nothing where `stream` is no terminal, or under `quiet`. */
export function progressReporter(stream: NodeJS.WriteStream, { quiet = false } = {}) {
  let shown = 0;
  return {
    update({ phase, done, total }: ProgressState) {
      const time = performance.now();
      if (quiet || !stream.isTTY || (time - shown < 100 && done !== total)) return;
      shown = time;
      stream.write(`\r\x1b[K${phase}: ${done}${total === undefined ? '' : `/${total}`}`);
    },
    end() {
      if (shown) stream.write('\r\x1b[K');
      shown = 0;
    },
  };
}
