// What a report says of a unit's labels, where intervals and smaller quantiles are there.
import test from 'ava';
import json from '../../lib/report/json.js';
import { categories, context, labels, report, statistics } from '../helpers/report.mjs';

const { buildReport } = json;
const SKY = 0;
const RED = 1;

/** Two units; the first has two choices, the second none. */
const more = {
  choices: { most: 2, rows: Int32Array.of(RED, SKY, -1, -1) },
  bootstrap: {
    replicates: 100,
    low: Float64Array.of(0.2, 0.1, 0, 0),
    high: Float64Array.of(0.5, 0.3, 0, 0),
    wins: Int32Array.of(90, 10, 0, 0),
  },
  narrowed: [
    {
      quantile: 0.0025,
      levels: Float64Array.of(5, 6),
      iou: Float64Array.of(0.3, 0.4, 0, 0),
      best: Int32Array.of(SKY, -1),
      bestScore: Float64Array.of(0.4, 0),
    },
  ],
};
const units = [{ 1: 50, 2: 10 }, {}];

test('a label has its interval, wins, and IoUs at smaller quantiles', t => {
  const [unit, silent] = report(units, more).layers[0].units;
  t.like(unit.labels[0], { label: 'red', low: 0.2, high: 0.5, wins: 90, smaller_quantiles: [0.3] });
  t.like(unit.labels[1], { label: 'sky', low: 0.1, high: 0.3, wins: 10, smaller_quantiles: [0.4] });
  t.deepEqual(unit.label_set, [
    { label: 'red', labelnum: 1, cat: 'color', wins: 90 },
    { label: 'sky', labelnum: 2, cat: 'object', wins: 10 },
  ]);
  t.deepEqual(unit.best_quantile, { quantile: 0.0025, level: 5, label: 'sky', labelnum: 2, iou: 0.4 });
  t.deepEqual(silent.labels, []);
  t.is(silent.label_set, null);
  t.deepEqual(silent.best_quantile, { quantile: 0.005, level: 1.5, label: null, labelnum: 0, iou: 0 });
});

test('of equal IoUs the larger quantile is the best', t => {
  const narrowed = [{ ...more.narrowed[0], bestScore: Float64Array.of(1 / 3, 0) }];
  const [unit] = report(units, { ...more, narrowed }).layers[0].units;
  t.like(unit.best_quantile, { quantile: 0.005, label: 'red' });
});

test('a layer says at which quantiles, and how many detectors are decided', t => {
  t.like(report(units, more).layers[0], { smaller_quantiles: [0.0025], decided: 0 });
  const bootstrap = { ...more.bootstrap, wins: Int32Array.of(95, 5, 0, 0) };
  t.is(report(units, { ...more, bootstrap }).layers[0].decided, 1);
  const rare = { ...more.bootstrap, wins: Int32Array.of(64, 0, 0, 0) }; // on one image: in 63 % of replicates
  t.like(report(units, { ...more, bootstrap: rare }).layers[0], { decided: 0, units: [{ label_set: null }] });
});

test('a label on one image has no interval, and one image none at all', t => {
  const layer = statistics(units, more);
  layer.tally.labelImages[RED] = 1;
  const [unit] = buildReport([layer], { labels, categories }, context).layers[0].units;
  t.like(unit.labels[0], { se: null, low: null, high: null, wins: 90 });
  t.is(unit.labels[1].low, 0.1);
  const [one] = buildReport([statistics(units, more)], { labels, categories }, { ...context, images: 1 })
    .layers[0].units;
  t.like(one.labels[1], { se: null, low: null, high: null });
  t.is(one.label_set, null);
});

test('without a bootstrap or smaller quantiles there is nothing of them', t => {
  const layer = report(units).layers[0];
  for (const name of ['decided', 'smaller_quantiles']) t.false(name in layer);
  for (const name of ['label_set', 'best_quantile']) t.false(name in layer.units[0]);
  for (const name of ['low', 'high', 'wins', 'smaller_quantiles']) t.false(name in layer.units[0].labels[0]);
});
