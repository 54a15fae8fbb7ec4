import test from 'ava';
import format from '../../lib/report/format.js';
import { report } from '../helpers/report.mjs';

/** All of the file. */
const formatReport = report => [...format.formatReport(report)].join('');

test('the file is the report, one line a unit, ranking and label', t => {
  const whole = report([{ 1: 50 }, {}]);
  const text = formatReport(whole);
  t.deepEqual(JSON.parse(text), whole);
  t.true(
    text.startsWith(
      '{\n "format": 1,\n "netname": "TinyNet",\n "meta": {\n  "epoch": 3\n },\n "default_ranking": "label",\n',
    ),
  );
  t.true(text.endsWith(' ]\n}\n'));
  const lines = text.split('\n');
  t.is(lines.filter(line => /^ {4}\{"unit":/.test(line)).length, 2);
  t.is(lines.filter(line => /^ {4}\{"name":/.test(line)).length, 4);
  t.is(lines.filter(line => /^ {4}\{"label":/.test(line)).length, 1);
});

test('the file has empty lists and objects, and no undefined setting', t => {
  const whole = { ...report([]), meta: {}, settings: { given: null, absent: undefined } };
  t.deepEqual(JSON.parse(formatReport(whole)), { ...whole, settings: { given: null } });
});

test('the file has numbers as JavaScript prints them', t => {
  const whole = report([{ 1: 50 }], { topActivations: Float32Array.from([0.1, 0.05]) });
  t.true(formatReport(whole).includes('"maxact":0.10000000149011612'));
  t.true(formatReport(whole).includes('"iou":0.3333333333333333'));
});

test('a large report comes in pieces', t => {
  const whole = report(Array.from({ length: 4000 }, () => ({ 1: 50, 3: 7 })));
  const pieces = [...format.formatReport(whole)];
  t.true(pieces.length > 1);
  t.deepEqual(JSON.parse(pieces.join('')), whole);
});

test('the same run writes the same bytes', t => {
  t.is(formatReport(report([{ 1: 50 }, { 2: 7 }])), formatReport(report([{ 1: 50 }, { 2: 7 }])));
});
