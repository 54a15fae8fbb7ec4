import fs from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { loadModel, retainLayers } from '../../lib/index.js';
import nativeModule from '../../lib/native/native.js';
import { modelFile, modelFixture } from '../fixtures/models.mjs';
import { temporaryFolder } from '../helpers/broden.mjs';

const open = async (t, file) => {
  const model = await loadModel(file, { device: 'cpu' });
  t.teardown(() => model.close());
  return model;
};

const FAMILIES = [
  'alexnet',
  'resnet',
  'inception',
  'branches',
  'shared',
  'listed',
  'overloaded',
  'control',
  'early',
  'in_place',
  'in_place_later',
  'training',
  'unused',
  'fixed_size',
  'kinds',
  'flattened',
  'flattened_grey',
  'forked',
  'interfaces',
  'methods',
  'hooked',
  'of_batch',
  'grey',
  'alpha',
  'on_device',
];

/** Tracing keeps nothing of a layer that gives back its input. */
const LOST_BY_TRACING = { in_place: 'same' };

/** Layers whose outputs are maps that can be dissected: one float tensor, [N, C] or [N, C, H, W]. */
const mapLayers = fixture =>
  Object.entries(fixture.layers).filter(
    ([, layer]) =>
      /float|half/i.test(layer.dtype) &&
      layer.final.length === 1 &&
      [2, 4].includes(layer.final[0].shape.length),
  );

const close = (actual, expected) => {
  const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-6);
  return (
    actual.length === expected.length &&
    expected.every((value, i) => Math.abs(value - actual[i]) <= 1e-4 * largest)
  );
};

for (const family of FAMILIES)
  for (const [kind, file] of Object.entries(modelFixture(family).files))
    test(`${family}, ${kind}: the outputs are those that Python's forward hooks keep`, async t => {
      const fixture = modelFixture(family);
      const model = await open(t, file);
      const layers = mapLayers(fixture).filter(
        ([name]) => !(kind === 'traced' && name === LOST_BY_TRACING[family]),
      );
      t.true(layers.length > 0);
      // alone, so that the forward ends there, and together
      for (const group of [layers, ...layers.map(layer => [layer])]) {
        retainLayers(
          model,
          group.map(([name]) => name),
        );
        const outputs = await model.forward(fixture.input.values, fixture.input.shape);
        for (const [i, [name, layer]] of group.entries()) {
          const [n, c, h = 1, w = 1] = layer.final[0].shape;
          t.deepEqual(outputs[i].shape, [n, c, h, w], name);
          t.true(close(outputs[i].values, layer.final[0].values), `${name}: values`);
          t.is(outputs[i].changedInPlace, layer.changedInPlace, `${name}: changed in place`);
        }
        retainLayers(
          model,
          group.map(([name]) => name),
          { values: 'call' },
        );
        const early = await model.forward(fixture.input.values, fixture.input.shape);
        for (const [i, [name, layer]] of group.entries()) {
          t.true(close(early[i].values, layer.atCall[0].values), `${name}: values at the call`);
          t.is(early[i].changedInPlace, layer.changedInPlace, `${name}: changed in place after the call`);
        }
      }
    });

test('the tensors of a tuple or a list are taken by index, alone and together', async t => {
  for (const [family, names] of Object.entries({
    several: ['pair[0]', 'pair[1]', 'listing[1]', 'listing[0]'],
    changing: ['listing[0]', 'listing[1]', 'listing[2]'],
  })) {
    const fixture = modelFixture(family);
    for (const file of Object.values(fixture.files)) {
      const model = await open(t, file);
      for (const group of [names, ...names.map(name => [name])]) {
        retainLayers(model, group);
        const outputs = await model.forward(fixture.input.values, fixture.input.shape);
        for (const [i, name] of group.entries()) {
          const expected = fixture.layers[name.slice(0, -3)].final[Number(name.at(-2))];
          t.deepEqual(outputs[i].shape, expected.shape, name);
          t.true(close(outputs[i].values, expected.values), `${family} ${name}`);
        }
      }
    }
  }
});

