/** Units of two layers that respond alike, whatever their numbers: matched one to one by their activations on the same images. */

import path from 'node:path';
import { munkres } from 'munkres';
import { NetdissectError } from '../base/errors';
import { readNpy } from '../base/npy';
import { native } from '../native/native';
import type { MatchedPair, Side } from './compare';
import type { Report, UnitReport } from './types';

/** Whether two sides were observed on the same images: as many, and those that both show, of which there are some, by the same files. */
export function sameImages({ report: one }: Side, { report: other }: Side): boolean {
  if (!(one.images > 0) || one.images !== other.images) return false;
  const filesOf = ({ top_images }: Report) =>
    Array.isArray(top_images) ? top_images.filter(image => image?.file !== undefined) : [];
  const files = new Map(filesOf(one).map(({ imgnum, file }) => [imgnum, file]));
  const common = filesOf(other).filter(({ imgnum }) => files.has(imgnum));
  return common.length > 0 && common.every(({ imgnum, file }) => files.get(imgnum) === file);
}

/** Each unit's largest activation on every image, `[units, images]`; undefined where they were not written. */
function maximaOf({ run, report, layer }: Side): Float32Array | undefined {
  if (typeof layer.maxima !== 'string') return undefined;
  const file = path.join(run, layer.dirname, path.basename(layer.maxima));
  const { shape, data } = readNpy(file);
  const refuse = (found: string) =>
    new NetdissectError(
      'ERR_NETDISSECT_REPORT',
      `expected ${layer.units.length}×${report.images} finite float32 values in ${file} but found ${found}; dissect with --maxima again`,
    );
  if (data instanceof Float64Array) throw refuse('float64');
  if (shape.length !== 2 || shape[0] !== layer.units.length || shape[1] !== report.images)
    throw refuse(`an array of ${shape.join('×')}`);
  const bad = data.find(value => !Number.isFinite(value));
  if (bad !== undefined) throw refuse(String(bad));
  return data;
}

/**
 * The pairs of units whose correlations have the largest sum, as many as the smaller side has units, the most alike first;
 * null where the sides do not both have maxima of the same images.
 */
async function matchTwo(
  first: Side,
  other: Side,
  one: Float32Array | undefined,
): Promise<MatchedPair[] | null> {
  const two = one && sameImages(first, other) ? maximaOf(other) : undefined;
  if (!one || !two || one.length === 0 || two.length === 0) return null;
  const units = other.layer.units.length;
  const correlations = await native().correlate(one, two, first.report.images);
  const costs = Array.from(first.layer.units, (_, u) =>
    correlations.subarray(u * units, (u + 1) * units).map(correlation => -correlation),
  );
  return munkres(costs)
    .map(([u, v]): MatchedPair => {
      const [a, b] = [first.layer.units[u], other.layer.units[v]];
      return {
        units: [a.unit, b.unit],
        correlation: correlations[u * units + v],
        labels: [detected(a), detected(b)],
      };
    })
    .sort((a, b) => b.correlation - a.correlation || a.units[0] - b.units[0]);
}

const detected = ({ interp, label, cat }: UnitReport) =>
  interp && label ? { label, cat: cat ?? 'label' } : null;

/** The first side's units with those of each other; undefined where none were matched. */
export async function matchSides([first, ...others]: readonly Side[]): Promise<
  (MatchedPair[] | null)[] | undefined
> {
  const own = others.some(other => sameImages(first, other)) ? maximaOf(first) : undefined;
  const matched = [];
  for (const other of others) matched.push(await matchTwo(first, other, own));
  return matched.some(pairs => pairs) ? matched : undefined;
}
