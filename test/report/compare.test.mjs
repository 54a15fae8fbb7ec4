// Runs side by side: what is kept, gained and lost, and when nothing can be said.
import test from 'ava';
import compare from '../../lib/report/compare.js';
import pages from '../../lib/report/compare-page.js';
import { report } from '../helpers/report.mjs';

const { change, compareSides, sidesOf } = compare;

const best = (iou, low, high) => ({ unit: 0, iou, low, high });
const side = (units, found, bound) => ({ units, best: found, ...(bound !== undefined && { bound }) });

test('a concept is lost or gained only where the intervals part', t => {
  const strong = side(2, best(0.3, 0.2, 0.4));
  t.is(change(strong, side(1, best(0.05, 0.01, 0.1))), 'kept');
  t.is(change(strong, side(0, best(0.03, 0.01, 0.19))), 'lost');
  t.is(change(side(0, best(0.03, 0.01, 0.19)), strong), 'gained');
  t.is(change(strong, side(0, best(0.03, 0.01, 0.2))), 'undecided', 'they meet');
  t.is(change(strong, side(0, best(0.03, 0.01, 0.25))), 'undecided');
  t.is(change(side(2, best(0.3, null, null)), side(0, best(0.03, 0.01, 0.1))), 'undecided', 'no interval');
  t.is(change(strong, side(0, best(0.03, null, null))), 'undecided');
  t.is(change(strong, side(0, null, 0.01)), 'lost', 'in no list, and every IoU is under the bound');
  t.is(change(strong, side(0, null, 0.25)), 'undecided');
  t.is(change(side(0, best(0.03, 0, 1)), side(0, null, 0.01)), 'absent');
});

test('concepts stand with the best unit of each side, and their detectors are counted', t => {
  const runs = [
    { run: 'a', report: report([{ 2: 50 }, { 2: 60 }, { 1: 50 }]) },
    { run: 'b', report: report([{ 2: 40 }, { 3: 50 }, { 1: 7 }]) },
  ];
  const [sides, ...others] = sidesOf(runs);
  t.deepEqual(others, []);
  const { sides: summary, concepts } = compareSides(sides);
  t.deepEqual(
    summary.map(({ run, layer, units, interpretable, concepts, categories }) => [
      run,
      layer,
      units,
      interpretable,
      concepts,
      categories,
    ]),
    [
      ['a', 'conv1', 3, 3, 2, { object: 2, color: 1 }],
      ['b', 'conv1', 3, 2, 2, { object: 2 }],
    ],
  );
  const of = name => concepts.find(({ label }) => label === name);
  t.deepEqual(
    concepts.map(({ label }) => label),
    ['sky', 'red', 'road'],
  );
  t.like(of('sky').sides[0], { units: 2, best: { unit: 1, iou: 60 / 140 } });
  t.like(of('sky').sides[1], { units: 1, best: { unit: 0, iou: 40 / 160 } });
  t.deepEqual(of('sky').changes, ['kept']);
  t.like(of('red').sides[1], { units: 0, best: { unit: 2, iou: 7 / 193 } });
  t.deepEqual(of('red').changes, ['undecided'], 'without a bootstrap there are no intervals');
  t.like(of('road').sides[0], { units: 0, best: null, bound: 60 / 140 });
});

test('layers of the same name are compared, of one run its layers, and else the only ones', t => {
  const named = (...names) => {
    const whole = report([{ 2: 50 }]);
    return { ...whole, layers: names.map(layer => ({ ...whole.layers[0], layer })) };
  };
  const layers = groups => groups.map(sides => sides.map(({ run, layer }) => `${run} ${layer.layer}`));
  const a = { run: 'a', report: named('x', 'y') };
  t.deepEqual(layers(sidesOf([a, { run: 'b', report: named('y', 'z', 'x') }])), [
    ['a x', 'b x'],
    ['a y', 'b y'],
  ]);
  t.deepEqual(layers(sidesOf([a])), [['a x', 'a y']]);
  t.deepEqual(
    layers(
      sidesOf([
        { run: 'a', report: named('p') },
        { run: 'b', report: named('q') },
      ]),
    ),
    [['a p', 'b q']],
  );
  t.throws(() => sidesOf([a, { run: 'b', report: named('z') }]), { message: /a has x, y; b has z/ });
  t.throws(() => sidesOf([{ run: 'b', report: named('z') }]), { message: /has one layer/ });
});

test('the page has every concept, and names are texts', t => {
  const hostile = '<script>alert(1)</script>';
  const whole = report([{ 2: 50 }]);
  whole.layers[0].labels[0].label = hostile;
  whole.layers[0].units[0].labels[0].label = hostile;
  const sides = sidesOf([
    { run: hostile, report: whole },
    { run: 'b', report: whole },
  ])[0];
  const html = pages.renderComparison([{ sides, comparison: compareSides(sides) }], 'out');
  t.false(html.includes('<script'));
  t.true(html.includes('&lt;script&gt;'));
});
