/**
 * Files of the safetensors format: eight bytes with the length of a JSON header, the header, then the tensors' values,
 * little-endian and in C order. Source: the format's description in its own repository, huggingface/safetensors.
 */

import { damaged } from './failure';
import type { CheckpointFile } from './file';
import { type CheckpointTensor, DTYPES, isCount, isCounts, plainStrides, product, tensorAt } from './tensor';

/** What the format allows. */
const LONGEST_HEADER = 100_000_000;

/** Whether a file that begins so is one. */
export function isSafetensors(start: Buffer): boolean {
  return start[8] === 0x7b && start.readBigUInt64LE(0) <= BigInt(LONGEST_HEADER);
}

export async function safetensorsIn(file: CheckpointFile): Promise<CheckpointTensor[]> {
  const wrong = (what: string, cause?: unknown) => damaged(file.path, new Error(what, { cause }));
  const length = Number((await file.read(0, 8)).readBigUInt64LE(0));
  if (8 + length > file.size) throw wrong('its header ends too early');
  const values = 8 + length;
  let header: Record<string, unknown>;
  try {
    header = JSON.parse((await file.read(8, length)).toString('utf8'));
  } catch (cause) {
    throw wrong(`its header is no JSON: ${(cause as Error).message}`, cause);
  }
  const tensors: CheckpointTensor[] = [];
  for (const [name, entry] of Object.entries(header)) {
    if (name === '__metadata__') continue;
    const { dtype: type, shape, data_offsets: places } = (entry ?? {}) as Record<string, unknown>;
    if (!isCounts(shape) || !isCounts(places) || places.length !== 2 || typeof type !== 'string')
      throw wrong(`its header does not describe '${name}'`);
    const dtype = Object.keys(DTYPES).find(key => DTYPES[key].safetensors === type);
    const where = { name, holder: '' };
    if (!dtype) {
      const known = Object.values(DTYPES).map(({ safetensors }) => safetensors);
      tensors.push(tensorAt(file.path, where, `its type is ${type}; expected one of ${known.join(', ')}`));
      continue;
    }
    const [start, end] = places;
    const bytes = product(shape) * DTYPES[dtype].bytes;
    if (!isCount(bytes) || end - start !== bytes || values + end > file.size)
      throw wrong(`'${name}' has other bytes than its shape needs`);
    const read = (from: number, count: number) => file.read(values + start + from, count);
    const strides = plainStrides(shape);
    const layout = { dtype, offset: 0, shape, strides, littleEndian: true, stored: String(start), read };
    tensors.push(tensorAt(file.path, where, layout));
  }
  return tensors;
}
