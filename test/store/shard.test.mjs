import path from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import shardModule from '../../lib/store/shard.js';

const { imagesOf, parseShard, shardFolder } = shardModule;

/** The sentence that a shard is refused with. */
function refusal(t, text, environment = {}) {
  const error = t.throws(() => parseShard(text, environment), { code: 'ERR_NETDISSECT_OPTION' }, text);
  return error?.message;
}

test('a shard is given as I/N, whatever a scheduler says', t => {
  t.deepEqual(parseShard('3/7', {}), { index: 3, of: 7 });
  t.deepEqual(parseShard('1/1', {}), { index: 1, of: 1 });
  t.deepEqual(parseShard('100000/100000', {}), { index: 100_000, of: 100_000 });
  t.deepEqual(parseShard('3/7', { SLURM_ARRAY_TASK_ID: '1', SLURM_ARRAY_TASK_COUNT: '2' }), {
    index: 3,
    of: 7,
  });
});

/** What Slurm puts into the environment of each task of --array=FIRST-LAST:STEP. */
function slurmTasks(first, last, step) {
  const ids = [];
  for (let id = first; id <= last; id += step) ids.push(id);
  return ids.map(id => ({
    SLURM_ARRAY_TASK_ID: `${id}`,
    SLURM_ARRAY_TASK_COUNT: `${ids.length}`,
    SLURM_ARRAY_TASK_MIN: `${first}`,
    SLURM_ARRAY_TASK_MAX: `${ids.at(-1)}`,
    SLURM_ARRAY_TASK_STEP: `${step}`,
  }));
}

test("auto counts the tasks of Slurm's array from its first, in its steps", t => {
  for (const [first, last, step] of [
    [1, 4, 1],
    [0, 3, 1],
    [5, 5, 1],
    [0, 12, 4],
    [3, 11, 2],
    [10, 29, 7], // 10, 17, 24
  ]) {
    const tasks = slurmTasks(first, last, step);
    t.deepEqual(
      tasks.map(task => parseShard('auto', task)),
      tasks.map((_, i) => ({ index: i + 1, of: tasks.length })),
      `--array=${first}-${last}:${step}`,
    );
  }
});

test('auto/N takes the task of an array as it is numbered, so that one can be submitted again', t => {
  t.deepEqual(parseShard('auto/4', slurmTasks(1, 4, 1)[1]), { index: 2, of: 4 });
  t.deepEqual(parseShard('auto/4', slurmTasks(3, 3, 1)[0]), { index: 3, of: 4 });
});

test('auto/N counts the indices of Kubernetes from 0', t => {
  for (const index of [0, 1, 6])
    t.deepEqual(parseShard('auto/7', { JOB_COMPLETION_INDEX: `${index}` }), { index: index + 1, of: 7 });
});

test('what is no shard is refused in a sentence', t => {
  for (const text of [
    '',
    '3',
    '3/',
    '/7',
    '3/7/9',
    '3-7',
    '-1/7',
    '1.5/7',
    ' 3/7',
    '3/7 ',
    '0000001/7',
    'AUTO',
    'auto/',
    'auto/x',
    'auto 7',
  ])
    t.is(refusal(t, text), `expected I/N, auto or auto/N for shard but received ${text}`);
  for (const text of ['0/7', '8/7', '0/0', '1/0', '1/100001'])
    t.is(
      refusal(t, text),
      `expected shard I/N with I from 1 to N, at most 100000, but received ${text} (${text})`,
    );
});

test('a scheduler that says nothing, too little or nonsense is refused in a sentence', t => {
  for (const text of ['auto', 'auto/7'])
    t.is(
      refusal(t, text),
      'expected SLURM_ARRAY_TASK_ID or JOB_COMPLETION_INDEX in the environment for shard auto; give it as I/N where neither is there',
    );
  t.is(
    refusal(t, 'auto', { JOB_COMPLETION_INDEX: '0' }),
    'expected auto/N for shard, since JOB_COMPLETION_INDEX alone does not say how many shards there are',
  );
  const range = (text, got) =>
    `expected shard I/N with I from 1 to N, at most 100000, but received ${text} (${got})`;
  t.is(refusal(t, 'auto/7', { JOB_COMPLETION_INDEX: '7' }), range('auto/7', '8/7'));
  t.is(refusal(t, 'auto/7', { JOB_COMPLETION_INDEX: 'x' }), range('auto/7', 'NaN/7'));
  t.is(
    refusal(t, 'auto', { SLURM_ARRAY_TASK_ID: '2' }),
    'expected SLURM_ARRAY_TASK_COUNT in the environment for shard auto; give it as auto/N or I/N',
  );
  t.regex(
    refusal(t, 'auto/4', { JOB_COMPLETION_INDEX: '' }),
    /^expected SLURM_ARRAY_TASK_ID or JOB_COMPLETION_INDEX/,
  );
  const [, , third] = slurmTasks(0, 8, 4);
  t.is(refusal(t, 'auto/2', third), range('auto/2', '8/2'));
  t.is(refusal(t, 'auto/2', { ...third, SLURM_ARRAY_TASK_ID: '0' }), range('auto/2', '0/2'));
  t.is(refusal(t, 'auto', { ...third, SLURM_ARRAY_TASK_ID: '7' }), range('auto', '2.75/3'));
  t.is(refusal(t, 'auto', { ...third, SLURM_ARRAY_TASK_STEP: '0' }), range('auto', 'Infinity/3'));
});

test('the parts follow each other, hold every image once, and are whole pieces, as many in each but for one', t => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 120 }),
      fc.integer({ min: 1, max: 2000 }),
      fc.integer({ min: 1, max: 64 }),
      (of, images, piece) => {
        const pieces = [];
        let next = 0;
        for (let index = 1; index <= of; index++) {
          const { first, end } = imagesOf({ index, of }, images, piece);
          if (first !== next || end < first) return false;
          if (end % piece !== 0 && end !== images) return false;
          if (first % piece !== 0 && first !== images) return false;
          pieces.push(Math.ceil((end - first) / piece));
          next = end;
        }
        return next === images && Math.max(...pieces) - Math.min(...pieces) <= 1;
      },
    ),
  );
  t.deepEqual(
    [1, 2, 3, 4].map(index => imagesOf({ index, of: 4 }, 180, 8)),
    [
      { first: 0, end: 40 },
      { first: 40, end: 88 },
      { first: 88, end: 136 },
      { first: 136, end: 180 },
    ],
  );
});

test('of more parts than pieces some are empty', t => {
  const parts = Array.from({ length: 7 }, (_, i) => imagesOf({ index: i + 1, of: 7 }, 20, 8));
  t.deepEqual(
    parts.map(({ first, end }) => end - first).filter(images => images > 0),
    [8, 8, 4],
  );
  t.deepEqual(imagesOf({ index: 1, of: 100_000 }, 20, 8), { first: 0, end: 0 });
  t.deepEqual(imagesOf({ index: 100_000, of: 100_000 }, 20, 8), { first: 16, end: 20 });
});

test('a part has a folder of its own in the store', t => {
  t.is(shardFolder('kept', { index: 3, of: 7 }), path.join('kept', 'shard-3-of-7'));
});