/** `[N, H, W, C]` as `[N, C, H, W]`. */
function unitsFirst({ shape: [n, h, w, c], values }) {
  const cells = h * w;
  const map = Float32Array.from({ length: values.length }, (_, i) => {
    const [image, unit, cell] = [Math.floor(i / (c * cells)), Math.floor(i / cells) % c, i % cells];
    return values[(image * cells + cell) * c + unit];
  });
  return { shape: [n, c, h, w], values: map };
}

const LAST = ['last', 'norm', 'linear'];

test('outputs with the units last are known by their shape, on an image that is not square, too', async t => {
  const fixture = modelFixture('units_last');
  for (const file of Object.values(fixture.files)) {
    const model = await open(t, file);
    const listed = await model.layers(fixture.input.shape.slice(2));
    for (const [name, { final }] of Object.entries(fixture.layers)) {
      const last = LAST.includes(name);
      const expected = last ? unitsFirst(final[0]) : final[0];
      retainLayers(model, [name]);
      const [output] = await model.forward(fixture.input.values, fixture.input.shape);
      t.is(output.unitsLast, last, name);
      t.deepEqual(output.shape, expected.shape, name);
      t.true(close(output.values, expected.values), name);
      const info = listed.find(info => info.name === name);
      t.is(info.unitsLast, last, name);
      t.deepEqual(info.shape, expected.shape.slice(1), name);
    }
  }
});

test('layout says where the units are, against what the shape says', async t => {
  const fixture = modelFixture('units_last');
  const model = await open(t, fixture.files.scripted);
  const { final } = fixture.layers.norm;
  for (const [layout, expected] of [
    ['nchw', final[0]],
    ['nhwc', unitsFirst(final[0])],
  ]) {
    retainLayers(model, ['norm'], { layout });
    const [output] = await model.forward(fixture.input.values, fixture.input.shape);
    t.is(output.unitsLast, layout === 'nhwc');
    t.deepEqual(output.shape, expected.shape);
    t.true(close(output.values, expected.values));
  }
});

test('a shape that fits both ways has the units first, unless layout says otherwise', async t => {
  const model = await open(t, modelFixture('units_last').files.scripted);
  const lastOf = async options =>
    (await model.layers(10, options)).filter(info => info.unitsLast).map(info => info.name); // 5 × 5 × 5
  t.deepEqual(await lastOf(), ['linear']);
  t.deepEqual(await lastOf({ layout: 'nchw' }), []);
  t.deepEqual(await lastOf({ layout: 'nhwc' }), ['embed', ...LAST, 'first', 'conv']);
});

/** `[N, T, C]` as `[N, C, rows, columns]`, without the first `dropped` tokens. */
function mapOfTokens({ shape: [n, t, c], values }, dropped, [rows, columns]) {
  const cells = rows * columns;
  const map = new Float32Array(n * c * cells);
  for (let i = 0; i < n; i++)
    for (let token = dropped; token < t; token++)
      for (let u = 0; u < c; u++)
        map[(i * c + u) * cells + token - dropped] = values[(i * t + token) * c + u];
  return { shape: [n, c, rows, columns], values: map };
}

test('tokens count as a map: their grid is that of whole patches, other tokens come first', async t => {
  const fixture = modelFixture('transformer');
  for (const file of Object.values(fixture.files)) {
    const model = await open(t, file);
    for (const [name, tokens, dropped, side] of [
      ['patches', 'auto', 0, 4],
      ['tokens', 'auto', 1, 4],
      ['tokens', 1, 1, 4],
      ['tokens', 8, 8, 3],
      ['tokens', 'first:1', 1, 4],
      ['odd', 6, 6, 3],
    ]) {
      retainLayers(model, [name], { tokens });
      const [output] = await model.forward(fixture.input.values, fixture.input.shape);
      const expected = mapOfTokens(fixture.layers[name].final[0], dropped, [side, side]);
      t.deepEqual(output.shape, expected.shape, name);
      t.is(output.tokensDropped, dropped, name);
      t.true(close(output.values, expected.values), name);
    }
  }
});

