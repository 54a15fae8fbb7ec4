import test from 'ava';
import json from '../../lib/report/json.js';
import { categories, context, DECOYS, labels, report, statistics, unlabelled } from '../helpers/report.mjs';

const { buildReport, layerDirname, layerDirnames, singleLayerReport } = json;

/** The units of a ranking, first to last. */
function order({ layers: [{ rankings }] }, name) {
  return rankings.find(ranking => ranking.name === name).ranking;
}

function places({ layers: [{ labels }] }) {
  return labels.map(({ label }) => label);
}

// The folder of a layer

test('a folder keeps letters, digits, space, ".", "_" and "-" of the name', t => {
  t.is(layerDirname('features.10'), 'features.10');
  t.is(layerDirname('fire9/squeeze'), 'fire9squeeze');
  t.is(layerDirname('a b_c-d.e'), 'a b_c-d.e');
  t.is(layerDirname('<script>"é層"</script>'), 'scripté層script');
  t.is(layerDirname('../../etc'), '....etc');
});

test('a folder that is no folder of its own is refused', t => {
  for (const name of ['', '/', '<>', ' ', '.', '..', './', '../', 'index.html', 'dissect.json']) {
    const error = t.throws(() => layerDirname(name), {
      code: 'ERR_NETDISSECT_OPTION',
      name: 'NetdissectError',
    });
    t.true(error.message.includes(JSON.stringify(name)), error.message);
  }
});

test('two layers in one folder are refused, and the message names both', t => {
  t.deepEqual(layerDirnames(['a/b', 'a']), ['ab', 'a']);
  t.throws(() => layerDirnames(['a/b', 'c', 'ab']), {
    code: 'ERR_NETDISSECT_OPTION',
    message: 'expected layer names with different folders but "a/b" and "ab" both give "ab"',
  });
});

// The whole report

test('the top of the report says how it was made', t => {
  const { layers, ...top } = report([{ 1: 50 }]);
  t.deepEqual(top, { ...context, default_ranking: 'label', categories, format: 1 });
  t.is(layers.length, 1);
});

test('a layer has all its fields, paths relative to its folder', t => {
  const { units, rankings, thresholds, ...layer } = report([{ 1: 50 }], {
    layer: 'a/b',
    changedInPlace: true,
  }).layers[0];
  t.deepEqual(layer, {
    layer: 'a/b',
    dirname: 'ab',
    shape: [1, 4, 6],
    changed_in_place: true,
    labels: [{ label: 'red', labelnum: 1, units: [0], cat: 'color' }],
    interpretable: 1,
    iou_threshold: 0.04,
    bargraph: 'bargraph.svg',
  });
  const told = report([{}], { tokensDropped: 1, unitsLast: true, rankError: 0.25 }).layers[0];
  t.is(told.tokens_dropped, 1);
  t.is(told.units_last, true);
  t.is(told.level_rank_error, 0.25);
  t.is(units.length, 1);
  t.deepEqual(
    rankings.map(({ name }) => name),
    ['unit', 'label', 'iou', 'red-iou'],
  );
});

test('a unit has its best label with the counts behind the IoU, and its top images', t => {
  t.deepEqual(report([{}, { 1: 10, 3: 50 }]).layers[0].units[1], {
    unit: 1,
    level: 1.5,
    interp: true,
    top: [
      { imgnum: 1, maxact: 9.5 },
      { imgnum: 2, maxact: 9 },
    ],
    iou: 1 / 3,
    lc: 100,
    cc: 100,
    ic: 50,
    label: 'road',
    labelnum: 3,
    cat: 'object',
    labels: [
      {
        label: 'road',
        labelnum: 3,
        cat: 'object',
        iou: 1 / 3,
        se: 0,
        precision: 0.5,
        recall: 0.5,
        lc: 100,
        cc: 100,
        ic: 50,
      },
      {
        label: 'red',
        labelnum: 1,
        cat: 'color',
        iou: 1 / 19,
        se: 0,
        precision: 0.1,
        recall: 0.1,
        lc: 100,
        cc: 100,
        ic: 10,
      },
    ],
  });
});

test('of its labels as many are given as are asked for, of equal ones the lower number first', t => {
  const [layer] = buildReport(
    [statistics([{ 11: 10, 2: 10, 3: 10, 8: 50 }])],
    { labels, categories },
    { ...context, labelsPerUnit: 3 },
  ).layers;
  t.deepEqual(
    layer.units[0].labels.map(({ labelnum }) => labelnum),
    [8, 2, 3],
  );
});

