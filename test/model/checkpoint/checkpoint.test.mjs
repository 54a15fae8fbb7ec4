import { readdirSync, readFileSync } from 'node:fs';
import fs from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { loadModel, retainLayers } from '../../../lib/index.js';
import { applyCheckpoint, readCheckpoint } from '../../../lib/model/checkpoint/checkpoint.js';
import { modelFile, modelFixture } from '../../fixtures/models.mjs';
import { temporaryFolder } from '../../helpers/broden.mjs';
import { call, pickled, python, storedZip, tensor, writeCheckpoint } from '../../helpers/checkpoint.mjs';
import { randomSource } from '../../helpers/random.mjs';

const FOLDER = path.join(import.meta.dirname, '../../fixtures/checkpoints');
const VERSIONS = readdirSync(FOLDER);
const code = 'ERR_NETDISSECT_CHECKPOINT';

const open = async (t, file) => {
  const checkpoint = await readCheckpoint(file);
  t.teardown(() => checkpoint.close());
  return checkpoint;
};

const floats = (...values) => Buffer.from(Float32Array.from(values).buffer);

// --- what PyTorch writes ---

for (const version of VERSIONS) {
  const expected = JSON.parse(readFileSync(path.join(FOLDER, version, 'expected.json'), 'utf8'));
  for (const [name, { tensors, meta }] of Object.entries(expected))
    test(`PyTorch ${version}, ${name}: names, types, shapes, values and numbers are PyTorch's`, async t => {
      const checkpoint = await open(t, path.join(FOLDER, version, `${name}.pth`));
      const bare = Object.keys(meta).length === 0;
      const state = checkpoint.tensors.filter(({ holder }) => bare || holder !== '');
      t.deepEqual(
        state.map(tensor => tensor.name),
        Object.keys(tensors),
      );
      for (const tensor of state) {
        const saved = tensors[tensor.name];
        t.is(tensor.refusal === null, saved !== null, tensor.name);
        if (saved === null) continue;
        const values = Buffer.from(await tensor.read()).toString('hex');
        t.is(`${tensor.dtype} [${tensor.shape.join(', ')}] ${values}`, saved, tensor.name);
      }
      if (!bare) t.deepEqual(checkpoint.meta, meta);
    });

  test(`PyTorch ${version}: kinds of tensors that are not read say so when they are asked for`, async t => {
    const { tensors } = await open(t, path.join(FOLDER, version, 'unsupported.pth'));
    const said = {
      sparse: /it is stored as a sparse tensor; save a plain tensor/,
      complex: /its type is ComplexFloat; expected one of float64, float32/,
      quantised: /it is stored as a quantised tensor/,
      meta: /it is stored as a meta tensor/,
      uint16: /its type is uint16/,
      float8: /its type is float8_e4m3fn/,
      negated: /its values are stored negated/,
    };
    for (const tensor of tensors.filter(({ name }) => name !== 'plain'))
      await t.throwsAsync(tensor.read(), { code, message: said[tensor.name] }, tensor.name);
    await t.throwsAsync(tensors[1].read(), {
      message: /cannot take 'sparse' from .*unsupported\.pth: it is/,
    });
  });

  test(`PyTorch ${version}: a whole module, and a file without a state dict, are refused`, async t => {
    const refused = (name, message) =>
      t.throwsAsync(readCheckpoint(path.join(FOLDER, version, `${name}.pth`)), { code, message });
    await refused(
      'module',
      /holds a whole module \(torch\..*Sequential\), .*; save its state_dict\(\) instead/,
    );
    await refused('no_state', /holds no state dict \(it has epoch, lr\); save model\.state_dict\(\)/);
  });
}

test('the fixtures were written by several versions of PyTorch', t => {
  t.deepEqual(VERSIONS.sort(), ['1.13.1', '2.13.0']);
});

// --- the zip file ---