test('every layer of a vision transformer: patches of an image that is not square, five other tokens', async t => {
  const fixture = modelFixture('vit');
  for (const [kind, file] of Object.entries(fixture.files)) {
    const model = await open(t, file);
    const listed = await model.layers(fixture.input.shape.slice(2));
    for (const [name, layer] of Object.entries(fixture.layers)) {
      // tracing leaves out what nobody uses, here the attention itself
      const part = layer.final.length > 1 && kind === 'scripted' ? '[0]' : '';
      retainLayers(model, [name + part]);
      const [output] = await model.forward(fixture.input.values, fixture.input.shape);
      const [n, c, h = 1, w = 1] = layer.final[0].shape;
      const tokens = layer.final[0].shape.length === 3;
      const expected = tokens
        ? mapOfTokens(layer.final[0], 5, [4, 3])
        : { shape: [n, c, h, w], values: layer.final[0].values };
      t.deepEqual(output.shape, expected.shape, name);
      t.is(output.tokensDropped, tokens ? 5 : 0, name);
      t.true(close(output.values, expected.values), name);
      if (!part) t.deepEqual(listed.find(info => info.name === name).shape, expected.shape.slice(1), name);
    }
    t.true(Object.keys(fixture.layers).some(name => fixture.layers[name].final.length === 2));
  }
});

test('the fixtures show values that change after the call', t => {
  const changed = FAMILIES.flatMap(family =>
    mapLayers(modelFixture(family)).filter(
      ([, layer]) => !close(layer.atCall[0].values, layer.final[0].values),
    ),
  );
  t.true(changed.length >= 5);
});

test('layers(): shapes, calls, and what cannot be dissected', async t => {
  const fixture = modelFixture('alexnet');
  const model = await open(t, fixture.files.scripted);
  const layers = await model.layers(fixture.input.shape.slice(2));
  const of = name => layers.find(layer => layer.name === name);
  t.deepEqual(of('features.0').shape, fixture.layers['features.0'].final[0].shape.slice(1));
  t.is(of('features.0').type, 'Conv2d');
  t.is(of('features.0').calls, 1);
  t.true(of('features.0').changedInPlace);
  t.is(of('features.0').refusal, null);
  const resnet = await open(t, modelFixture('resnet').files.traced);
  const calls = Object.entries(modelFixture('resnet').layers).map(([name, layer]) => [name, layer.calls]);
  const listed = await resnet.layers(modelFixture('resnet').input.shape.slice(2));
  for (const [name, expected] of calls) t.is(listed.find(layer => layer.name === name).calls, expected, name);
  const unused = await open(t, modelFixture('unused').files.scripted ?? modelFixture('unused').files.traced);
  const never = (await unused.layers(modelFixture('unused').input.shape.slice(2))).find(
    layer => layer.name === 'never',
  );
  t.is(never.calls, 0);
  t.is(never.refusal, 'it is never called');
});

test('the geometry of AlexNet: strides 4 8 16 16 16 32, offsets 3 7 15 15 15 31', async t => {
  for (const file of Object.values(modelFixture('alexnet').files)) {
    const layers = await (await open(t, file)).layers(modelFixture('alexnet').input.shape.slice(2));
    const geometry = [0, 3, 6, 8, 10, 12].map(i => layers.find(layer => layer.name === `features.${i}`));
    t.deepEqual(
      geometry.map(layer => layer.scale),
      [4, 8, 16, 16, 16, 32].map(s => [s, s]),
    );
    t.deepEqual(
      geometry.map(layer => layer.offset),
      [3, 7, 15, 15, 15, 31].map(o => [o, o]),
    );
  }
});

