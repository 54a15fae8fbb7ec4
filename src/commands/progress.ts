/**
 * Progress: on a terminal one line that is written over and leaves nothing behind, in a log a plain line now and
 * then. Both say how much is done, how fast, and how long the rest takes.
 */

/** Where text goes: `process.stderr`, or a stand-in. */
export interface Output {
  write(text: string): unknown;
  isTTY?: boolean;
  columns?: number;
}

export interface ProgressUpdate {
  /** What is being done; a new phase starts its own count. */
  phase: string;
  /** Undefined where nothing is counted. */
  done?: number;
  /** Undefined where it is not known. */
  total?: number;
  /** What is counted, `images` by default; `bytes` are shown as MiB. */
  unit?: string;
}

export interface ProgressReporter {
  update(progress: ProgressUpdate): void;
  /** Clears the line for what is written meanwhile; the next update shows it again. */
  around(write: () => void): void;
  /** Clears the line. */
  end(): void;
}

/** A dissection's phases, as people call them. */
const PHASES: Record<string, { title: string; unit: string }> = {
  observe: { title: 'running the model', unit: 'images' },
  count: { title: 'counting labels', unit: 'images' },
  decoy: { title: 'counting by chance', unit: 'decoys' },
  bootstrap: { title: 'resampling images', unit: 'layers' },
  quantile: { title: 'counting at smaller quantiles', unit: 'quantiles' },
  formula: { title: 'searching formulas', unit: 'units' },
  draw: { title: 'drawing units', unit: 'units' },
};

const BAR = 20;
const CLEAR = '\r\x1b[K';
/** Milliseconds between two states of the line on a terminal. */
const REDRAW = 100;
/** In a log, milliseconds between two lines at least, and after which one comes however little was done. */
const QUIET_TIME = 10_000;
const SILENCE = 60_000;

/** Reports on `stream`; `clock` gives milliseconds. */
export function progressReporter(
  stream: Output,
  { quiet = false, clock = () => performance.now() }: { quiet?: boolean; clock?: () => number } = {},
): ProgressReporter {
  if (quiet) return { update() {}, around: write => write(), end() {} };
  let phase: string | undefined;
  /** When the phase began, and with how much done. */
  let start = { time: 0, done: 0 };
  /** What was shown last, and when. */
  let shown = { time: 0, done: 0 };
  /** How long the line on the terminal is. */
  let length = 0;
  const clear = () => {
    // a terminal that became narrower has put the line's end into rows below
    const rows = Math.ceil(length / (stream.columns || 80)) - 1;
    length = 0;
    return rows > 0 ? `\x1b[${rows}A\r\x1b[J` : CLEAR;
  };

  return {
    around(write) {
      if (phase !== undefined && stream.isTTY) {
        stream.write(clear());
        shown.time = -REDRAW;
      }
      write();
    },
    update(progress) {
      const time = clock();
      const { done = 0, total } = progress;
      if (progress.phase !== phase) {
        phase = progress.phase;
        start = { time, done };
        shown = { time: stream.isTTY ? -REDRAW : time, done };
      }
      const since = time - shown.time;
      const grown = total ? (done - shown.done) / total : 0;
      const due = stream.isTTY
        ? since >= REDRAW || done === total
        : since >= QUIET_TIME && (grown >= 0.1 || since >= SILENCE);
      if (!due) return;
      shown = { time, done };
      const { title, unit } = PHASES[phase] ?? { title: phase, unit: 'images' };
      const counted = progress.done !== undefined;
      const facts = counted ? describe({ ...progress, done, unit: progress.unit ?? unit }, start, time) : '';
      if (!stream.isTTY) stream.write(`${[title, facts].filter(text => text).join(': ')}\n`);
      else {
        const columns = (stream.columns || 80) - 1;
        const room = Math.min(BAR, columns - `${title} [] ${facts}`.length);
        const line = `${title} ${total && room >= 5 ? `${bar(done / total, room)} ` : ''}${facts}`;
        const before = clear();
        length = Math.min(line.length, columns);
        stream.write(before + line.slice(0, columns));
      }
    },
    end() {
      if (phase !== undefined && stream.isTTY) stream.write(clear());
      phase = undefined;
    },
  };
}

function bar(part: number, width: number): string {
  const full = Math.round(width * Math.min(1, part));
  return `[${'#'.repeat(full)}${'-'.repeat(width - full)}]`;
}

/** `512/10000 images (5 %), 123 images/s, 1 min 17 s left` */
function describe(
  { done, total, unit = 'images' }: ProgressUpdate & { done: number },
  start: { time: number; done: number },
  time: number,
): string {
  const [scale, name] = unit === 'bytes' ? [2 ** 20, 'MiB'] : [1, unit];
  const amount = (count: number) => String(Math.floor(count / scale));
  const facts = [
    total === undefined
      ? `${amount(done)} ${name}`
      : `${amount(done)}/${amount(total)} ${name} (${Math.floor((100 * done) / Math.max(1, total))} %)`,
  ];
  const seconds = (time - start.time) / 1000;
  const rate = seconds > 0 ? (done - start.done) / seconds : 0;
  if (rate > 0) {
    facts.push(`${speed(rate / scale)} ${name}/s`);
    if (total !== undefined) facts.push(`${duration((total - done) / rate)} left`);
  }
  return facts.join(', ');
}

function speed(rate: number): string {
  return rate < 10 ? rate.toFixed(1) : String(Math.round(rate));
}

/** `45 s`, `3 min 20 s`, `2 h 5 min` */
export function duration(seconds: number): string {
  const whole = Math.ceil(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  const minutes = Math.round(whole / 60);
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