test('with decoys a layer says what chance would find, and each unit its q', t => {
  const units = [{ 1: 50 }, { 3: 10 }, {}];
  const [layer] = report(units, {
    decoys: DECOYS,
  }).layers;
  t.like(layer, { interpretable: 2, expected_by_chance: 1.5, expected_by_chance_deviation: Math.SQRT1_2 });
  t.deepEqual(
    layer.units.map(({ q }) => q),
    [0, 0.25, 1], // over 0.05, one unit in two decoys, of two found
  );
  t.is(layer.thresholds.length, 20);
  t.deepEqual(layer.thresholds[3], {
    iou_threshold: 0.04,
    interpretable: 2,
    concepts: 2,
    expected_by_chance: 1.5,
    concepts_by_chance: 1,
  });
  t.deepEqual(layer.thresholds[4], {
    iou_threshold: 0.05,
    interpretable: 2,
    concepts: 2,
    expected_by_chance: 0.5,
    concepts_by_chance: 0.5,
  });
  t.like(layer.thresholds[19], { iou_threshold: 0.2, interpretable: 1, concepts: 1, expected_by_chance: 0 });
  const [plain] = report(units).layers;
  t.deepEqual(plain.thresholds[3], { iou_threshold: 0.04, interpretable: 2, concepts: 2 });
  t.false('expected_by_chance' in plain || 'q' in plain.units[0]);
});

test("cc is that of the label's own category", t => {
  const layer = statistics([{ 3: 50 }]);
  layer.tally.categoryPixels = Float64Array.from(categories, (_, row) => 100 + row);
  const [unit] = buildReport([layer], { labels, categories }, context).layers[0].units;
  t.is(unit.cc, 100 + categories.indexOf('object'));
});

test('a unit below the threshold keeps its label but is no detector', t => {
  const [layer] = report([{ 1: 7 }]).layers;
  t.like(layer.units[0], { interp: false, label: 'red', labelnum: 1, iou: 7 / 193 });
  t.like(layer, { interpretable: 0, labels: [], bargraph: 'bargraph.svg' });
});

test('a unit without a label says so', t => {
  t.like(report([{}]).layers[0].units[0], {
    interp: false,
    label: null,
    cat: null,
    labelnum: 0,
    iou: 0,
    lc: 0,
    cc: 0,
    ic: 0,
  });
});

test('labels that cover too much for any unit are listed with the bound of their IoU', t => {
  const layer = (lc, ...cc) => {
    const tally = {
      labelPixels: Float64Array.of(lc),
      categoryPixels: Float64Array.from(cc),
      intersections: new Float64Array(cc.length),
    };
    const layers = [
      statistics(
        cc.map(() => ({})),
        { tally },
      ),
    ];
    const labelSet = { labels: [{ number: 1, name: 'street', category: 'scene' }], categories: ['scene'] };
    return buildReport(layers, labelSet, { ...context, iou_threshold: 0.04 }).layers[0].out_of_reach;
  };
  t.deepEqual(layer(1000, 10, 40), [{ label: 'street', labelnum: 1, cat: 'scene', bound: 0.04 }]);
  t.is(layer(1000, 10, 41), undefined);
  t.is(layer(10, 1000), undefined, 'small labels are another matter');
  t.is(layer(0, 10), undefined);
  t.is(layer(10, 0), undefined);
});

test('without labels the report has levels and top images only', t => {
  const bare = unlabelled([{}, {}]);
  t.is(bare.default_ranking, 'unit');
  t.is(bare.iou_threshold, 0.04);
  const [layer] = bare.layers;
  t.deepEqual(Object.keys(layer), [
    'layer',
    'dirname',
    'shape',
    'changed_in_place',
    'units',
    'rankings',
    'iou_threshold',
  ]);
  t.is(layer.iou_threshold, 0.04);
  t.deepEqual(Object.keys(layer.units[0]), ['unit', 'level', 'top']);
  t.deepEqual(layer.rankings, [{ name: 'unit', score: [0, 1], ranking: [0, 1] }]);
});

test("the report of one layer lies in that layer's folder", t => {
  const whole = buildReport(
    [statistics([{}]), statistics([{}], { layer: 'conv2' })],
    { labels, categories },
    context,
  );
  const single = singleLayerReport(whole, whole.layers[1]);
  t.deepEqual(single, { ...whole, layers: [{ ...whole.layers[1], dirname: '.' }] });
  t.is(whole.layers[1].dirname, 'conv2');
});

// Rankings

test('a ranking is the stable argsort of its score, smaller first', t => {
  const [{ rankings }] = report([{ 1: 50 }, { 2: 100 }, { 1: 50 }, {}]).layers;
  const { score, ranking } = rankings.find(({ name }) => name === 'iou');
  t.deepEqual(score, [-1 / 3, -1, -1 / 3, 0]);
  t.deepEqual(ranking, [1, 0, 2, 3]);
});