test('where branches of different geometry meet there is none', async t => {
  for (const file of Object.values(modelFixture('branches').files)) {
    const layers = await (await open(t, file)).layers(modelFixture('branches').input.shape.slice(2));
    t.is(layers.find(layer => layer.name === 'mixed').scale, null);
    t.true(layers.some(layer => layer.scale !== null));
  }
});

test('the geometry is where a pixel moves a cell', async t => {
  // Independent of the graph: a cell moves with the pixels around scale · c + offset, evenly to both sides.
  for (const family of ['alexnet', 'resnet', 'inception']) {
    const model = await open(t, modelFixture(family).files.scripted);
    const [, , height, width] = modelFixture(family).input.shape;
    const layers = (await model.layers([height, width])).filter(
      layer => layer.scale && layer.shape[1] > 4 && !layer.changedInPlace,
    );
    t.true(layers.length > 1, family);
    for (const layer of layers.slice(0, 4)) {
      retainLayers(model, [layer.name]);
      const base = new Float32Array(3 * height * width).map((_, i) => Math.sin(i * 12.9898) * 2);
      const before = (await model.forward(base, [1, 3, height, width]))[0];
      const [, units, rows, columns] = before.shape;
      const row = rows >> 1;
      const moved = [];
      for (let y = 0; y < height; y++) {
        const pixels = base.slice();
        for (let c = 0; c < 3; c++)
          for (let x = 0; x < width; x++) pixels[c * height * width + y * width + x] += 3;
        const after = (await model.forward(pixels, [1, 3, height, width]))[0];
        let moves = false;
        for (let u = 0; u < units && !moves; u++)
          for (let x = 0; x < columns && !moves; x++) {
            const at = (u * rows + row) * columns + x;
            moves = after.values[at] !== before.values[at];
          }
        if (moves) moved.push(y);
      }
      const centre = (moved[0] + moved[moved.length - 1]) / 2;
      const expected = layer.scale[0] * row + layer.offset[0];
      if (moved[0] > 0 && moved[moved.length - 1] < height - 1)
        t.true(Math.abs(centre - expected) <= 1, `${family} ${layer.name}: ${centre}, not ${expected}`);
    }
  }
});

const refused = async (t, file, pattern) =>
  t.throwsAsync(loadModel(file), { code: 'ERR_NETDISSECT_MODEL', message: pattern });

test('files that are no TorchScript model are refused, saying what they are', async t => {
  const folder = await temporaryFolder(t);
  const write = async (name, data) => {
    await fs.writeFile(path.join(folder, name), data);
    return path.join(folder, name);
  };
  await refused(t, path.join(folder, 'none.pt'), /cannot load .*none\.pt: it is missing/);
  await refused(t, folder, /it is a folder, not a model file/);
  await refused(t, await write('empty.pt', ''), /it is no TorchScript file/);
  await refused(t, await write('text.pt', 'hello world'), /it is no TorchScript file/);
  await refused(t, modelFile('legacy.pth'), /it is no TorchScript file/);
  await refused(t, modelFile('truncated.pt'), /it is damaged or cut off/);
  await refused(t, modelFile('resnet_weights.pth'), /holds a state dict or another pickled object/);
  await refused(t, modelFile('resnet_pickled.pth'), /holds a state dict or another pickled object/);
});

test('what no LibTorch loads is refused with what it is', async t => {
  await refused(
    t,
    modelFile('foreign_operator.pt'),
    /its code calls the operator elsewhere::suppress, which LibTorch does not have .*; export the part of the model before it/,
  );
  await refused(
    t,
    modelFile('for_inference.pt'),
    /it holds constants that no file keeps, as torch\.jit\.optimize_for_inference makes them; export it without that/,
  );
});

test('a frozen model is refused, saying that it is', async t => {
  const model = await open(t, modelFile('frozen.pt'));
  await t.throwsAsync(model.layers(16), {
    code: 'ERR_NETDISSECT_MODEL',
    message: /was frozen .*; export it without freezing/,
  });
});

