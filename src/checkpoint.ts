/**
 * Weights from a PyTorch checkpoint, as `torch.save` writes it: a zip file with a pickle, `data.pkl`, and the contents
 * of tensors beside it. The pickle is read as data (`pickle.ts`); tensors are read when they are asked for.
 */

import fs from 'node:fs/promises';
import yauzl from 'yauzl';
import { NetdissectError } from './errors';
import type { NativeModel, Parameter } from './native';
import { Global, Opaque, Persistent, unpickle } from './pickle';
import { trouble } from './read';
import { some } from './words';

/** A tensor of a checkpoint's state dict. */
export interface CheckpointTensor {
  /** Its name in the state dict. */
  name: string;
  /** `float32` and so on; what PyTorch calls it. */
  dtype: string;
  shape: readonly number[];
  /** Why it cannot be read, null where it can; `dtype` and `shape` then say nothing. */
  refusal: string | null;
  /** Its values in C order, little-endian. Rejects with `ERR_NETDISSECT_CHECKPOINT` where it cannot be read. */
  read(): Promise<Uint8Array>;
}

export interface Checkpoint {
  path: string;
  /** The state dict, in its own order. */
  tensors: CheckpointTensor[];
  /** The finite numbers beside the state dict, such as `epoch`; none where the file is a bare state dict. */
  meta: Record<string, number>;
  close(): Promise<void>;
}

/** What a checkpoint gave to a model. */
export interface AppliedCheckpoint {
  meta: Record<string, number>;
  /** Entries of the state dict for which the model has no place. */
  unexpected: string[];
  /** Buffers that the state dict lacks, as it does where they are not persistent; the model keeps its own. */
  kept: string[];
}

export interface StateMatch {
  matched: { parameter: Parameter; tensor: CheckpointTensor }[];
  /** Parameters, means and variances that the checkpoint lacks. */
  missing: string[];
  /** Other buffers that it lacks, without the counts of batches, which no evaluation uses. */
  kept: string[];
  /** Entries of the checkpoint that no parameter takes. */
  unexpected: string[];
  misshapen: { name: string; expected: readonly number[]; found: readonly number[] }[];
}

const DTYPES: Record<string, { bytes: 1 | 2 | 4 | 8; storage: string; numpy?: string }> = {
  float64: { bytes: 8, storage: 'DoubleStorage', numpy: 'f8' },
  float32: { bytes: 4, storage: 'FloatStorage', numpy: 'f4' },
  float16: { bytes: 2, storage: 'HalfStorage' },
  bfloat16: { bytes: 2, storage: 'BFloat16Storage' },
  int64: { bytes: 8, storage: 'LongStorage', numpy: 'i8' },
  int32: { bytes: 4, storage: 'IntStorage', numpy: 'i4' },
  int16: { bytes: 2, storage: 'ShortStorage', numpy: 'i2' },
  int8: { bytes: 1, storage: 'CharStorage', numpy: 'i1' },
  uint8: { bytes: 1, storage: 'ByteStorage', numpy: 'u1' },
  bool: { bytes: 1, storage: 'BoolStorage' },
};

/** Where a checkpoint keeps its state dict, if it is not one itself. */
const STATE_KEYS = ['state_dict', 'model_state_dict', 'model'];

/** What DataParallel and torch.compile put before the names of what they wrap. */
const WRAPPER = /^(module|_orig_mod)\./;

/**
 * Opens a checkpoint in PyTorch's zip format: a bare state dict, or one under `state_dict`, `model_state_dict` or
 * `model`. Nothing pickled is executed, and no tensor is read yet. To be closed.
 * Rejects with `ERR_NETDISSECT_CHECKPOINT` where the file is missing, damaged, or something else.
 */
export async function readCheckpoint(path: string): Promise<Checkpoint> {
  const archive = await Archive.open(path);
  try {
    const data = await archive.read('data.pkl');
    let content: unknown;
    try {
      content = unpickle(data);
    } catch (cause) {
      throw damaged(path, cause, 'data.pkl: ');
    }
    const { state, rest } = findState(archive, content);
    return { path, tensors: state, meta: await numbers(archive, rest), close: () => archive.close() };
  } catch (error) {
    await archive.close();
    throw error;
  }
}

/**
 * Pairs the parameters and buffers of a model with a checkpoint's tensors, by name: the very name, or what is left of
 * it without leading `module.` and `_orig_mod.`. A buffer need not be in the checkpoint, since TorchScript keeps those
 * that are not persistent, too; the statistics of a batch normalisation have to.
 */
