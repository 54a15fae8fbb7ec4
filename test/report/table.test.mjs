// `dissect.csv`: a row for each unit.

import test from 'ava';
import { parse } from 'csv-parse/sync';
import table from '../../lib/report/table.js';
import { report, unlabelled } from '../helpers/report.mjs';

const rows = whole => parse([...table.formatTable(whole)].join(''), { columns: true });

test('a row for each unit, with what dissect.json says of it', t => {
  const whole = { ...report([{ 2: 50 }, {}]), top_images: [{ imgnum: 0, file: 'a, "b".jpg' }] };
  const [first, second, ...others] = rows(whole);
  t.deepEqual(others, []);
  t.deepEqual(Object.keys(first), table.TABLE_COLUMNS);
  const { iou, lc, cc, ic, labels } = whole.layers[0].units[0];
  t.like(first, {
    layer: 'conv1',
    unit: '0',
    level: '0.5',
    interp: 'true',
    label: 'sky',
    labelnum: '2',
    cat: 'object',
  });
  t.deepEqual([first.iou, first.lc, first.cc, first.ic].map(Number), [iou, lc, cc, ic]);
  t.deepEqual([first.se, first.precision, first.recall].map(Number), [
    labels[0].se,
    labels[0].precision,
    labels[0].recall,
  ]);
  t.like(first, { imgnum: '0', file: 'a, "b".jpg', maxact: '9.5', q: '', formula: '' });
  t.like(second, { unit: '1', interp: 'false', label: '', labelnum: '', iou: '0', file: '' });
});

test('without labels what is not there is empty', t => {
  const [first] = rows(unlabelled([{}]));
  t.like(first, { unit: '0', level: '0.5', interp: '', label: '', iou: '', maxact: '9.5' });
});
