/** Tensors of a checkpoint: their types, how they lie in stored values, and how they are read from there. */

import { failure } from './failure';

/** What is read of each type, by PyTorch's name for it. */
export const DTYPES: Record<
  string,
  { bytes: 1 | 2 | 4 | 8; storage: string; numpy?: string; safetensors: string }
> = {
  float64: { bytes: 8, storage: 'DoubleStorage', numpy: 'f8', safetensors: 'F64' },
  float32: { bytes: 4, storage: 'FloatStorage', numpy: 'f4', safetensors: 'F32' },
  float16: { bytes: 2, storage: 'HalfStorage', numpy: 'f2', safetensors: 'F16' },
  bfloat16: { bytes: 2, storage: 'BFloat16Storage', safetensors: 'BF16' },
  int64: { bytes: 8, storage: 'LongStorage', numpy: 'i8', safetensors: 'I64' },
  int32: { bytes: 4, storage: 'IntStorage', numpy: 'i4', safetensors: 'I32' },
  int16: { bytes: 2, storage: 'ShortStorage', numpy: 'i2', safetensors: 'I16' },
  int8: { bytes: 1, storage: 'CharStorage', numpy: 'i1', safetensors: 'I8' },
  uint8: { bytes: 1, storage: 'ByteStorage', numpy: 'u1', safetensors: 'U8' },
  bool: { bytes: 1, storage: 'BoolStorage', numpy: 'b1', safetensors: 'BOOL' },
};

/** A tensor of a checkpoint. */
export interface CheckpointTensor {
  /** Its name in the dict that holds it. */
  name: string;
  /** The path of that dict, as `state_dict` or `ema.state_dict`; empty where it is the checkpoint itself. */
  holder: string;
  /** `float32` and so on; what PyTorch calls it. */
  dtype: string;
  shape: readonly number[];
  /** Why it cannot be read, null where it can; `dtype` and `shape` then say nothing. */
  refusal: string | null;
  /** Tensors with the same text here are views of the same values. */
  place?: string;
  /** Its values in C order, little-endian. Rejects with `ERR_NETDISSECT_CHECKPOINT` where it cannot be read. */
  read(): Promise<Uint8Array>;
}

/** How a tensor lies in stored values; offset and strides count elements. */
export interface Layout {
  dtype: string;
  offset: number;
  shape: readonly number[];
  strides: readonly number[];
  littleEndian: boolean;
  /** Reads so many bytes of the stored values from the `start`-th on, into memory of its own. */
  read(start: number, length: number): Promise<Uint8Array<ArrayBuffer>>;
  /** Says what the stored values are, where others may share them. */
  stored?: string;
}

/** A tensor of that layout, or, for a text, one that cannot be read because of it. */
export function tensorAt(
  path: string,
  where: Pick<CheckpointTensor, 'name' | 'holder'>,
  layout: Layout | string,
): CheckpointTensor {
  const taken = `cannot take '${where.name}' from ${path}`;
  if (typeof layout === 'string') {
    const read = async () => {
      throw failure(`${taken}: ${layout}`);
    };
    return { ...where, dtype: '', shape: [], refusal: layout, read };
  }
  const { dtype, shape, offset, strides, stored } = layout;
  const read = () =>
    readLayout(layout).catch(cause => {
      if (!(cause instanceof RangeError)) throw cause;
      throw failure(
        `${taken}: memory does not hold its ${shape.join(' × ')} values; where it was expanded, save what it was expanded from`,
        cause,
      );
    });
  const place = stored === undefined ? undefined : [stored, dtype, offset, shape, strides].join(' ');
  return { ...where, dtype, shape, refusal: null, place, read };
}

/** Whether a tensor that lies so needs no more than so many bytes of stored values. */
export function fits({ dtype, offset, shape, strides }: Omit<Layout, 'read'>, size: number): boolean {
  const elements = product(shape);
  const last = shape.reduce((place, length, i) => place + (length - 1) * strides[i], offset);
  return elements === 0 || ((last + 1) * DTYPES[dtype].bytes <= size && Number.isSafeInteger(elements * 8));
}

/** The strides of a tensor whose elements lie in C order. */
export function plainStrides(shape: readonly number[]): number[] {
  let step = 1;
  const strides: number[] = [];
  for (const length of shape.toReversed()) {
    strides.unshift(step);
    step *= length;
  }
  return strides;
}

export const product = (shape: readonly number[]) =>
  shape.includes(0) ? 0 : shape.reduce((count, length) => count * length, 1);

export const isCount = (value: unknown): value is number =>
  Number.isSafeInteger(value) && (value as number) >= 0;

/** Sizes or strides; PyTorch's tensors have 64 dimensions at most. */
export const isCounts = (value: unknown): value is number[] =>
  Array.isArray(value) && value.length <= 64 && value.every(isCount);

async function readLayout(layout: Layout): Promise<Uint8Array> {
  const { shape, strides, offset } = layout;
  const { bytes } = DTYPES[layout.dtype];
  const elements = product(shape);
  if (elements === 0) return new Uint8Array();
  // from the first element to the last
  const span = shape.reduce((sum, length, i) => sum + (length - 1) * strides[i], 1);
  const stored = await layout.read(offset * bytes, span * bytes);
  if (!layout.littleEndian) {
    const turned = Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength);
    if (bytes === 2) turned.swap16();
    if (bytes === 4) turned.swap32();
    if (bytes === 8) turned.swap64();
  }
  const plain = plainStrides(shape);
  if (shape.every((length, axis) => length === 1 || strides[axis] === plain[axis])) return stored;
  const Elements = { 1: Uint8Array, 2: Uint16Array, 4: Uint32Array, 8: BigUint64Array }[bytes];
  const from = new Elements(stored.buffer);
  const to = new Elements(elements);
  let place = 0;
  const copy = (axis: number, start: number) => {
    if (axis === shape.length) to[place++] = from[start];
    else for (let i = 0; i < shape[axis]; i++) copy(axis + 1, start + i * strides[axis]);
  };
  copy(0, 0);
  return new Uint8Array(to.buffer);
}
