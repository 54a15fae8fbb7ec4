/** The options of a dissection that say what is computed, as the command has them. */

import { DISSECT_OPTIONS } from '../run/options';
import { SCORE_NAMES } from '../score/scorers';
import { flag, numberOf, oneOf } from './kinds';
import type { Table, Values } from './option';

const { quantileThreshold, iouThreshold, labelsPerUnit, decoys, bootstrap, formulas, formulaSeconds } =
  DISSECT_OPTIONS;
const group = 'Statistics';

export const STATISTICS = {
  quantile: {
    kind: numberOf(quantileThreshold.kind),
    value: 'Q',
    default: String(quantileThreshold.default),
    group,
    describe: "the part of a unit's values that lies over its level",
  },
  'iou-threshold': {
    kind: numberOf(iouThreshold.kind),
    value: 'IOU',
    default: String(iouThreshold.default),
    group,
    describe: 'the IoU over which a unit is a detector',
  },
  'labels-per-unit': {
    kind: numberOf(labelsPerUnit.kind),
    value: 'N',
    default: String(labelsPerUnit.default),
    group,
    describe: 'the best labels of each unit in the report',
  },
  decoys: {
    kind: numberOf(decoys.kind),
    value: 'K',
    default: String(decoys.default),
    group,
    describe: "how often masks are laid over other images' labels, for what chance would find; 0 for never",
  },
  bootstrap: {
    kind: numberOf(bootstrap.kind),
    value: 'N',
    default: String(bootstrap.default),
    group,
    describe: 'replicates of a bootstrap over images, for intervals of IoUs; 0 for none',
  },
  scores: {
    kind: oneOf(...SCORE_NAMES),
    value: SCORE_NAMES.join('|'),
    list: true,
    otherwise: 'IoU alone',
    group,
    describe: 'other scores of units and labels beside the IoU',
  },
  formulas: {
    kind: numberOf(formulas.kind),
    value: 'LENGTH',
    default: String(formulas.default),
    group,
    describe: 'find the best formulas that join 2, or up to 3, labels by OR, AND and AND NOT; 0 for none',
  },
  'formula-seconds': {
    kind: numberOf(formulaSeconds.kind),
    value: 'S',
    default: String(formulaSeconds.default),
    group,
    describe: 'end the search for formulas after so long, with what it has',
  },
  approximate: {
    kind: flag,
    default: 'false',
    group,
    describe: 'estimate levels where --memory is too short for exact ones in one pass',
  },
} satisfies Table;

/** What of them a dissection and an analysis of kept ones take alike. */
export function scoring(values: Omit<Values<typeof STATISTICS>, 'quantile' | 'approximate'>) {
  return {
    iouThreshold: values['iou-threshold'],
    labelsPerUnit: values['labels-per-unit'],
    decoys: values.decoys,
    bootstrap: values.bootstrap,
    scores: values.scores,
    formulas: values.formulas,
    formulaSeconds: values['formula-seconds'],
  };
}