test('big-endian values are swapped', async t => {
  const folder = await temporaryFolder(t);
  const storages = { FloatStorage: 4, DoubleStorage: 8, HalfStorage: 2, ByteStorage: 1 };
  const content = {};
  const data = {};
  for (const [storage, bytes] of Object.entries(storages)) {
    content[storage] = tensor(storage, [2], { storage });
    data[storage] = Buffer.from(Array.from({ length: 2 * bytes }, (_, i) => i));
  }
  const file = path.join(folder, 'big.pth');
  await writeCheckpoint(file, content, data, { byteorder: 'big', folder: 'big' });
  const { tensors } = await open(t, file);
  const read = await Promise.all(tensors.map(async tensor => [...(await tensor.read())]));
  t.deepEqual(read, [
    [3, 2, 1, 0, 7, 6, 5, 4],
    [7, 6, 5, 4, 3, 2, 1, 0, 15, 14, 13, 12, 11, 10, 9, 8],
    [1, 0, 3, 2],
    [0, 1],
  ]);
});

test('any strides are read as a slow loop reads them', async t => {
  const folder = await temporaryFolder(t);
  const { below, uniform } = randomSource(5);
  const stored = Float32Array.from({ length: 500 }, uniform);
  const content = {};
  const cases = {};
  for (let i = 0; i < 60; i++) {
    const shape = Array.from({ length: below(5) }, () => 1 + below(4));
    const strides = shape.map(() => below(30));
    const offset = below(50);
    content[`t${i}`] = tensor('0', shape, { strides, offset });
    cases[`t${i}`] = { shape, strides, offset };
  }
  const file = await writeCheckpoint(path.join(folder, 'strided.pth'), content, {
    0: Buffer.from(stored.buffer),
  });
  for (const { name, read } of (await open(t, file)).tensors) {
    const { shape, strides, offset } = cases[name];
    let indices = [[]];
    for (const size of shape)
      indices = indices.flatMap(index => Array.from({ length: size }, (_, i) => [...index, i]));
    const expected = indices.map(
      index => stored[index.reduce((sum, i, axis) => sum + i * strides[axis], offset)],
    );
    const bytes = await read();
    t.deepEqual([...new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4)], expected, name);
  }
});

