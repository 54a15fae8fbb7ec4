// Checkpoints made by hand, for what PyTorch would not write.
import fs from 'node:fs/promises';
import { crc32, deflateRawSync } from 'node:zlib';

/** A zip file whose entries, `{ name: bytes or text }`, are stored as they are, or deflated. */
export function storedZip(files, { deflated = false } = {}) {
  const locals = [];
  const central = [];
  let offset = 0;
  for (const [name, content] of Object.entries(files)) {
    const whole = Buffer.from(content);
    const data = deflated ? deflateRawSync(whole) : whole;
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(deflated ? 8 : 0, 4);
    common.writeUInt32LE(crc32(whole), 10);
    common.writeUInt32LE(data.length, 14);
    common.writeUInt32LE(whole.length, 18);
    common.writeUInt16LE(Buffer.byteLength(name), 22);
    const local = Buffer.concat([Buffer.from('PK\x03\x04'), common, Buffer.from(name), data]);
    const place = Buffer.alloc(14);
    place.writeUInt32LE(offset, 10);
    central.push(Buffer.concat([Buffer.from('PK\x01\x02\x14\x00'), common, place, Buffer.from(name)]));
    locals.push(local);
    offset += local.length;
  }
  const directory = Buffer.concat(central);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06');
  end.writeUInt16LE(central.length, 8);
  end.writeUInt16LE(central.length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...locals, directory, end]);
}

const uint32 = value => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
};

/** Python code would be `module.name`, and `module.name(*args)`. */
export const python = (module, name) => ({ opcodes: `c${module}\n${name}\n` });
export const call = (callee, args) => ({ opcodes: [callee, args, { opcodes: 'R' }] });
const persistent = id => ({ opcodes: [id, { opcodes: 'Q' }] });

/** A value without the pickle's beginning and end: arrays are tuples, objects and Maps dicts. */
function body(value) {
  if (value === null) return Buffer.from('N');
  if (typeof value === 'boolean') return Buffer.from([value ? 0x88 : 0x89]);
  if (typeof value === 'string')
    return Buffer.concat([Buffer.from('X'), uint32(Buffer.byteLength(value)), Buffer.from(value)]);
  if (typeof value === 'number') {
    const bytes = Buffer.alloc(9, 'G');
    bytes.writeDoubleBE(value, 1);
    return Number.isInteger(value) && Math.abs(value) < 2 ** 31
      ? Buffer.from([0x4a, ...new Uint8Array(Int32Array.of(value).buffer)])
      : bytes;
  }
  if (Buffer.isBuffer(value)) return value;
  if (Array.isArray(value)) return Buffer.concat([Buffer.from('('), ...value.map(body), Buffer.from('t')]);
  if (typeof value.opcodes === 'string') return Buffer.from(value.opcodes, 'latin1');
  if (value.opcodes) return Buffer.concat(value.opcodes.map(body));
  const entries = value instanceof Map ? [...value] : Object.entries(value);
  return Buffer.concat([Buffer.from('}('), ...entries.flat().map(body), Buffer.from('u')]);
}

/** A pickle of protocol 2. */
export const pickled = value => Buffer.concat([Buffer.from([0x80, 2]), body(value), Buffer.from('.')]);

/** A pickled tensor whose contents are `data/KEY`. */
export const tensor = (key, shape, { strides, offset = 0, storage = 'FloatStorage' } = {}) => {
  const steps =
    strides ?? shape.map((_, i) => shape.slice(i + 1).reduce((product, size) => product * size, 1));
  const id = ['storage', python('torch', storage), key, 'cpu', 1];
  return call(python('torch._utils', '_rebuild_tensor_v2'), [
    persistent(id),
    offset,
    shape,
    steps,
    false,
    null,
  ]);
};

/** Writes a checkpoint of `content`, with `data`, `{ KEY: bytes }`, beside it. */
export async function writeCheckpoint(
  file,
  content,
  data = {},
  { folder = 'archive', byteorder = 'little', deflated = false } = {},
) {
  const entries = { 'data.pkl': pickled(content), byteorder, version: '3\n' };
  for (const [key, bytes] of Object.entries(data)) entries[`data/${key}`] = bytes;
  await fs.writeFile(
    file,
    storedZip(
      Object.fromEntries(Object.entries(entries).map(([name, bytes]) => [`${folder}/${name}`, bytes])),
      { deflated },
    ),
  );
  return file;
}
