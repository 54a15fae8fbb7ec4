/** Units of two layers that respond alike, whatever their numbers: matched one to one by their activations on the same images. */

import path from 'node:path';
import { munkres } from 'munkres';
import { NetdissectError } from '../base/errors';
import { readNpy } from '../base/npy';
import { native } from '../native/native';
import type { MatchedPair, Side } from './compare';

/** Whether two sides were observed on the same images, as far as their reports tell. */
export function sameImages({ report: one }: Side, { report: other }: Side): boolean {
  if (one.images === undefined || one.images !== other.images) return false;
  const files = new Map(one.top_images?.map(({ imgnum, file }) => [imgnum, file]));
  return (other.top_images ?? []).every(({ imgnum, file }) => {
    const own = files.get(imgnum);
    return own === undefined || file === undefined || own === file;
  });
}

/** Each unit's largest activation on every image, `[units, images]`; undefined where they were not written. */
function maximaOf({ run, report, layer }: Side): Float32Array | undefined {
  if (layer.maxima === undefined) return undefined;
  const file = path.join(run, layer.dirname, path.basename(layer.maxima));
  const { shape, data } = readNpy(file);
  if (
    data instanceof Float64Array ||
    shape.length !== 2 ||
    shape[0] !== layer.units.length ||
    shape[1] !== report.images ||
    !data.every(Number.isFinite)
  )
    throw new NetdissectError(
      'ERR_NETDISSECT_REPORT',
      `expected ${layer.units.length}×${report.images} finite float32 values in ${file} but found an array of ${shape.join('×')}; dissect with --maxima again`,
    );
  return data;
}

/**
 * The pairs of units whose correlations have the largest sum, as many as the smaller side has units, the most alike first;
 * null where the sides do not both have maxima of the same images.
 */
async function matchTwo(first: Side, other: Side): Promise<MatchedPair[] | null> {
  if (!sameImages(first, other)) return null;
  const [one, two] = [maximaOf(first), maximaOf(other)];
  if (!one || !two) return null;
  const units = other.layer.units.length;
  const correlations = await native().correlate(one, two, first.report.images);
  const costs = Array.from(first.layer.units, (_, u) =>
    correlations.subarray(u * units, (u + 1) * units).map(correlation => -correlation),
  );
  return munkres(costs)
    .map(([u, v]): MatchedPair => {
      const pair = [first.layer.units[u], other.layer.units[v]];
      return {
        units: [pair[0].unit, pair[1].unit],
        correlation: correlations[u * units + v],
        labels: pair.map(({ interp, label }) => (interp ? (label ?? null) : null)) as MatchedPair['labels'],
      };
    })
    .sort((a, b) => b.correlation - a.correlation || a.units[0] - b.units[0]);
}

/** The first side's units with those of each other; undefined where none were matched. */
export async function matchSides([first, ...others]: readonly Side[]): Promise<
  (MatchedPair[] | null)[] | undefined
> {
  const matched = [];
  for (const other of others) matched.push(await matchTwo(first, other));
  return matched.some(pairs => pairs) ? matched : undefined;
}
