/** What a report says of formulas. */

import type { Formulas, LayerFormulas } from '../native/native';
import { hasInterval } from '../score/interval';
import type { Label } from '../score/results';
import type { FormulaReport, FormulaStructure, ShorterFormula } from './types';

const OPERATORS = ['OR', 'AND', 'AND NOT'] as const;

/** The k-th formula of a unit; null where there is none. */
function shorterFormula(
  { rows, operators, both, size }: Formulas,
  unit: number,
  maskPixels: number,
  concepts: readonly Label[],
): ShorterFormula | null {
  const labels = Array.from(
    rows.subarray(3 * unit, 3 * unit + 3).filter(row => row >= 0),
    row => concepts[row],
  );
  if (labels.length === 0) return null;
  const [first, ...others] = labels;
  let text = first.name;
  let structure: FormulaStructure = first.number;
  for (const [i, { name, number }] of others.entries()) {
    const operator = OPERATORS[operators[2 * unit + i]];
    text = `${i > 0 ? `(${text})` : text} ${operator} ${name}`;
    structure = [operator, structure, number];
  }
  const iou = both[unit] / (maskPixels + size[unit] - both[unit]);
  return { text, structure, length: labels.length, iou };
}

/** A unit's best formula; null where no mask has a pixel with a label. */
export function formulaReport(
  { best, maskPixels, gap, images: formulaImages, low, high }: LayerFormulas,
  unit: number,
  concepts: readonly Label[],
  images: number,
  resampled: boolean,
): FormulaReport | null {
  const all = best.map(formulas => shorterFormula(formulas, unit, maskPixels[unit], concepts));
  const longest = all[all.length - 1];
  if (!longest) return null;
  const sure = hasInterval(images, formulaImages[unit]);
  const { both, size } = best[best.length - 1];
  const shorter = all.slice(0, -1) as ShorterFormula[]; // there is a single label where there is any
  return {
    ...longest,
    ...(resampled && { low: sure ? low[unit] : null, high: sure ? high[unit] : null }),
    gain: longest.iou - shorter[0].iou,
    gap: gap[unit],
    fc: size[unit],
    mc: maskPixels[unit],
    ic: both[unit],
    shorter,
  };
}