test('tensors are read when they are asked for, not before', async t => {
  const folder = await temporaryFolder(t);
  const file = path.join(folder, 'a.pth');
  await writeCheckpoint(file, { a: tensor('0', [1]), b: tensor('1', [1]) }, { 0: floats(1), 1: floats(2) });
  // the local header of b's values is spoilt
  const bytes = await fs.readFile(file);
  bytes.fill(0, bytes.indexOf('archive/data/1') - 30, bytes.indexOf('archive/data/1'));
  await fs.writeFile(file, bytes);
  const [a, b] = (await open(t, file)).tensors;
  t.deepEqual(Buffer.from(await a.read()), floats(1));
  await t.throwsAsync(b.read(), { code, message: /is damaged or cut off \(invalid local file header/ });
});

test('a zip file that was compressed is read, or refused where it is not what it declares', async t => {
  const folder = await temporaryFolder(t);
  const file = path.join(folder, 'a.pth');
  const zeros = Buffer.alloc(40_000);
  await writeCheckpoint(
    file,
    { a: tensor('0', [2]), b: tensor('0', [1], { offset: 1 }), zeros: tensor('1', [10_000]) },
    { 0: floats(1, 2), 1: zeros },
    { deflated: true },
  );
  const { tensors } = await open(t, file);
  const read = await Promise.all(tensors.map(async tensor => Buffer.from(await tensor.read())));
  t.deepEqual(read, [floats(1, 2), floats(2), zeros]);

  const bytes = await fs.readFile(file);
  const spoilt = async (change, message) => {
    const copy = Buffer.from(bytes);
    change(copy, copy.lastIndexOf('archive/data/1') - 46);
    await fs.writeFile(path.join(folder, 'spoilt.pth'), copy);
    const { tensors: found } = await open(t, path.join(folder, 'spoilt.pth'));
    await t.throwsAsync(found[2].read(), { code, message });
  };
  await spoilt(
    (copy, at) => copy.writeUInt32LE(1, at + 16),
    /is damaged or cut off \(archive\/data\/1: its CRC-32/,
  );
  await spoilt((copy, at) => copy.writeUInt32LE(41_000, at + 24), /not the 41000 bytes that it declares/);
  await spoilt((copy, at) => copy.writeUInt32LE(2 ** 30, at + 24), /not the 1073741824 bytes/);
});

test('pickles of protocol 0 and 1 are refused', async t => {
  const folder = await temporaryFolder(t);
  for (const pickle of ['(dp0\nVa\np1\nI1\ns.', '}q\0X\x01\0\0\0aq\x01K\x01s.']) {
    const file = path.join(folder, 'a.pth');
    await fs.writeFile(file, storedZip({ 'a/data.pkl': Buffer.from(pickle, 'latin1') }));
    await t.throwsAsync(readCheckpoint(file), { code, message: /a\.pth was pickled with protocol 0 or 1/ });
    await fs.writeFile(file, pickle, 'latin1');
    await t.throwsAsync(readCheckpoint(file), { code, message: /is a plain pickle, no PyTorch checkpoint/ });
  }
});

test('files that are no checkpoint are refused, saying what they are', async t => {
  const folder = await temporaryFolder(t);
  const refused = async (file, message) => t.throwsAsync(readCheckpoint(file), { code, message }, file);
  const write = async (name, data) => {
    await fs.writeFile(path.join(folder, name), data);
    return path.join(folder, name);
  };
  const whole = await fs.readFile(modelFile('resnet_weights.pth'));
  await refused(path.join(folder, 'none.pth'), /cannot load the checkpoint .*none\.pth: it is missing/);
  await refused(folder, /it is a folder, not a file/);
  await refused(await write('empty.pth', ''), /is no PyTorch checkpoint; give a file that torch\.save wrote/);
  await refused(await write('text.pth', 'hello world, this is text'), /is no PyTorch checkpoint/);
  await refused(await write('plain.pkl', pickled({ a: 1 })), /is a plain pickle, no PyTorch checkpoint/);
  await refused(
    modelFile('legacy.pth'),
    /from before PyTorch 1\.6, .*torch\.save\(torch\.load\(FILE\), NEW_FILE\)/,
  );
  await refused(modelFile('listed_s.pt'), /is a TorchScript model, not a checkpoint; give it as the model/);
  await refused(await write('cut.pth', whole.subarray(0, 20_000)), /is damaged or cut off/);
  await refused(
    await write('other.zip', storedZip({ 'a/b.txt': 'text' })),
    /is a zip file without a data\.pkl/,
  );
  const compressed = storedZip({ 'a/data.pkl': 'x' });
  compressed.writeUInt16LE(12, 8);
  compressed.writeUInt16LE(12, compressed.indexOf('PK\x01\x02') + 10);
  await refused(
    await write('compressed.pth', compressed),
    /holds 'a\/data\.pkl' compressed by a method that is not known \(12\)/,
  );
  await refused(
    await write('pickle.pth', storedZip({ 'a/data.pkl': Buffer.from([0x80, 2, 0x58]) })),
    /is damaged or cut off \(data\.pkl: the pickle ends too early at byte \d+\)/,
  );
  const deep = { opcodes: `)${'\x85'.repeat(100_000)}` };
  for (const [content, message] of [
    [null, /holds no state dict; save model/],
    [[1, 2], /holds no state dict/],
    [{ state_dict: {} }, /holds no state dict \(it has state_dict\)/],
    [new Map([[1, tensor('0', [1])]]), /holds no state dict/],
    [new Map([[deep, 1]]), /holds no state dict/],
  ])
    await refused(await writeCheckpoint(path.join(folder, 'other.pth'), content, { 0: floats(1) }), message);
});

// --- hostile files ---

test('nothing pickled is executed', async t => {
  const folder = await temporaryFolder(t);
  const trace = path.join(folder, 'trace');
  const file = path.join(folder, 'hostile.pth');
  const attack = call(python('os', 'system'), [`touch ${trace}`]);
  await writeCheckpoint(
    file,
    { epoch: 1, attack, state_dict: { a: tensor('0', [1]), attack } },
    { 0: floats(1) },
  );
  const checkpoint = await open(t, file);
  t.deepEqual(
    checkpoint.tensors.map(({ name }) => name),
    ['a'],
  );
  t.deepEqual(checkpoint.meta, { epoch: 1 });
  await t.throwsAsync(fs.stat(trace), { code: 'ENOENT' });
});

test('tensors that reach beyond their values, or make no sense, are refused', async t => {
  const folder = await temporaryFolder(t);
  const huge = 2 ** 52;
  const rebuild = python('torch._utils', '_rebuild_tensor_v2');
  const content = {
    fits: tensor('0', [2, 2]),
    long: tensor('0', [5]),
    offset: tensor('0', [2, 2], { offset: 1 }),
    stride: tensor('0', [2, 2], { strides: [3, 1] }),
    wide: tensor('0', [3], { storage: 'DoubleStorage' }),
    twice: tensor('0', [2], { strides: [huge] }),
    many: tensor('0', [huge, huge], { strides: [0, 0] }),
    negative: tensor('0', [2], { strides: [-1] }),
    before: tensor('0', [2], { offset: -1 }),
    fraction: tensor('0', [1.5]),
    uneven: tensor('0', [2, 2], { strides: [1] }),
    cut: tensor('1', [2]),
    absent: tensor('7', [1]),
    outside: tensor('../data.pkl', [1]),
    bare: call(rebuild, []),
    none: call(rebuild, [null, 0, [1], [1]]),
    dimensions: tensor('0', Array(1000).fill(1)),
    nothing: tensor('0', [0, huge], { offset: huge }),
  };
  const file = await writeCheckpoint(path.join(folder, 'a.pth'), content, {
    0: floats(1, 2, 3, 4),
    1: floats(1, 2).subarray(0, 7), // a byte short
  });
  for (const { name, refusal, read } of (await open(t, file)).tensors)
    if (name === 'fits') t.deepEqual(Buffer.from(await read()), floats(1, 2, 3, 4));
    else if (name === 'nothing') t.is((await read()).length, 0);
    else {
      t.regex(String(refusal), /reaches beyond its values|description is damaged|lacks its values/, name);
      await t.throwsAsync(read(), { code }, name);
    }
});

test('a tensor that was expanded beyond all memory is refused when it is read', async t => {
  const file = path.join(await temporaryFolder(t), 'a.pth');
  const content = {
    some: tensor('0', [3, 2], { strides: [0, 1] }),
    all: tensor('0', [2 ** 24, 2 ** 24], { strides: [0, 0] }),
  };
  await writeCheckpoint(file, content, { 0: floats(1, 2) });
  const [some, all] = (await open(t, file)).tensors;
  t.deepEqual(Buffer.from(await some.read()), floats(1, 2, 1, 2, 1, 2));
  await t.throwsAsync(all.read(), {
    code,
    message: `cannot take 'all' from ${file}: memory does not hold its 16777216 × 16777216 values; where it was expanded, save what it was expanded from`,
  });
});

test('one dict under two names is found under both; dicts that share others end', async t => {
  const folder = await temporaryFolder(t);
  // d = {'a': tensor}; {'model': d, 'ema': d}
  const same = { opcodes: [{ a: tensor('0', [1]) }, { opcodes: 'q\x01' }] };
  const file = await writeCheckpoint(
    path.join(folder, 'same.pth'),
    { model: same, ema: { opcodes: 'h\x01' } },
    { 0: floats(1) },
  );
  t.deepEqual(
    (await open(t, file)).tensors.map(({ holder, name }) => `${holder}.${name}`),
    ['model.a', 'ema.a'],
  );
  let laughs = { opcodes: [{ a: tensor('0', [1]) }, { opcodes: 'q\x01' }] };
  for (let i = 0; i < 30; i++)
    laughs = { opcodes: [{ a: laughs, b: { opcodes: 'h\x01' } }, { opcodes: 'q\x01' }] };
  const deep = await writeCheckpoint(path.join(folder, 'deep.pth'), laughs, { 0: floats(1) });
  await t.throwsAsync(readCheckpoint(deep), { code, message: /holds no state dict/ });
});

test('objects that hold themselves end', async t => {
  const folder = await temporaryFolder(t);
  // args = []; self = _rebuild_parameter(*args); args.append(self)
  const self = { opcodes: 'ctorch._utils\n_rebuild_parameter\n]q\x01Rq\x02h\x01h\x02a0' };
  const file = await writeCheckpoint(
    path.join(folder, 'a.pth'),
    { self, a: tensor('0', [1]) },
    { 0: floats(1) },
  );
  t.deepEqual(
    (await open(t, file)).tensors.map(({ name }) => name),
    ['a'],
  );
});

test('a damaged file is read, or refused with a sentence', async t => {
  const folder = await temporaryFolder(t);
  const whole = await fs.readFile(path.join(FOLDER, '2.13.0/wrapped.pth'));
  const { below } = randomSource(7);
  const file = path.join(folder, 'damaged.pth');
  let refusals = 0;
  for (let i = 0; i < 400; i++) {
    let bytes = Buffer.from(whole);
    if (i % 4 === 0) bytes = bytes.subarray(0, below(bytes.length));
    else for (let n = 0; n < i % 20; n++) bytes[below(bytes.length)] = below(256);
    await fs.writeFile(file, bytes);
    try {
      const checkpoint = await readCheckpoint(file);
      try {
        for (const tensor of checkpoint.tensors) await tensor.read();
      } finally {
        await checkpoint.close();
      }
    } catch (error) {
      refusals++;
      if (error.code !== code) t.fail(error.stack);
    }
  }
  t.true(refusals > 100);
});

// --- into a model ---

const parameter = (name, shape = [1], dtype = 'float32') => ({ name, shape, dtype });

/** A model that keeps what it is given. */
const stub = (...parameters) => ({
  given: {},
  parameters: async () => parameters,
  async setParameter(name, dtype, bytes) {
    this.given[name] = [dtype, Buffer.from(bytes)];
  },
});

test('every parameter gets its values, tied ones each; entries without a place are listed', async t => {
  const file = path.join(await temporaryFolder(t), 'a.pth');
  const a = tensor('0', [2]);
  await writeCheckpoint(
    file,
    { epoch: 4, model: { a, tied: a, head: tensor('1', [1], { storage: 'HalfStorage' }) } },
    {
      0: floats(1, 2),
      1: floats(3),
    },
  );
  const model = stub(parameter('tied', [2]), parameter('a', [2]));
  t.deepEqual(await applyCheckpoint(model, file), { meta: { epoch: 4 }, unexpected: ['head'], kept: [] });
  t.deepEqual(model.given, { a: ['float32', floats(1, 2)], tied: ['float32', floats(1, 2)] });
});

test('of several state dicts that fit one has to be chosen', async t => {
  const file = path.join(await temporaryFolder(t), 'a.pth');
  const content = { epoch: 4, state_dict: { a: tensor('0', [1]) }, state_dict_ema: { a: tensor('1', [1]) } };
  await writeCheckpoint(file, content, { 0: floats(1), 1: floats(2) });
  const model = stub(parameter('a'));
  await t.throwsAsync(applyCheckpoint(model, file), {
    code,
    message: `${file} has several state dicts that fit the model, state_dict, state_dict_ema; choose one with checkpointKey`,
  });
  t.deepEqual(model.given, {});
  t.deepEqual((await applyCheckpoint(model, file, 'state_dict_ema')).meta, { epoch: 4 });
  t.deepEqual(model.given, { a: ['float32', floats(2)] });
  await t.throwsAsync(applyCheckpoint(model, file, 'ema'), {
    code,
    message: `${file} has nothing under 'ema'; it has state_dict, state_dict_ema`,
  });
});

test('a checkpoint that does not fit changes nothing and says why', async t => {
  const file = path.join(await temporaryFolder(t), 'a.pth');
  const content = Object.fromEntries(['a', 'b', 'c'].map(name => [name, tensor('0', [2])]));
  await writeCheckpoint(file, content, { 0: floats(1, 2) });
  const refused = async (parameters, message) => {
    const model = stub(...parameters);
    await t.throwsAsync(applyCheckpoint(model, file), { code, message });
    t.deepEqual(model.given, {});
  };
  await refused(
    [parameter('a', [2]), parameter('x'), parameter('y')],
    `${file} does not fit the model: it lacks x, y; the model has no place for b, c; give the checkpoint of this very model`,
  );
  await refused(
    [parameter('a', [2]), ...Array.from({ length: 9 }, (_, i) => parameter(`p${i}`))],
    /it lacks p0, p1, p2, p3 and 5 more; /,
  );
  await refused(
    [parameter('a', [2]), parameter('b', [1, 2]), parameter('c', [])],
    /of another shape are b \(the model's is \[1, 2\], the checkpoint's \[2\]\), c \(the model's is \[\], the/,
  );
  await refused(
    [parameter('x'), parameter('y')],
    /fits nothing in the model: it has entries named a, b, c, and the model has x, y; give the checkpoint of this/,
  );
  await refused(
    [],
    /the model, which has no parameters \(freezing removes them\); export it without freezing/,
  );
});

test('a tensor that cannot be read matters where the model needs it', async t => {
  const file = path.join(FOLDER, '2.13.0/unsupported.pth');
  const model = stub(parameter('plain', [2]));
  await applyCheckpoint(model, file);
  t.deepEqual(Object.keys(model.given), ['plain']);
  const other = stub(parameter('plain', [2]), parameter('quantised', [2]));
  await t.throwsAsync(applyCheckpoint(other, file), {
    code,
    message: /cannot take 'quantised' from .*unsupported\.pth: it is stored as a quantised tensor/,
  });
  t.deepEqual(other.given, {});
});

const close = (actual, expected) =>
  actual.length === expected.length &&
  expected.every((value, i) => Math.abs(value - actual[i]) <= 1e-4 * Math.max(1, Math.abs(value)));

for (const [family, values, checkpoint, meta] of [
  ['resnet', 'resnet_weights', 'resnet_weights.pth', {}],
  ['resnet', 'resnet_weights', 'resnet_checkpoint.pth', { epoch: 7, best_accuracy: 61.5 }],
  ['resnet', 'resnet_weights', 'resnet_parallel.pth', { epoch: 8 }],
  ['listed', 'listed_mixed', 'listed_mixed.pth', { epoch: 9 }],
])
  for (const [kind, file] of Object.entries(modelFixture(family).files))
    test(`${family}, ${kind}, computes with ${checkpoint} what PyTorch computes`, async t => {
      const { input, layers } = modelFixture(values);
      const model = await loadModel(file, { device: 'cpu', checkpoint: modelFile(checkpoint) });
      t.teardown(() => model.close());
      t.deepEqual(model.checkpoint, { meta, unexpected: [], kept: [] });
      retainLayers(model, Object.keys(layers));
      const outputs = await model.forward(input.values, input.shape);
      for (const [i, [name, layer]] of Object.entries(layers).entries())
        t.true(close(outputs[i].values, layer.final[0].values), name);
    });

test('a model whose checkpoint does not fit is not loaded', async t => {
  const { files } = modelFixture('listed');
  await t.throwsAsync(
    loadModel(files.scripted, { device: 'cpu', checkpoint: modelFile('resnet_weights.pth') }),
    {
      code,
      message:
        /fits nothing in the model: it has entries named conv1\.weight, .*, and the model has blocks\.0\.weight/,
    },
  );
});
