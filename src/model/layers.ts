/** Choosing layers by pattern. */

import { optionError } from '../base/errors';
import { nearest } from '../base/nearest';
import type { LayerInfo } from '../native/native';

/** Whether some of the layers have to be looked up in the model by {@link expandLayers}. */
export function hasPatterns(layers: readonly string[]): boolean {
  return layers.some(layer => isPattern(split(layer).name));
}

/**
 * Turns patterns into the names of layers, for `retainLayers`: `*` stands for any characters but a dot, `**` for any
 * characters, `all` for every layer. Patterns take the layers that can be dissected, in the model's order, without
 * those that are named one by one. `PATTERN:REPORTED` needs a pattern that fits one layer.
 * @param infos what `model.layers(imageSize)` resolves to
 * @throws NetdissectError `ERR_NETDISSECT_OPTION` where a pattern fits no layer
 */
export function expandLayers(layers: readonly string[], infos: readonly LayerInfo[]): string[] {
  const patterns = new Set(
    layers
      .map(layer => split(layer).name)
      .filter(name => isPattern(name) && !infos.some(i => i.name === name)),
  );
  const taken = new Set(layers.map(layer => split(layer).name).filter(name => !patterns.has(name)));
  return layers.flatMap(layer => {
    const { name, reported } = split(layer);
    if (!patterns.has(name)) return [layer];
    const found = matches(name, infos);
    if (reported !== undefined && found.length > 1)
      throw optionError(
        `'${layer}' fits ${found.length} layers (${found.slice(0, 3).join(', ')}${found.length > 3 ? ', ...' : ''}), which cannot share one reported name; name one layer`,
      );
    const fresh = found.filter(match => !taken.has(match));
    for (const match of fresh) taken.add(match);
    return fresh.map(match => (reported === undefined ? match : `${match}:${reported}`));
  });
}

function split(layer: string): { name: string; reported?: string } {
  const colon = layer.indexOf(':');
  return colon < 0 ? { name: layer } : { name: layer.slice(0, colon), reported: layer.slice(colon + 1) };
}

function isPattern(name: string): boolean {
  return name === 'all' || name.includes('*');
}

function matches(pattern: string, infos: readonly LayerInfo[]): string[] {
  // `[0]` at the end chooses from a tuple; the layer without it cannot be dissected.
  const [, base, index] = /^(.*?)((?:\[\d+\])*)$/s.exec(pattern === 'all' ? '**' : pattern)!;
  const source = base
    .split(/(\*+)/)
    .map(part =>
      part === '*' ? '[^.]*' : part.startsWith('*') ? '.*' : part.replace(/[\\^$.+?()[\]{}|]/g, '\\$&'),
    )
    .join('');
  const regExp = new RegExp(`^${source}$`, 's');
  const found = infos.filter(({ name }) => regExp.test(name));
  if (found.length === 0) {
    const near = nearest(
      base,
      infos.map(({ name }) => name),
      3,
    );
    throw optionError(
      `no layer fits '${pattern}'; ${near.length > 0 ? `the nearest names are ${near.join(', ')}` : 'the model has no layers'}`,
    );
  }
  if (index) return found.map(({ name }) => name + index);
  const usable = found.filter(({ refusal }) => refusal === null);
  if (usable.length === 0)
    throw optionError(
      `no layer that fits '${pattern}' can be dissected; the first, ${found[0].name}, cannot because ${found[0].refusal}`,
    );
  return usable.map(({ name }) => name);
}