export function matchState(
  checkpoint: Pick<Checkpoint, 'tensors'>,
  parameters: readonly Parameter[],
): StateMatch {
  const names = new Set(parameters.map(({ name }) => name));
  const place = ({ name }: CheckpointTensor) => {
    while (!names.has(name) && WRAPPER.test(name)) name = name.replace(WRAPPER, '');
    return name;
  };
  const found = new Map<string, CheckpointTensor>();
  for (const tensor of checkpoint.tensors) {
    const name = place(tensor);
    if (!found.has(name) || name === tensor.name) found.set(name, tensor);
  }
  const match: StateMatch = { matched: [], missing: [], kept: [], unexpected: [], misshapen: [] };
  for (const parameter of parameters) {
    const { name, shape, buffer } = parameter;
    const tensor = found.get(name);
    if (!tensor) {
      if (!buffer || /\brunning_(mean|var)$/.test(name)) match.missing.push(name);
      else if (!/\bnum_batches_tracked$/.test(name)) match.kept.push(name);
    } else if (tensor.refusal === null && tensor.shape.join() !== shape.join())
      match.misshapen.push({ name, expected: shape, found: tensor.shape });
    else match.matched.push({ parameter, tensor });
  }
  for (const tensor of checkpoint.tensors) {
    const name = place(tensor);
    if (!names.has(name) || found.get(name) !== tensor) match.unexpected.push(tensor.name);
  }
  return match;
}

/**
 * Puts a checkpoint's values into the model. Rejects with `ERR_NETDISSECT_CHECKPOINT` where parameters are missing or
 * of another shape, before anything is changed.
 */
export async function applyCheckpoint(
  model: Pick<NativeModel, 'parameters' | 'setParameter'>,
  path: string,
): Promise<AppliedCheckpoint> {
  const checkpoint = await readCheckpoint(path);
  try {
    const parameters = await model.parameters();
    const match = matchState(checkpoint, parameters);
    requireFit(checkpoint, parameters, match);
    // refuses before anything is changed
    const unreadable = match.matched.find(({ tensor }) => tensor.refusal !== null);
    await unreadable?.tensor.read();
    for (const { parameter, tensor } of match.matched)
      await model.setParameter(parameter.name, tensor.dtype, await tensor.read());
    return { meta: checkpoint.meta, unexpected: match.unexpected, kept: match.kept };
  } finally {
    await checkpoint.close();
  }
}

function requireFit(checkpoint: Checkpoint, parameters: readonly Parameter[], match: StateMatch): void {
  const { path } = checkpoint;
  const { matched, missing, unexpected, misshapen } = match;
  if (parameters.length === 0)
    throw failure(
      `${path} cannot be put into the model, which has no parameters (freezing removes them); export it without freezing`,
    );
  if (matched.length === 0 && misshapen.length === 0)
    throw failure(
      `${path} fits nothing in the model: it has entries named ${some(unexpected, 4)}, and the model has ${some(
        parameters.map(({ name }) => name),
        4,
      )}; give the checkpoint of this very model, or rename its entries`,
    );
  if (missing.length === 0 && misshapen.length === 0) return;
  const faults: string[] = [];
  if (missing.length) faults.push(`it lacks ${some(missing, 4)}`);
  if (misshapen.length)
    faults.push(
      `of another shape are ${some(
        misshapen.map(
          ({ name, expected, found }) =>
            `${name} (the model's is [${expected.join(', ')}], the checkpoint's [${found.join(', ')}])`,
        ),
        4,
      )}`,
    );
  if (unexpected.length) faults.push(`the model has no place for ${some(unexpected, 4)}`);
  throw failure(
    `${path} does not fit the model: ${faults.join('; ')}; give the checkpoint of this very model`,
  );
}

const failure = (message: string, cause?: unknown) =>
  new NetdissectError('ERR_NETDISSECT_CHECKPOINT', message, cause === undefined ? undefined : { cause });

/** The zip file, whose entries lie under one folder of any name. */
class Archive {
  littleEndian = true;

  private constructor(
    readonly path: string,
    private readonly file: fs.FileHandle,
    private readonly zip: yauzl.ZipFile,
    private readonly entries: Map<string, yauzl.Entry>,
  ) {}

