// Progress on a terminal and in a log, with a clock of the test's own.
import test from 'ava';
import progress from '../../lib/commands/progress.js';

const CLEAR = '\r\x1b[K';

/** A reporter on a stream that keeps what it is given; `at` sets the time in seconds. */
function reporter({ isTTY = false, columns = 200, quiet = false } = {}) {
  let now = 0;
  const written = [];
  const stream = { isTTY, columns, write: text => written.push(text) };
  const { update, around, end } = progress.progressReporter(stream, { quiet, clock: () => now * 1000 });
  return {
    stream,
    written,
    end,
    around,
    at(seconds, done, total, more) {
      now = seconds;
      update({ phase: 'observe', done, total, ...more });
    },
  };
}

test('on a terminal: one line with a bar, speed and remaining time, written over', t => {
  const { written, at } = reporter({ isTTY: true });
  at(0, 0, 400);
  at(10, 100, 400);
  at(20, 400, 400);
  t.deepEqual(written, [
    `${CLEAR}running the model [--------------------] 0/400 images (0 %)`,
    `${CLEAR}running the model [#####---------------] 100/400 images (25 %), 10 images/s, 30 s left`,
    `${CLEAR}running the model [####################] 400/400 images (100 %), 20 images/s, 0 s left`,
  ]);
});

test('on a terminal: at most ten times a second, the last state always', t => {
  const { written, at } = reporter({ isTTY: true });
  for (let i = 0; i <= 100; i++) at(i / 100, i, 100);
  t.is(written.length, 11);
  t.true(written.at(-1).includes('100/100'));
  const quick = reporter({ isTTY: true });
  for (let i = 0; i <= 10; i++) quick.at(i / 1000, i, 10);
  t.is(quick.written.length, 2);
});

test('on a terminal: nothing of the line remains', t => {
  const { written, at, end } = reporter({ isTTY: true });
  end();
  t.deepEqual(written, []);
  at(0, 0, 4);
  end();
  end();
  t.is(written.at(-1), CLEAR);
  t.is(written.length, 2);
});

test('what counts nothing is a title alone, in a log nothing', t => {
  const { written, at } = reporter({ isTTY: true });
  at(0, undefined, undefined, { phase: 'loading the model' });
  at(1, 0, 4);
  t.deepEqual(written, [
    `${CLEAR}loading the model `,
    `${CLEAR}running the model [--------------------] 0/4 images (0 %)`,
  ]);
  const log = reporter();
  log.at(0, undefined, undefined, { phase: 'loading the model' });
  t.deepEqual(log.written, []);
});

test('what is written meanwhile stands above the line, which comes again', t => {
  const { written, at, around } = reporter({ isTTY: true });
  at(0, 0, 4);
  around(() => written.push('a notice\n'));
  at(0.01, 1, 4);
  t.deepEqual(written.slice(1, 3), [CLEAR, 'a notice\n']);
  t.regex(written[3], /1\/4 images/);
  const log = reporter();
  log.at(0, 0, 4);
  log.around(() => log.written.push('a notice\n'));
  log.at(0.01, 1, 4);
  t.deepEqual(log.written, ['a notice\n']);
});

test('on a terminal that became narrower, the rows that the line was broken into are cleared', t => {
  const { written, at, stream, end } = reporter({ isTTY: true, columns: 80 });
  at(0, 0, 400); // 57 characters
  stream.columns = 30;
  at(1, 0, 400);
  t.is(written[1], `\x1b[1A\r\x1b[Jrunning the model 0/400 images`.slice(0, 8 + 29));
  stream.columns = 200;
  end();
  t.is(written[2], CLEAR);
});

test('on a narrower terminal the bar is shorter, or left out; the line never breaks', t => {
  const at = (columns, seconds) => {
    const { written, at } = reporter({ isTTY: true, columns });
    at(0, 0, 400);
    at(seconds, 100, 400);
    return written.at(-1).slice(CLEAR.length);
  };
  const facts = '100/400 images (25 %), 10 images/s, 30 s left';
  t.is(at(80, 10), `running the model [###----------] ${facts}`);
  t.is(at(70, 10), `running the model ${facts}`);
  t.is(at(40, 10), `running the model ${facts}`.slice(0, 39));
});

test('in a log: plain lines, ten seconds apart at least', t => {
  const { written, at, end } = reporter();
  for (let i = 0; i <= 100; i++) at(i / 2, i, 100);
  end();
  t.deepEqual(written, [
    'running the model: 20/100 images (20 %), 2.0 images/s, 40 s left\n',
    'running the model: 40/100 images (40 %), 2.0 images/s, 30 s left\n',
    'running the model: 60/100 images (60 %), 2.0 images/s, 20 s left\n',
    'running the model: 80/100 images (80 %), 2.0 images/s, 10 s left\n',
    'running the model: 100/100 images (100 %), 2.0 images/s, 0 s left\n',
  ]);
});

test('in a log: nothing of what takes less', t => {
  const { written, at } = reporter();
  for (let i = 0; i <= 100; i++) at(i / 20, i, 100);
  t.deepEqual(written, []);
});

test('in a log of long work: a line for each tenth, or each minute where that is sooner', t => {
  const { written, at } = reporter();
  for (let i = 0; i <= 1000; i++) at(i, i, 1000); // a tenth takes 100 s
  t.is(written.length, 16);
  const slow = reporter();
  for (let i = 0; i <= 300; i++) slow.at(i, i, 300); // a tenth takes 30 s
  t.is(slow.written.length, 10);
});

test('each phase counts for itself', t => {
  const { written, at } = reporter();
  at(0, 0, 100);
  at(100, 100, 100);
  at(101, 0, 50, { phase: 'draw' });
  at(111, 20, 50, { phase: 'draw' });
  t.is(written.at(-1), 'drawing units: 20/50 units (40 %), 2.0 units/s, 15 s left\n');
});

test('what was done before does not count as fast', t => {
  const { written, at } = reporter();
  const download = { phase: 'downloading a.zip', unit: 'bytes' };
  at(0, 600 * 2 ** 20, 1000 * 2 ** 20, download); // resumed
  at(20, 800 * 2 ** 20, 1000 * 2 ** 20, download);
  t.deepEqual(written, ['downloading a.zip: 800/1000 MiB (80 %), 10 MiB/s, 20 s left\n']);
});

test('without a total: how much and how fast', t => {
  const { written, at } = reporter({ isTTY: true });
  at(0, 0, undefined, { phase: 'downloading', unit: 'bytes' });
  at(2, 30 * 2 ** 20, undefined, { phase: 'downloading', unit: 'bytes' });
  t.is(written.at(-1), `${CLEAR}downloading 30 MiB, 15 MiB/s`);
});

test('quiet: nothing at all', t => {
  for (const isTTY of [true, false]) {
    const { written, at, end } = reporter({ isTTY, quiet: true });
    for (let i = 0; i <= 100; i++) at(i, i, 100);
    end();
    t.deepEqual(written, []);
  }
});

test('durations are said as people say them', t => {
  t.deepEqual([0, 0.2, 59, 60, 200, 3599, 3600, 3725, 90000].map(progress.duration), [
    '0 s',
    '1 s',
    '59 s',
    '1 min 0 s',
    '3 min 20 s',
    '59 min 59 s',
    '1 h 0 min',
    '1 h 2 min',
    '25 h 0 min',
  ]);
});