const cannot = async (t, family, layer, code, pattern, { size, kind = 'scripted', tokens } = {}) => {
  const fixture = modelFixture(family);
  const model = await open(t, fixture.files[kind]);
  retainLayers(model, [layer], { tokens });
  const shape = size ?? fixture.input.shape;
  const values = size ? new Float32Array(size.reduce((a, b) => a * b)) : fixture.input.values;
  await t.throwsAsync(model.forward(values, shape), { code, message: pattern });
};

test('layers that cannot be dissected are refused, saying why', async t => {
  const code = 'ERR_NETDISSECT_LAYER';
  await cannot(
    t,
    'alexnet',
    'features.99',
    code,
    /no layer 'features\.99'; the nearest names are features\.\d+, features\.\d+, features\.\d+/,
  );
  await cannot(t, 'alexnet', 'feature', code, /the nearest names are features/);
  await cannot(t, 'unused', 'never', code, /'never' is never called; choose another layer/);
  const kinds = Object.entries(modelFixture('kinds').layers);
  const [whole] = kinds.find(([, layer]) => /int/i.test(layer.dtype));
  await cannot(t, 'kinds', whole, code, /its output holds whole numbers/);
  await cannot(t, 'in_place', 'same', code, /tracing keeps nothing of a layer that gives back its input/, {
    kind: 'traced',
  });
  const [tuple] = Object.entries(modelFixture('several').layers).find(([, layer]) => layer.final.length > 1);
  await cannot(t, 'several', tuple, code, /its output is a tuple of 2; name one of its tensors/);
  await cannot(t, 'several', 'pair[2]', code, /its output is a tuple of 2; name one of its tensors/);
  await cannot(t, 'several', 'enter[0]', code, /'enter\[0\]' cannot be dissected: it gives one tensor/);
  await cannot(t, 'several', 'pear[0]', code, /no layer 'pear\[0\]'; the nearest names are pair,/);
  await cannot(
    t,
    'transformer',
    'odd',
    code,
    /15 tokens are not plainly a grid of patches of an image of 16×16 pixels \(its convolutions make 4×4/,
  );
  await cannot(t, 'transformer', 'tokens', code, /17 tokens less 2 are no grid/, { tokens: 2 });
  await cannot(t, 'transformer', 'tokens', code, /shape \[2, 17, 4\]/, { tokens: 'none' });
  await cannot(t, 'transformer', 'volume', code, /shape \[2, 1, 1, 15, 4\]/);
});

test('a model that fails on the image size is refused with the reason', t =>
  cannot(
    t,
    'fixed_size',
    Object.keys(modelFixture('fixed_size').layers).at(-1),
    'ERR_NETDISSECT_FORWARD',
    /fails on images of 9×9: /,
    { size: [1, modelFixture('fixed_size').input.shape[1], 9, 9] },
  ));

test('layers are named once', async t => {
  const model = await open(t, modelFixture('alexnet').files.traced);
  t.throws(() => retainLayers(model, []), { code: 'ERR_NETDISSECT_OPTION' });
  t.throws(() => retainLayers(model, ['a:x', 'a:y']), {
    code: 'ERR_NETDISSECT_OPTION',
    message: /'a' is named twice/,
  });
  retainLayers(model, ['a:x', ['b', 'y'], 'c']);
  t.deepEqual(model.retained, [
    { name: 'a', reported: 'x' },
    { name: 'b', reported: 'y' },
    { name: 'c', reported: 'c' },
  ]);
});

test('an unknown device is refused', t =>
  t.throwsAsync(loadModel(modelFixture('alexnet').files.traced, { device: 'cudax' }), {
    code: 'ERR_NETDISSECT_OPTION',
    message: "expected auto, cpu, cuda or cuda:N for device but received 'cudax'",
  }));

test('forward refuses pixels of another type or number', async t => {
  const model = await open(t, modelFixture('identity').files.scripted);
  t.throws(() => model.forward(new Float32Array(12), [1, 3, 2, 2]), { message: /no layer is retained/ });
  retainLayers(model, ['units']);
  t.throws(() => model.forward(new Uint8Array(12), [1, 3, 2, 2]), { message: /must be a Float32Array/ });
  t.throws(() => model.forward(new Float64Array(12), [1, 3, 2, 2]), { message: /must be a Float32Array/ });
  t.throws(() => model.forward(new Float32Array(11), [1, 3, 2, 2]), { message: /count × channels/ });
  t.throws(() => model.forward(new Float32Array(12), [-1, -3, 2, 2]), { message: /count × channels/ });
});

test('a closed model refuses to work', async t => {
  const model = await loadModel(modelFixture('alexnet').files.traced);
  model.close();
  model.close();
  await t.throwsAsync(model.layers(64), { message: 'the model is closed' });
});

/** What a file's layers are on a fixture's images, or the error. */
const outputsOf = async (t, file, family, layers, options) => {
  const model = await open(t, modelFile(file));
  retainLayers(model, layers, options);
  const { input } = modelFixture(family);
  return model.forward(input.values, input.shape);
};

const sameMaps = (t, outputs, family, layers) => {
  for (const [i, name] of layers.entries())
    t.true(close([...outputs[i].values], [...modelFixture(family).layers[name].final.at(-1).values]), name);
};

test('parameters of other types: images are cast to that of the first operation', async t => {
  for (const [family, tolerance] of [
    ['half', 2e-3],
    ['bfloat16', 2e-2],
    ['double', 1e-6],
  ]) {
    const layers = ['first', 'last'];
    if (family === 'half' && nativeModule.native().describe().libtorch.startsWith('1.')) {
      await t.throwsAsync(outputsOf(t, 'half_t.pt', 'half', layers), {
        code: 'ERR_NETDISSECT_FORWARD',
        message: /not implemented for 'Half'; .* for which LibTorch lacks this operation here/,
      });
      continue;
    }
    const outputs = await outputsOf(t, `${family}_t.pt`, family, layers);
    for (const [i, name] of layers.entries()) {
      const expected = modelFixture(family).layers[name].final.at(-1).values;
      const largest = Math.max(...expected.map(Math.abs));
      t.true(
        expected.every((value, j) => Math.abs(value - outputs[i].values[j]) <= tolerance * largest),
        `${family} ${name}`,
      );
    }
  }
});

test('devices that a trace has as constants become the one in use', async t => {
  const layers = ['first', 'last'];
  sameMaps(t, await outputsOf(t, 'on_device_gpu.pt', 'on_device', layers), 'on_device', layers);
});

test('a model that was traced with one image gets its images one by one', async t => {
  const [embed, norm] = await outputsOf(t, 'one_image_t.pt', 'one_image', ['embed', 'norm']);
  sameMaps(t, [embed], 'one_image', ['embed']);
  t.deepEqual(norm.shape, [2, 6, 4, 4]);
  const [{ values }] = modelFixture('one_image').layers.norm.final; // [2, 17, 6], the class token first
  for (let image = 0; image < 2; image++)
    for (let unit = 0; unit < 6; unit++)
      for (let cell = 0; cell < 16; cell++)
        t.true(
          Math.abs(norm.values[(image * 6 + unit) * 16 + cell] - values[(image * 17 + 1 + cell) * 6 + unit]) <
            1e-4,
        );
});

test('a training mode that is fixed in the graph is refused, up to the last layer that is taken', async t => {
  await t.throwsAsync(outputsOf(t, 'dropping_t.pt', 'dropping', ['last']), {
    code: 'ERR_NETDISSECT_TRAINING',
    message:
      /dropout that drops.*batch normalisation by the batch's own statistics|batch normalisation by the batch's own statistics.*dropout that drops/,
  });
  await t.throwsAsync(outputsOf(t, 'dropping_t.pt', 'dropping', ['norm']), {
    message: /holds batch normalisation by the batch's own statistics, so/,
  });
  sameMaps(t, await outputsOf(t, 'dropping_t.pt', 'dropping', ['first']), 'dropping', ['first']);
  const kept = await outputsOf(t, 'dropping_t.pt', 'dropping', ['last'], { trainMode: 'keep' });
  t.deepEqual(kept[0].shape, [2, 2, 8, 8]);
});

test('what a forward takes instead of a batch of images is said', async t => {
  for (const [file, takes] of [
    ['list_input.pt', /takes \(images: Tensor\[\]\), where one batch of images is given/],
    ['two_inputs.pt', /takes \(image: Tensor, text: Tensor\), where one batch/],
  ]) {
    const model = await open(t, modelFile(file));
    await t.throwsAsync(model.layers(8), { code: 'ERR_NETDISSECT_FORWARD', message: takes });
  }
  const six = await open(t, modelFile('six_channels_s.pt'));
  await t.throwsAsync(six.layers(8), {
    message: /takes images of 6 channels and got 3; images can be given with 1/,
  });
});

test('models of one and of four channels say so', async t => {
  for (const [file, channels] of [
    ['grey_s.pt', 1],
    ['alpha_s.pt', 4],
    ['resnet_s.pt', 3],
    ['half_t.pt', 3],
  ])
    t.is((await open(t, modelFile(file))).channels, channels);
});

test('other tokens at the end are found in the graph; in the middle they have to be named', async t => {
  const { layers } = modelFixture('tokens_last');
  const cut = (family, skip) => {
    const [{ shape, values }] = modelFixture(family).layers.norm.final; // [2, 13, 10]
    const [images, tokens, units] = shape;
    const kept = Array.from({ length: tokens }, (_, i) => i).filter(i => i !== skip);
    const maps = [];
    for (let image = 0; image < images; image++)
      for (let unit = 0; unit < units; unit++)
        for (const token of kept) maps.push(values[(image * tokens + token) * units + unit]);
    return maps;
  };
  t.deepEqual(layers.norm.final[0].shape, [2, 13, 10]);
  for (const tokens of ['auto', 'last:1', 'index:12']) {
    const [norm] = await outputsOf(t, 'tokens_last_t.pt', 'tokens_last', ['norm'], { tokens });
    t.deepEqual(norm.shape, [2, 10, 4, 3], tokens);
    t.true(close([...norm.values], cut('tokens_last', 12)), tokens);
  }
  await t.throwsAsync(outputsOf(t, 'tokens_middle_t.pt', 'tokens_middle', ['norm']), {
    message: /13 tokens are not plainly a grid.*its convolutions make 4×3.*in places that are not plain/,
  });
  const [middle] = await outputsOf(t, 'tokens_middle_t.pt', 'tokens_middle', ['norm'], { tokens: 'index:6' });
  t.true(close([...middle.values], cut('tokens_middle', 6)));
});

test('what mixes tokens is no row of patches', async t => {
  await t.throwsAsync(outputsOf(t, 'tokens_last_t.pt', 'tokens_last', ['mix']), {
    message: /10 tokens are not plainly a grid/,
  });
});

test('what a model prints and LibTorch warns of goes to onLog, each message once', async t => {
  const messages = [];
  const model = await loadModel(modelFile('talking.pt'), { device: 'cpu', onLog: m => messages.push(m) });
  t.teardown(() => model.close());
  await model.layers(32);
  await model.layers(32);
  t.deepEqual(messages, ['the model prints: the shape is 32', 'LibTorch warns: this is deprecated']);
});

test('what a model raises keeps its text', async t => {
  const model = await open(t, modelFile('talking.pt'));
  await t.throwsAsync(model.layers([32, 16]), {
    code: 'ERR_NETDISSECT_FORWARD',
    message:
      'the model fails on images of 32×16: ValueError: images have to be square; it runs on images of 224×224: choose the size that it was made for',
  });
});
