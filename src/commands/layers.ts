/** `netdissect-native layers MODEL`: what there is to dissect. */

import { loadModel } from '../model/model';
import type { LayerInfo } from '../native/native';
import { PROGRAM } from './help';
import type { Terminal } from './interrupt';
import type { LayersValues } from './options';
import { table } from './table';

export async function runLayers(
  { model: path, imgsize, tokens, layout }: LayersValues,
  { stdout, stderr }: Terminal,
): Promise<void> {
  const model = await loadModel(path, {
    device: 'cpu',
    onLog: message => stderr.write(`${PROGRAM}: ${message}\n`),
  });
  try {
    const rows = [['layer', 'type', 'output', 'calls', 'scale', 'offset', 'notes']];
    for (const layer of await model.layers(imgsize, { tokens, layout }))
      rows.push([
        layer.name,
        layer.type,
        layer.shape?.join('×') ?? layer.output ?? '-',
        String(layer.calls),
        layer.scale ? pair(layer.scale) : '-',
        layer.offset ? pair(layer.offset) : '-',
        layer.refusal ?? notes(layer),
      ]);
    stdout.write(`${table(rows)}\n`);
  } finally {
    await model.close();
  }
}

function notes({ tokensDropped, unitsLast, changedInPlace }: LayerInfo): string {
  const told = [];
  if (tokensDropped > 0) told.push(`without ${tokensDropped} other tokens`);
  if (unitsLast) told.push('units last');
  if (changedInPlace) told.push('changed in place later');
  return told.join(', ');
}

function pair([y, x]: readonly [number, number]): string {
  return y === x ? String(y) : `${y},${x}`;
}
