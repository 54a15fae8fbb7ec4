/** `netdissect-native compare DIRS...`: runs or layers side by side. */

import path from 'node:path';
import { NetdissectError, optionError } from '../base/errors';
import { writeFile } from '../base/write';
import { type Comparison, compareSides, type Side, sidesOf } from '../report/compare';
import { renderComparison } from '../report/compare-page';
import { matchSides } from '../report/match';
import { StagedFolder } from '../report/outdir';
import { readReport } from '../report/read';
import type { Terminal } from './interrupt';
import type { CompareValues } from './report-options';
import { table } from './table';

/** A concept is lost that may not be: the comparison is written. */
class Lost extends NetdissectError {
  readonly exitCode = 2;
}

export async function runCompare(values: CompareValues, { stdout }: Terminal): Promise<void> {
  const { reports: folders, outdir, quiet } = values;
  const runs = [];
  for (const run of folders) runs.push({ run, report: await readReport(run) });
  const groups: { sides: readonly Side[]; comparison: Comparison }[] = sidesOf(runs).map(sides => ({
    sides,
    comparison: compareSides(sides),
  }));
  const guarded = values['fail-on-lost'] ?? [];
  for (const name of guarded)
    if (!groups.some(({ comparison }) => detected(comparison, name)))
      throw optionError(
        `expected concepts that ${runs[0].run} detects after --fail-on-lost, but it has no detector of ${name}`,
      );
  for (const { sides, comparison } of groups) {
    const matched = await matchSides(sides);
    if (matched) comparison.matched = matched;
  }
  const staged = await StagedFolder.open(outdir, [], 'compare.json');
  try {
    const data = {
      format: 1,
      comparisons: groups.map(({ comparison }) => comparison),
    };
    await writeFile(path.join(staged.path, 'index.html'), renderComparison(groups, outdir));
    await writeFile(path.join(staged.path, 'compare.json'), `${JSON.stringify(data, null, 1)}\n`);
    await staged.commit('compare.json');
  } catch (error) {
    await staged.discard();
    throw error;
  }
  if (!quiet) stdout.write(`${summary(groups)}\ncomparison: ${outdir}/index.html\n`);
  const lost = guarded.flatMap(name => groups.flatMap(group => lostIn(group, name)));
  if (lost.length > 0) throw new Lost('ERR_NETDISSECT_LOST', `lost: ${lost.join('; ')}`);
}

function detected({ concepts }: Comparison, name: string): boolean {
  return concepts.some(({ label, sides }) => label === name && sides[0].units > 0);
}

/** `dog in conv5 of b (IoU 0.41, and now 0.03)` */
function lostIn(
  { sides, comparison }: { sides: readonly Side[]; comparison: Comparison },
  name: string,
): string[] {
  return comparison.concepts
    .filter(({ label }) => label === name)
    .flatMap(concept =>
      concept.changes.flatMap((change, i) => {
        if (change !== 'lost') return [];
        const [first, other] = [concept.sides[0].best!, concept.sides[i + 1]];
        const now = other.best ? other.best.iou.toFixed(3) : `at most ${other.bound!.toFixed(3)}`;
        return `${name} in ${sides[i + 1].layer.layer} of ${sides[i + 1].run} (IoU ${first.iou.toFixed(3)}, and now ${now})`;
      }),
    );
}

function summary(groups: readonly { comparison: Comparison }[]): string {
  const rows = [['run', 'layer', 'units', 'interpretable', 'concepts', 'gained', 'lost', 'undecided']];
  for (const { comparison } of groups)
    for (const [i, side] of comparison.sides.entries()) {
      const count = (kind: string) =>
        i === 0 ? '-' : String(comparison.concepts.filter(({ changes }) => changes[i - 1] === kind).length);
      const numbers = [side.units, side.interpretable, side.concepts].map(String);
      rows.push([side.run, side.layer, ...numbers, count('gained'), count('lost'), count('undecided')]);
    }
  return table(rows);
}
