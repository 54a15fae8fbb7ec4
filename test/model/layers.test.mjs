// Choosing layers by pattern.
import test from 'ava';
import { expandLayers } from '../../lib/index.js';
import layers from '../../lib/model/layers.js';

const info = (name, refusal = null) => ({ name, refusal });
const MODEL = [
  info('conv1'),
  info('layer1'),
  info('layer1.0'),
  info('layer1.0.conv1'),
  info('layer1.0.conv2'),
  info('layer1.0.drop', 'it is never called'),
  info('layer2'),
  info('layer2.0.conv2'),
  info('rnn', 'its output is a tuple'),
  info('fc'),
];
const expand = (...patterns) => expandLayers(patterns, MODEL);

test('names stay as they are, known or not', t => {
  t.deepEqual(expand('fc', 'conv1:first', 'none'), ['fc', 'conv1:first', 'none']);
  t.false(layers.hasPatterns(['fc', 'conv1:a*', 'rnn[0]', 'layer1.0']));
});

test('* stands for anything but a dot', t => {
  t.true(layers.hasPatterns(['fc', 'layer*']));
  t.deepEqual(expand('layer*'), ['layer1', 'layer2']);
  t.deepEqual(expand('layer*.*.conv2'), ['layer1.0.conv2', 'layer2.0.conv2']);
  t.deepEqual(expand('*1'), ['conv1', 'layer1']);
});

test('** stands for anything', t => {
  t.deepEqual(expand('**conv2'), ['layer1.0.conv2', 'layer2.0.conv2']);
  t.deepEqual(expand('layer1**'), ['layer1', 'layer1.0', 'layer1.0.conv1', 'layer1.0.conv2']);
});

test('a dot is a dot', t => {
  t.throws(() => expand('layer1.0.conv.*'), { message: /^no layer fits/ });
  t.deepEqual(expandLayers(['a.*'], [info('a.1'), info('ab1')]), ['a.1']);
});

test("all takes every layer that can be dissected, in the model's order", t => {
  t.true(layers.hasPatterns(['all']));
  t.deepEqual(
    expand('all'),
    MODEL.filter(({ refusal }) => !refusal).map(({ name }) => name),
  );
  t.deepEqual(expandLayers(['all'], [info('all'), info('other')]), ['all'], 'unless a layer has this name');
});

test('a layer that is also named by itself, or fits twice, is taken once', t => {
  t.deepEqual(expand('layer*', 'layer1:first'), ['layer2', 'layer1:first']);
  t.deepEqual(expand('*1', 'layer*'), ['conv1', 'layer1', 'layer2']);
});

test('a reported name goes with a pattern that fits one layer', t => {
  t.deepEqual(expand('layer2.*.conv2:last'), ['layer2.0.conv2:last']);
  t.throws(() => expand('layer*:x'), {
    code: 'ERR_NETDISSECT_OPTION',
    message:
      "'layer*:x' fits 2 layers (layer1, layer2), which cannot share one reported name; name one layer",
  });
});

test('brackets choose from a tuple and are no pattern', t => {
  t.deepEqual(expand('rnn[0]'), ['rnn[0]']);
  t.deepEqual(expand('rn*[1]'), ['rnn[1]']);
});

test('a pattern that fits nothing is refused with the nearest names', t => {
  t.throws(() => expand('layr*.0.conv2'), {
    code: 'ERR_NETDISSECT_OPTION',
    message: /^no layer fits 'layr\*\.0\.conv2'; the nearest names are layer\d\.0\.conv\d, /,
  });
  t.throws(() => expand('rn*'), {
    message:
      "no layer that fits 'rn*' can be dissected; the first, rnn, cannot because its output is a tuple",
  });
});
