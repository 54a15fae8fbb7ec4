/** Reading `dissect.json` again, also as the Python package writes it: what is missing there is filled in. */

import fs from 'node:fs';
import path from 'node:path';
import { NetdissectError } from '../base/errors';
import { fileStat, readJson } from '../base/read';
import { imageSizeOf } from './strip-size';
import type { LayerReport, Report, UnitReport } from './types';

type Loose = Record<string, unknown>;

const isObject = (value: unknown): value is Loose =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isNumber = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value);
const isCount = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0;

/** A report's folder, and what it says; rejects with `ERR_NETDISSECT_REPORT` where it is none. */
export async function readReport(folder: string): Promise<Report> {
  const file = path.join(folder, 'dissect.json');
  const refuse = (why: string, cause?: unknown) =>
    new NetdissectError(
      'ERR_NETDISSECT_REPORT',
      `${file} ${why}; name the folder of a report, with its dissect.json`,
      { cause },
    );
  const report = readJson(file, refuse);
  const wrong = (what: string) => refuse(`is no report of a dissection: ${what}`);
  if (!isObject(report) || !Array.isArray(report.layers) || report.layers.length === 0)
    throw wrong('it lists no layers');
  if (report.format !== undefined && report.format !== 1)
    throw wrong(`its format is ${JSON.stringify(report.format)}, and this program knows 1`);
  for (const layer of report.layers as unknown[]) checkLayer(layer, wrong);
  const layers = report.layers as LayerReport[];
  const first = (value: unknown) => (Array.isArray(value) ? value[0] : value);
  const whole: Report = {
    ...(report as unknown as Report),
    netname: typeof report.netname === 'string' ? report.netname : path.basename(path.resolve(folder)),
    meta: isObject(report.meta) ? report.meta : {},
    settings: isObject(report.settings) ? report.settings : {},
    quantile_threshold: isNumber(report.quantile_threshold) ? report.quantile_threshold : 0.005,
    iou_threshold: first(report.iou_threshold ?? layers[0].iou_threshold) as number,
    categories: strings(report.categories) ?? [],
    layers: layers.map(layer =>
      completed(layer, first(layer.iou_threshold ?? report.iou_threshold) as number),
    ),
  };
  if (!isNumber(whole.iou_threshold)) whole.iou_threshold = 0.04;
  whole.default_ranking = whole.layers.some(({ labels }) => labels) ? 'label' : 'unit';
  if (!whole.pictures) await findStrips(folder, whole);
  return whole;
}

function strings(value: unknown): string[] | undefined {
  return Array.isArray(value) && value.every(item => typeof item === 'string') ? value : undefined;
}

function checkLayer(layer: unknown, wrong: (what: string) => Error): asserts layer is LayerReport {
  if (!isObject(layer) || typeof layer.layer !== 'string') throw wrong('a layer has no name');
  const name = JSON.stringify(layer.layer);
  if (!Array.isArray(layer.units)) throw wrong(`layer ${name} lists no units`);
  if (
    typeof layer.dirname !== 'string' ||
    path.isAbsolute(layer.dirname) ||
    layer.dirname.split(/[/\\]/).includes('..')
  )
    throw wrong(`the folder of layer ${name} is ${JSON.stringify(layer.dirname)}, not one beside it`);
  for (const unit of layer.units as unknown[]) {
    const top = isObject(unit) ? unit.top : undefined;
    const fits =
      isObject(unit) &&
      isCount(unit.unit) &&
      isNumber(unit.level) &&
      (unit.iou === undefined || isNumber(unit.iou)) &&
      (unit.label === undefined || unit.label === null || typeof unit.label === 'string') &&
      Array.isArray(top) &&
      top.every(image => isObject(image) && isCount(image.imgnum) && isNumber(image.maxact));
    if (!fits) throw wrong(`a unit of layer ${name} is not as a report has it`);
  }
}

/** A layer with all that the page and a comparison use. */
function completed(layer: LayerReport, threshold: number): LayerReport {
  const units = layer.units.map(unit => completedUnit(unit));
  const labelled = units.some(({ iou }) => iou !== undefined);
  const rankings = Array.isArray(layer.rankings) ? layer.rankings.filter(isRanking) : [];
  const labels = Array.isArray(layer.labels)
    ? layer.labels.map(label => ({ ...label, cat: String(label.cat ?? 'label'), units: label.units ?? [] }))
    : [];
  const { labels: _, ...rest } = layer;
  return {
    ...rest,
    units,
    rankings,
    iou_threshold: isNumber(threshold) ? threshold : 0.04,
    ...(labelled && {
      labels,
      interpretable: units.filter(({ interp }) => interp).length,
    }),
  };
}

function completedUnit(unit: UnitReport): UnitReport {
  if (unit.iou === undefined) return unit;
  const { label = null, labelnum = 0, cat = null } = unit;
  return { ...unit, label, labelnum, cat: label === null ? null : (cat ?? 'label') };
}

function isRanking(ranking: unknown): boolean {
  return (
    isObject(ranking) &&
    typeof ranking.name === 'string' &&
    Array.isArray(ranking.score) &&
    Array.isArray(ranking.ranking)
  );
}

/** Where there are strips alone, as the Python package writes them, they are the pictures. */
async function findStrips(folder: string, report: Report): Promise<void> {
  const layer = report.layers.find(({ units }) => units.some(({ top }) => top.length > 0));
  const unit = layer?.units.find(({ top }) => top.length > 0);
  if (!layer || !unit) return;
  const strip = (name: string) => path.join(folder, layer.dirname, 'image', `${unit.unit}-${name}`);
  const there = (file: string) => {
    try {
      return Boolean(fileStat(file));
    } catch {
      return false;
    }
  };
  if (!there(strip('top.jpg')) || !fs.existsSync(strip('orig.jpg'))) return;
  const size = await imageSizeOf(strip('top.jpg'), unit.top.length);
  if (!size) return;
  report.image_size ??= size;
  report.pictures = {
    ...(there(strip('seg.png')) && { labels: '{dirname}/image/{unit}-seg.png' }),
    strips: '{dirname}/image/{unit}-{strip}',
  };
}
