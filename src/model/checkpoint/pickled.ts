/** Tensors as PyTorch pickles them: calls that would rebuild them, on values that lie elsewhere. */

import { Global, Opaque, Persistent } from './pickle';
import { type CheckpointTensor, DTYPES, fits, isCount, isCounts, type Layout, tensorAt } from './tensor';

/** The values that tensors are views of, by the keys that the pickle has for them. */
export interface Storages {
  littleEndian: boolean;
  /** Their name for messages. */
  describe(key: string): string;
  /** How many bytes they are, undefined where there are none of that key. */
  size(key: string): number | undefined;
  read(key: string, start: number, length: number): Promise<Buffer<ArrayBuffer>>;
}

/** The tensor that a pickled call would rebuild; undefined where the value is none. */
export function tensorOf(
  path: string,
  storages: Storages,
  place: Pick<CheckpointTensor, 'name' | 'holder'>,
  value: unknown,
): CheckpointTensor | undefined {
  const rebuild = unwrapped(value);
  return rebuild && tensorAt(path, place, layoutOf(storages, rebuild));
}

interface Call {
  name: string;
  args: unknown[];
}

/** The call of one of PyTorch's functions `_rebuild_...tensor` that is within parameters and subclasses of tensors. */
function unwrapped(value: unknown): Call | undefined {
  // they are nested two deep at most; what is not is none
  for (let depth = 0; depth < 4; depth++) {
    if (!(value instanceof Opaque) || !Array.isArray(value.args)) return undefined;
    const { args } = value;
    switch (value.name) {
      case 'torch._utils._rebuild_parameter':
      case 'torch._utils._rebuild_parameter_with_state':
        value = args[0];
        break;
      case 'torch._tensor._rebuild_from_type':
      case 'torch._tensor._rebuild_from_type_v2':
        value = new Opaque(args[0] instanceof Global ? args[0].name : '', args[2]);
        break;
      default:
        return /^torch\._utils\._rebuild_\w*tensor/.test(value.name) ? { name: value.name, args } : undefined;
    }
  }
  return undefined;
}

/** A tensor's layout, or why it cannot be read. */
function layoutOf(storages: Storages, { name, args }: Call): Layout | string {
  const version = /\._rebuild_tensor(_v[23])?$/.exec(name);
  if (!version) {
    const kind = name.replace(/.*_rebuild_|_no_storage/g, '').replaceAll('_', ' ');
    return `it is stored as a ${kind.replace('qtensor', 'quantised tensor')}; save a plain tensor`;
  }
  const broken = 'its description is damaged; save the checkpoint again';
  const [storage, offset, shape, strides] = args;
  const id = storage instanceof Persistent ? storage.id : undefined;
  if (!Array.isArray(id) || id[0] !== 'storage' || !(id[1] instanceof Global) || typeof id[2] !== 'string')
    return broken;
  if (!isCount(offset) || !isCounts(shape) || !isCounts(strides) || shape.length !== strides.length)
    return broken;

  const stored = version[1] === '_v3' ? args[6] : id[1];
  const type = stored instanceof Global ? stored.name.replace(/^.*\./, '') : '';
  const dtype = Object.keys(DTYPES).find(key => key === type || DTYPES[key].storage === type);
  if (!dtype)
    return `its type is ${type.replace(/Storage$/, '')}; expected one of ${Object.keys(DTYPES).join(', ')}`;
  const metadata = args[version[1] === '_v3' ? 7 : 6];
  if (metadata instanceof Map && (metadata.get('neg') || metadata.get('conj')))
    return 'its values are stored negated or conjugated; save a clone() of it';

  const key = id[2];
  const where = storages.describe(key);
  const size = storages.size(key);
  if (size === undefined) return `the file lacks its values, ${where}; copy or save the checkpoint again`;
  const { littleEndian } = storages;
  const layout: Omit<Layout, 'read'> = { dtype, offset, shape, strides, littleEndian, stored: where };
  if (!fits(layout, size))
    return `it reaches beyond its values, ${where}, of ${size} bytes; save the checkpoint again`;
  return { ...layout, read: (from, length) => storages.read(key, from, length) };
}
