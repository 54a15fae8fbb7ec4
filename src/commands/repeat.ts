/** The command that repeats a run: the options that decide what its report says, in the order of the help. */

import type { CommandParts } from '../base/command-line';
import type { AnalyseValues } from './analyse-options';
import type { Option } from './option';
import { DISSECT, type DissectValues } from './options';

/** What changes nothing of the report, or is part of a run that is stored or shared out, and not of what it finds. */
const LEFT_OUT = new Set([
  ...['download', 'url', 'outdir', 'batch_size', 'num_workers', 'threads', 'memory', 'store', 'checkpoint'],
  ...['shard', 'spill', 'config', 'profile', 'quiet', 'help', 'version'],
]);

/** What an analysis may choose anew. */
const OF_ANALYSES = new Set([
  ...['quantile', 'iou-threshold', 'labels-per-unit', 'decoys', 'bootstrap', 'scores', 'formulas'],
  ...['formula-seconds', 'categories', 'netname', 'strips', 'maxima', 'single-images', 'no-report'],
]);

/** An option as it is given: texts, `true` for a flag that is set, undefined where nothing is given. */
function part(value: unknown, { default: standard }: Option): CommandParts[string] | undefined {
  if (value === undefined || value === false) return undefined;
  if (value === true) return true;
  const texts = Array.isArray(value) ? value.map(String) : [String(value)];
  if (texts.length === 1 && texts[0] === standard) return undefined;
  return Array.isArray(value) ? texts : texts[0];
}

function inOrder(partOf: (name: string, option: Option) => CommandParts[string] | undefined): CommandParts {
  const parts: Record<string, CommandParts[string]> = {};
  for (const [name, option] of Object.entries(DISSECT)) {
    const given = LEFT_OUT.has(name) && name !== 'memory' ? undefined : partOf(name, option);
    if (given !== undefined) parts[name] = given;
  }
  return parts;
}

const size = ([height, width]: readonly number[]) => (height === width ? `${height}` : `${height},${width}`);

export function dissectCommand(values: DissectValues): CommandParts {
  return inOrder((name, option) => {
    if (name === 'memory' && !values.approximate) return undefined; // it decides which levels are estimates
    return part(name === 'imgsize' ? size(values.imgsize) : values[name as keyof DissectValues], option);
  });
}

/** The dissection whose report an analysis writes; undefined where no command was observed. */
export function analysedCommand(
  observed: CommandParts | undefined,
  values: AnalyseValues,
): CommandParts | undefined {
  if (!observed) return undefined;
  return inOrder((name, option) => {
    const own = values[name as keyof AnalyseValues];
    if (name === 'no-images') return observed[name] ?? (values.broden === undefined ? true : undefined);
    const kept = ['quantile', 'categories', 'netname'].includes(name) && own === undefined;
    return OF_ANALYSES.has(name) && !kept ? part(own, option) : observed[name];
  });
}
