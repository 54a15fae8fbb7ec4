/** What is in a pickled checkpoint: the tensors of its dicts, at any depth. */

import { Opaque } from './pickle';
import { type Storages, tensorOf } from './pickled';
import type { CheckpointTensor } from './tensor';

/** Deeper than any checkpoint. */
const DEEPEST = 32;
/** More dicts than any checkpoint has; those that share others are walked once for each path. */
const MOST_DICTS = 20_000;

/** The tensors of a dict and the dicts in it, the outermost first. */
export function tensorsIn(path: string, storages: Storages, content: unknown): CheckpointTensor[] {
  const tensors: CheckpointTensor[] = [];
  let dicts = 0;
  let level = [{ holder: '', value: content, above: new Set<unknown>() }];
  for (let depth = 0; level.length > 0 && depth < DEEPEST; depth++) {
    const below: typeof level = [];
    for (const { holder, value, above } of level) {
      const dict = dictOf(value);
      if (!dict || above.has(dict) || dicts++ >= MOST_DICTS) continue;
      const here = new Set([...above, dict]);
      for (const [name, entry] of dict) {
        if (typeof name !== 'string') continue;
        const tensor = tensorOf(path, storages, { name, holder }, entry);
        if (tensor) tensors.push(tensor);
        else below.push({ holder: holder ? `${holder}.${name}` : name, value: entry, above: here });
      }
    }
    level = below;
  }
  return tensors;
}

/** A dict's items, also those of a kind of dict. */
export const dictOf = (value: unknown): Map<unknown, unknown> | undefined =>
  value instanceof Map ? value : value instanceof Opaque ? value.entries : undefined;

/** The class of a whole module, the checkpoint or an entry of it; undefined where there is none. */
export function moduleIn(content: unknown): string | undefined {
  const isModule = (value: unknown): value is Opaque =>
    value instanceof Opaque && value.state instanceof Map && value.state.has('_parameters');
  return [content, ...(dictOf(content)?.values() ?? [])].find(isModule)?.name;
}
