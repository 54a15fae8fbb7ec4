import test from 'ava';
import { matchState } from '../../../lib/model/checkpoint/match.js';

const stored = (name, shape = [1], holder = '') => ({ name, holder, shape, dtype: 'float32', refusal: null });
const parameter = (name, shape = [1], dtype = 'float32') => ({ name, shape, dtype });
const match = (names, parameters) => {
  const { matched, kept, choices, ...rest } = matchState(
    names.map(name => stored(name)),
    parameters.map(name => parameter(name)),
  );
  return { ...rest, matched: matched.map(pair => [pair.parameter.name, pair.tensor.name]) };
};

test('tensors go to the parameters of their names', t => {
  t.deepEqual(match(['b', 'a', 'c'], ['a', 'b', 'd']), {
    matched: [
      ['a', 'a'],
      ['b', 'b'],
    ],
    missing: ['d'],
    unexpected: ['c'],
    misshapen: [],
  });
});

test('prefixes of DataParallel and torch.compile are stripped, as many as there are', t => {
  const found = (names, parameters) => {
    const { matched, unexpected } = match(names, parameters);
    return { matched, unexpected };
  };
  t.deepEqual(found(['module.a', 'module.module.b', 'module._orig_mod.c', 'module'], ['a', 'b', 'c']), {
    matched: [
      ['a', 'module.a'],
      ['b', 'module.module.b'],
      ['c', 'module._orig_mod.c'],
    ],
    unexpected: ['module'],
  });
  // a model with a child of that name
  t.deepEqual(found(['module.a', 'module.module.b'], ['module.a', 'module.b']).matched, [
    ['module.a', 'module.a'],
    ['module.b', 'module.module.b'],
  ]);
  // the very name wins, before or after
  t.deepEqual(found(['module.a', 'a', 'b', 'module.b'], ['a', 'b']), {
    matched: [
      ['a', 'a'],
      ['b', 'b'],
    ],
    unexpected: ['module.a', 'module.b'],
  });
});

test('buffers that the checkpoint lacks keep their values, but for means and variances', t => {
  const parameters = [
    parameter('a'),
    parameter('weight'),
    { ...parameter('mask'), buffer: true },
    { ...parameter('bn.running_mean'), buffer: true },
    { ...parameter('bn.running_var'), buffer: true },
    { ...parameter('bn.num_batches_tracked', [], 'int64'), buffer: true },
    { ...parameter('whole', [1], 'int8'), buffer: false },
  ];
  const { missing, kept } = matchState([stored('a')], parameters);
  t.deepEqual(missing, ['weight', 'bn.running_mean', 'bn.running_var', 'whole']);
  t.deepEqual(kept, ['mask']);
});

test('shapes are compared whole', t => {
  const { misshapen, matched } = matchState(
    [stored('a', [2, 3]), stored('b', [6]), stored('c', [])],
    [parameter('a', [2, 3]), parameter('b', [2, 3]), parameter('c', [1])],
  );
  t.is(matched.length, 1);
  t.deepEqual(misshapen, [
    { name: 'b', expected: [2, 3], found: [6] },
    { name: 'c', expected: [1], found: [] },
  ]);
});

// --- where the names lie ---

/** The full names that the parameters get, of tensors by their holders. */
const taken = (holders, parameters, key) => {
  const tensors = Object.entries(holders).flatMap(([holder, names]) =>
    names.map(name => stored(name, [1], holder)),
  );
  const found = matchState(
    tensors,
    parameters.map(name => parameter(name)),
    key,
  );
  const { missing, unexpected, choices } = found;
  const full = found.matched.map(({ tensor: { holder, name } }) => (holder ? `${holder}.${name}` : name));
  return { full, missing, unexpected, choices };
};
const whole = { missing: [], unexpected: [], choices: [] };

test('one beginning is taken off the names of the checkpoint', t => {
  t.deepEqual(taken({ state_dict: ['model.a', 'model.b.c', 'criterion.weight'] }, ['a', 'b.c']), {
    ...whole,
    full: ['state_dict.model.a', 'state_dict.model.b.c'],
    unexpected: ['criterion.weight'],
  });
  t.deepEqual(taken({ '': ['net.module.a', 'net.module.b'] }, ['a', 'b']).full, [
    'net.module.a',
    'net.module.b',
  ]);
});