  static async open(path: string): Promise<Archive> {
    let file: fs.FileHandle;
    try {
      const stat = await fs.stat(path);
      if (!stat.isFile())
        throw failure(
          `cannot load the checkpoint ${path}: it is ${stat.isDirectory() ? 'a folder' : 'a device or the like'}, not a file`,
        );
      file = await fs.open(path);
    } catch (cause) {
      if (cause instanceof NetdissectError) throw cause;
      throw failure(`cannot load the checkpoint ${path}: it ${trouble(cause)}`, cause);
    }
    try {
      const start = Buffer.alloc(64);
      await file.read(start, 0, start.length, 0);
      if (start.readUInt32BE(0) !== 0x504b0304) throw failure(`${path} ${foreign(start)}`);
      const { zip, all } = await directory(file, path);
      const pickles = all.filter(({ fileName }) => /^[^/]+\/data\.pkl$/.test(fileName));
      if (pickles.length !== 1)
        throw failure(
          `${path} is a zip file without a data.pkl, no PyTorch checkpoint; give a file that torch.save wrote`,
        );
      const folder = pickles[0].fileName.slice(0, -'data.pkl'.length);
      const entries = new Map(
        all
          .filter(entry => entry.fileName.startsWith(folder))
          .map(entry => [entry.fileName.slice(folder.length), entry]),
      );
      if (entries.has('constants.pkl'))
        throw failure(
          `${path} is a TorchScript model, not a checkpoint; give it as the model, or save its state_dict() with torch.save`,
        );
      const archive = new Archive(path, file, zip, entries);
      // PyTorch before 2.1 does not say; it was hardly ever used on big-endian machines
      if (entries.has('byteorder')) archive.littleEndian = String(await archive.read('byteorder')) !== 'big';
      return archive;
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** The bytes of an entry, undefined where there is none. */
  size(name: string): number | undefined {
    return this.entries.get(name)?.uncompressedSize;
  }

  /** Reads a part of an entry, by default all of it. */
  async read(name: string, start = 0, length?: number): Promise<Buffer<ArrayBuffer>> {
    const entry = this.entries.get(name)!;
    if (entry.compressionMethod !== 0 || entry.isEncrypted())
      throw failure(
        `${this.path} holds '${entry.fileName}' compressed; give the file as torch.save wrote it, or load and save it again`,
      );
    let position: number;
    try {
      const header = await this.zip.readLocalFileHeaderPromise(entry, { minimal: true });
      position = header.fileDataStart + start;
    } catch (cause) {
      throw damaged(this.path, cause);
    }
    // an array of its own, aligned for elements of any size
    const bytes = Buffer.from(new ArrayBuffer(length ?? entry.uncompressedSize - start));
    for (let done = 0; done < bytes.length; ) {
      const piece = Math.min(bytes.length - done, 2 ** 30);
      const { bytesRead } = await this.file.read(bytes, done, piece, position + done);
      if (bytesRead === 0) throw damaged(this.path);
      done += bytesRead;
    }
    return bytes;
  }

  close(): Promise<void> {
    return this.file.close();
  }
}

const damaged = (path: string, cause?: unknown, where = '') =>
  failure(
    `${path} is damaged or cut off${cause ? ` (${where}${(cause as Error).message})` : ''}; copy or save it again`,
    cause,
  );

/** How yauzl reads the file. Its own reader throws out of all reach where a damaged file names impossible places. */
class Reader extends yauzl.RandomAccessReader {
  constructor(private readonly file: fs.FileHandle) {
    super();
  }

  override read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    callback: (error: Error | null, bytesRead?: number) => void,
  ): void {
    this.file.read(buffer, offset, length, position).then(
      ({ bytesRead }) => callback(null, bytesRead),
      error => callback(error),
    );
  }
}

async function directory(file: fs.FileHandle, path: string) {
  try {
    const zip = await yauzl.fromRandomAccessReaderPromise(new Reader(file), (await file.stat()).size);
    const all: yauzl.Entry[] = [];
    for await (const entry of zip.eachEntry()) all.push(entry);
    return { zip, all };
  } catch (cause) {
    throw damaged(path, cause);
  }
}

/** What a file is that is no zip file, and what to do about it. */
function foreign(start: Buffer): string {
  // the number that begins what torch.save wrote before 1.6, as a pickled integer
  if (start.includes('6cfc9c46f9206aa85019', 'hex'))
    return 'is in the format from before PyTorch 1.6, which is not read; convert it in Python with torch.save(torch.load(FILE), NEW_FILE)';
  if (start[0] === 0x80)
    return 'is a plain pickle, no PyTorch checkpoint; load it in Python and write the state dict with torch.save';
  if (start[8] === 0x7b && start.readBigUInt64LE(0) < 2n ** 32n)
    return 'is a safetensors file; convert it in Python with torch.save(safetensors.torch.load_file(FILE), NEW_FILE)';
  return 'is no PyTorch checkpoint; give a file that torch.save wrote';
}

/** A dict's items, also those of a kind of dict. */
const dictOf = (value: unknown): Map<unknown, unknown> | undefined =>
  value instanceof Map ? value : value instanceof Opaque ? value.entries : undefined;

/** The tensors of the state dict, and what lies beside it. */
function findState(archive: Archive, content: unknown) {
  const { path } = archive;
  const top = dictOf(content) ?? new Map();
  for (const key of STATE_KEYS) {
    const state = tensorsOf(archive, dictOf(top.get(key)));
    if (state.length) return { state, rest: top };
  }
  const state = tensorsOf(archive, top);
  if (state.length) return { state, rest: new Map<unknown, unknown>() };
  const module = [content, ...STATE_KEYS.map(key => top.get(key))].find(isModule);
  if (module)
    throw failure(
      `${path} holds a whole module (${module.name}), which only its Python code could load; save its state_dict() instead`,
    );
  const keys = [...top.keys()].filter(key => typeof key === 'string');
  throw failure(
    `${path} holds no state dict, neither by itself nor under ${STATE_KEYS.join(', ')}${keys.length ? ` (it has ${some(keys, 4)})` : ''}; save model.state_dict()`,
  );
}

const isModule = (value: unknown): value is Opaque =>
  value instanceof Opaque && value.state instanceof Map && value.state.has('_parameters');

function tensorsOf(archive: Archive, dict: Map<unknown, unknown> = new Map()): CheckpointTensor[] {
  const tensors: CheckpointTensor[] = [];
  for (const [name, value] of dict) {
    const tensor = typeof name === 'string' ? tensorOf(archive, name, value) : undefined;
    if (tensor) tensors.push(tensor);
  }
  return tensors;
}

/** Where a tensor's elements lie in its storage; offset and strides count elements. */
interface Layout {
  storage: string;
  dtype: string;
  offset: number;
  shape: number[];
  strides: number[];
}

/** The tensor that a pickled call would rebuild; undefined where the value is no tensor. */
function tensorOf(archive: Archive, name: string, value: unknown): CheckpointTensor | undefined {
  const rebuild = unwrapped(value);
  if (!rebuild) return undefined;
  const layout = layoutOf(archive, rebuild);
  if (typeof layout !== 'string') {
    const { dtype, shape } = layout;
    const read = () =>
      readTensor(archive, layout).catch(cause => {
        if (!(cause instanceof RangeError)) throw cause;
        throw failure(
          `cannot take '${name}' from ${archive.path}: memory does not hold its ${shape.join(' × ')} values; where it was expanded, save what it was expanded from`,
          cause,
        );
      });
    return { name, dtype, shape, refusal: null, read };
  }
  const refuse = async () => {
    throw failure(`cannot take '${name}' from ${archive.path}: ${layout}`);
  };
  return { name, dtype: '', shape: [], refusal: layout, read: refuse };
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
function layoutOf(archive: Archive, { name, args }: Call): Layout | string {
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

  const size = archive.size(`data/${id[2]}`);
  if (size === undefined)
    return `the file lacks its values, data/${id[2]}; copy or save the checkpoint again`;
  const elements = product(shape);
  const last = shape.reduce((place, length, i) => place + (length - 1) * strides[i], offset);
  if (elements > 0 && !(last < size / DTYPES[dtype].bytes && Number.isSafeInteger(elements * 8)))
    return `it reaches beyond its values, data/${id[2]}, of ${size} bytes; save the checkpoint again`;
  return { storage: id[2], dtype, offset, shape, strides };
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
/** Sizes or strides; PyTorch's tensors have 64 dimensions at most. */
const isCounts = (value: unknown): value is number[] =>
  Array.isArray(value) && value.length <= 64 && value.every(isCount);

const product = (shape: number[]) =>
  shape.includes(0) ? 0 : shape.reduce((count, length) => count * length, 1);

async function readTensor(archive: Archive, layout: Layout): Promise<Uint8Array> {
  const { shape, strides, offset } = layout;
  const { bytes } = DTYPES[layout.dtype];
  const elements = product(shape);
  if (elements === 0) return new Uint8Array();
  // from the first element to the last
  const span = shape.reduce((sum, length, i) => sum + (length - 1) * strides[i], 1);
  const stored = await archive.read(`data/${layout.storage}`, offset * bytes, span * bytes);
  if (!archive.littleEndian) {
    if (bytes === 2) stored.swap16();
    if (bytes === 4) stored.swap32();
    if (bytes === 8) stored.swap64();
  }
  let step = 1;
  const contiguous = shape.every((_, i) => {
    const axis = shape.length - 1 - i;
    const fits = shape[axis] === 1 || strides[axis] === step;
    step *= shape[axis];
    return fits;
  });
  if (contiguous) return stored;
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

/** The finite numbers among a checkpoint's entries: Python's, numpy's, and tensors without a dimension. */
async function numbers(archive: Archive, entries: Map<unknown, unknown>): Promise<Record<string, number>> {
  const found: [string, number][] = [];
  for (const [name, value] of entries) {
    if (typeof name !== 'string') continue;
    let number: unknown = value;
    if (value instanceof Opaque) {
      const tensor = tensorOf(archive, name, value);
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
