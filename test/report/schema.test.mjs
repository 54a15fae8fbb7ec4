// The schema of `dissect.json`: what fits and what does not. Every report that any test writes is held against it, too.
import test from 'ava';
import { DECOYS, report, unlabelled } from '../helpers/report.mjs';
import { misfit } from '../helpers/validate-reports.mjs';

test('reports with and without labels fit', t => {
  t.is(misfit(report([{ 1: 50 }, {}])), undefined);
  t.is(misfit(report([{ 1: 50 }, {}, {}], { decoys: DECOYS })), undefined);
  t.is(misfit(unlabelled([{}, {}])), undefined);
});

test('what is missing, of another kind or unknown does not', t => {
  const changed = change => {
    const whole = JSON.parse(JSON.stringify(report([{ 1: 50 }])));
    change(whole, whole.layers[0], whole.layers[0].units[0]);
    return misfit(whole);
  };
  t.regex(
    changed(whole => delete whole.netname),
    /netname/,
  );
  t.regex(
    changed(whole => (whole.format = 2)),
    /format/,
  );
  t.regex(
    changed((_, layer) => (layer.interpretable = -1)),
    /interpretable/,
  );
  t.regex(
    changed((_, layer) => (layer.new_field = 1)),
    /new_field/,
  );
  t.regex(
    changed((_, __, unit) => (unit.iou = 1.5)),
    /iou/,
  );
  t.regex(
    changed((_, __, unit) => delete unit.labels),
    /labels/,
  );
  t.regex(
    changed((_, __, unit) => (unit.top[0].imgnum = 0.5)),
    /imgnum/,
  );
});