test('unit: by number', t => {
  t.deepEqual(order(report([{}, { 1: 50 }, {}]), 'unit'), [0, 1, 2]);
});

test('label: the score is the place in the order', t => {
  const [{ rankings }] = report([{}, { 1: 10 }, { 1: 50 }]).layers;
  t.deepEqual(
    rankings.find(({ name }) => name === 'label'),
    {
      name: 'label',
      score: [2, 1, 0],
      ranking: [2, 1, 0],
    },
  );
});

test('label: interpretable units come first', t => {
  t.deepEqual(order(report([{ 1: 50 }, { 1: 50 }, { 1: 7 }, { 2: 10 }]), 'label'), [0, 1, 3, 2]);
});

test('label: then units whose label has more detectors, whatever their own IoU', t => {
  t.deepEqual(order(report([{ 1: 100 }, { 2: 10 }, { 2: 11 }]), 'label'), [2, 1, 0]);
});

test('label: then the label with the higher best IoU', t => {
  t.deepEqual(order(report([{ 1: 20 }, { 1: 19 }, { 2: 10 }, { 2: 50 }]), 'label'), [3, 2, 0, 1]);
});

test('label: then the lower label number, then the higher own IoU, then the lower unit', t => {
  t.deepEqual(order(report([{ 2: 50 }, { 1: 50 }]), 'label'), [1, 0]);
  t.deepEqual(order(report([{ 1: 50 }, { 1: 60 }, { 1: 50 }]), 'label'), [1, 0, 2]);
});

test('label: units below the threshold stand in the order of the detectors of their label', t => {
  t.deepEqual(order(report([{ 3: 7 }, { 1: 6 }, { 2: 5 }, { 2: 50 }]), 'label'), [3, 2, 1, 0]);
});

test('LABEL-iou: all units by the IoU of that label, detectors of it or not', t => {
  const [{ rankings }] = report([{ 1: 50 }, { 1: 60, 2: 100 }, {}]).layers;
  t.deepEqual(
    rankings.find(({ name }) => name === 'red-iou'),
    {
      name: 'red-iou',
      concept: 'red',
      metric: 'iou',
      labelnum: 1,
      score: [-1 / 3, -60 / 140, 0],
      ranking: [1, 0, 2],
    },
  );
});

test('LABEL-iou: for labels with a detector, most units first, then the higher best IoU', t => {
  const names = units =>
    report(units)
      .layers[0].rankings.slice(3)
      .map(({ name }) => name);
  t.deepEqual(names([{ 1: 100 }, { 5: 10 }, { 5: 10 }, { 2: 7 }]), ['wheel-iou', 'red-iou']);
  t.deepEqual(names([{ 1: 50 }, { 5: 100 }]), ['wheel-iou', 'red-iou']);
});

test('LABEL-iou: labels that share a name are told apart by their number', t => {
  const [{ rankings }] = report([{ 6: 50 }, { 11: 50 }]).layers;
  t.deepEqual(
    rankings.slice(3).map(({ name, labelnum }) => [name, labelnum]),
    [
      ['street-iou', 6],
      ['street-iou', 11],
    ],
  );
});

test('no score is -0', t => {
  for (const { score } of report([{}, { 1: 50 }]).layers[0].rankings)
    t.false(score.some(value => Object.is(value, -0)));
});

// Labels

test("labels: by category, known ones first, then the data set's order", t => {
  const all = labels.map(({ number }) => ({ [number]: 50 })).slice(0, 9);
  t.deepEqual(places(report(all)), [
    'sky',
    'road',
    'street',
    'wheel',
    'wood',
    'dotted',
    'red',
    'calm',
    'baroque',
  ]);
});

test('labels: in a category more units, then the higher best IoU, then the lower number', t => {
  t.deepEqual(places(report([{ 2: 100 }, { 3: 10 }, { 3: 10 }])), ['road', 'sky']);
  t.deepEqual(places(report([{ 2: 50 }, { 3: 100 }])), ['road', 'sky']);
  t.deepEqual(places(report([{ 3: 50 }, { 2: 50 }])), ['sky', 'road']);
});

test('labels: their detectors ascending; together they are the interpretable units', t => {
  const [layer] = report([{ 1: 10 }, { 2: 50 }, { 1: 90 }, { 1: 7 }]).layers;
  t.deepEqual(
    layer.labels.map(({ units }) => units),
    [[1], [0, 2]],
  );
  t.is(layer.interpretable, 3);
});
