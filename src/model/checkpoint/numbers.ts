/** The numbers that lie beside the weights, such as `epoch`. */

import { Opaque } from './pickle';
import { type Storages, tensorOf } from './pickled';
import { DTYPES } from './tensor';

/** The finite numbers among a checkpoint's entries: Python's, numpy's, and tensors without a dimension. */
export async function numbersIn(
  path: string,
  storages: Storages,
  entries: ReadonlyMap<unknown, unknown>,
): Promise<Record<string, number>> {
  const found: [string, number][] = [];
  for (const [name, value] of entries) {
    if (typeof name !== 'string') continue;
    let number: unknown = value;
    if (value instanceof Opaque) {
      const tensor = tensorOf(path, storages, { name, holder: '' }, value);
      if (tensor?.refusal === null && tensor.shape.length === 0)
        number = decode(DTYPES[tensor.dtype].numpy, await tensor.read());
      else number = numpyScalar(value);
    }
    if (Number.isFinite(number)) found.push([name, number as number]);
  }
  return Object.fromEntries(found);
}

function numpyScalar({ name, args }: Opaque): number | undefined {
  if (!/^numpy\._?core\.multiarray\.scalar$/.test(name) || !Array.isArray(args)) return undefined;
  let [dtype, bytes] = args;
  // how protocol 2 writes bytes
  if (bytes instanceof Opaque && bytes.name === '_codecs.encode' && Array.isArray(bytes.args)) {
    const [text] = bytes.args;
    if (typeof text === 'string' && text.length <= 8) bytes = Buffer.from(text, 'latin1');
  }
  if (!(dtype instanceof Opaque) || !Array.isArray(dtype.args) || !(bytes instanceof Uint8Array))
    return undefined;
  const littleEndian = !Array.isArray(dtype.state) || dtype.state[1] !== '>';
  return decode(dtype.args[0], bytes, littleEndian);
}

/** A number of one of numpy's types, such as `f8`; undefined for others and for what a number does not hold. */
function decode(type: unknown, bytes: Uint8Array, littleEndian = true): number | undefined {
  if (typeof type !== 'string' || bytes.length !== Number(type[1])) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const exact = (value: bigint) => (Number.isSafeInteger(Number(value)) ? Number(value) : undefined);
  switch (type) {
    case 'f8':
      return view.getFloat64(0, littleEndian);
    case 'f4':
      return view.getFloat32(0, littleEndian);
    case 'i8':
      return exact(view.getBigInt64(0, littleEndian));
    case 'u8':
      return exact(view.getBigUint64(0, littleEndian));
    case 'i4':
      return view.getInt32(0, littleEndian);
    case 'u4':
      return view.getUint32(0, littleEndian);
    case 'i2':
      return view.getInt16(0, littleEndian);
    case 'u2':
      return view.getUint16(0, littleEndian);
    case 'i1':
      return view.getInt8(0);
    case 'u1':
      return view.getUint8(0);
    default:
      return undefined;
  }
}
