/** `dissect.csv`: a row for each unit of every layer. */

import { type Cell, csvCell } from './csv';
import type { LayerReport, Report, TopImage, UnitReport } from './types';

const COLUMNS: Record<string, (unit: UnitReport, layer: LayerReport, files: Files) => Cell> = {
  layer: (_, { layer }) => layer,
  unit: ({ unit }) => unit,
  level: ({ level }) => level,
  interp: ({ interp }) => interp,
  label: ({ label }) => label,
  labelnum: ({ labelnum }) => labelnum || null,
  cat: ({ cat }) => cat,
  iou: ({ iou }) => iou,
  low: ({ labels }) => labels?.[0]?.low,
  high: ({ labels }) => labels?.[0]?.high,
  se: ({ labels }) => labels?.[0]?.se,
  q: ({ q }) => q,
  precision: ({ labels }) => labels?.[0]?.precision,
  recall: ({ labels }) => labels?.[0]?.recall,
  lc: ({ lc }) => lc,
  cc: ({ cc }) => cc,
  ic: ({ ic }) => ic,
  formula: ({ formula }) => formula?.text,
  formula_iou: ({ formula }) => formula?.iou,
  maxact: ({ top }) => top[0]?.maxact,
  imgnum: ({ top }) => top[0]?.imgnum,
  file: ({ top }, _, files) => (top.length > 0 ? files.get(top[0].imgnum)?.file : undefined),
};

type Files = ReadonlyMap<number, TopImage>;

/** The names of the columns, in order. */
export const TABLE_COLUMNS = Object.keys(COLUMNS);

/** As RFC 4180 has it, but with line feeds alone, piece by piece. */
export function* formatTable(report: Report): Generator<string> {
  const files = new Map((report.top_images ?? []).map(image => [image.imgnum, image]));
  yield `${TABLE_COLUMNS.join(',')}\n`;
  for (const layer of report.layers)
    for (const unit of layer.units)
      yield `${Object.values(COLUMNS)
        .map(cellOf => csvCell(cellOf(unit, layer, files)))
        .join(',')}\n`;
}