test('or off those of the model', t => {
  t.deepEqual(taken({ '': ['a', 'b'] }, ['model.net.a', 'model.net.b']), { ...whole, full: ['a', 'b'] });
  t.deepEqual(taken({ state_dict: ['backbone.a', 'backbone.b'] }, ['features.a', 'features.b']), {
    ...whole,
    full: ['state_dict.backbone.a', 'state_dict.backbone.b'],
  });
});

test('a compiled part within a model is found', t => {
  t.deepEqual(taken({ '': ['net._orig_mod.a', 'b'] }, ['net.a', 'b']), {
    ...whole,
    full: ['net._orig_mod.a', 'b'],
  });
});

test('dicts of parts are taken together', t => {
  t.deepEqual(
    taken({ 'ckpt.encoder': ['a'], 'ckpt.head': ['b'], 'ckpt.optimizer': ['c'] }, ['encoder.a', 'head.b']),
    {
      ...whole,
      full: ['ckpt.encoder.a', 'ckpt.head.b'],
    },
  );
});

test('of several dicts the one that fits best is taken', t => {
  t.deepEqual(taken({ discriminator: ['a', 'x'], generator: ['a', 'b'] }, ['a', 'b']), {
    ...whole,
    full: ['generator.a', 'generator.b'],
  });
  const shapes = [stored('a', [2], 'first'), stored('a', [3], 'second')];
  t.is(matchState(shapes, [parameter('a', [3])]).matched[0].tensor, shapes[1]);
});

test('where several fit equally well there is a choice, and a key makes it', t => {
  const holders = { state_dict: ['a', 'b'], state_dict_ema: ['a', 'b'] };
  t.deepEqual(taken(holders, ['a', 'b']).choices, ['state_dict', 'state_dict_ema']);
  t.deepEqual(taken(holders, ['a', 'b'], 'state_dict_ema'), {
    ...whole,
    full: ['state_dict_ema.a', 'state_dict_ema.b'],
  });
  const within = { state_dict: ['student.a', 'teacher.a'] };
  t.deepEqual(taken(within, ['a']).choices, ['state_dict.student', 'state_dict.teacher']);
  t.deepEqual(taken(within, ['a'], 'state_dict.teacher').full, ['state_dict.teacher.a']);
  t.deepEqual(taken(within, ['a'], 'none').full, []);
});

test('there is none where both are the same values, or one has the very names', t => {
  const same = ['state_dict', 'model'].map(holder => ({ ...stored('a', [1], holder), place: '0' }));
  t.deepEqual(matchState(same, [parameter('a')]).choices, []);
  t.deepEqual(taken({ '': ['a', 'ema.a'] }, ['a']), { ...whole, full: ['a'], unexpected: ['ema.a'] });
});

test("counts of batches, and a wrapper's name, decide nothing", t => {
  const counted = [parameter('a'), { ...parameter('n.num_batches_tracked', [], 'int64'), buffer: true }];
  const tensors = [
    stored('a', [1], 'state_dict'),
    stored('a', [1], 'ema'),
    stored('n.num_batches_tracked', [], 'ema'),
  ];
  t.deepEqual(matchState(tensors, counted).choices.toSorted(), ['ema', 'state_dict']);
  t.deepEqual(taken({ module: ['a'], ema: ['a'] }, ['a']).choices.toSorted(), ['ema', 'module']);
  t.deepEqual(taken({ module: ['a'], ema: ['a'] }, ['a'], 'module').full, ['module.a']);
  t.deepEqual(taken({ module: ['a'] }, ['a']), { ...whole, full: ['module.a'] });
});

test('a key takes what lies right under it first', t => {
  const holders = { state_dict: ['a', 'ema.a'] };
  t.deepEqual(taken(holders, ['a']).choices, ['state_dict', 'state_dict.ema']);
  t.deepEqual(taken(holders, ['a'], 'state_dict').full, ['state_dict.a']);
  t.deepEqual(taken(holders, ['a'], 'state_dict.ema').full, ['state_dict.ema.a']);
});

test('names of thousands of parts take no time', t => {
  const name = `${'module.'.repeat(6000)}a`;
  t.deepEqual(taken({ '': Array.from({ length: 20 }, (_, i) => `${name}${i}`) }, ['a']).full, []);
});
