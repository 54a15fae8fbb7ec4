// Writes zip archives for tests, good ones and ones that lie.
import fs from 'node:fs/promises';
import path from 'node:path';
import zlib from 'node:zlib';

/** An extra field of zip64: 64-bit numbers, whose places in the record hold all ones. */
function zip64Extra(numbers) {
  const bytes = Buffer.alloc(4 + 8 * numbers.length);
  bytes.writeUInt16LE(1, 0);
  bytes.writeUInt16LE(8 * numbers.length, 2);
  numbers.forEach((number, i) => {
    bytes.writeBigUInt64LE(BigInt(number), 4 + 8 * i);
  });
  return bytes;
}

/** A record of little-endian numbers, each `[bytes, value]`. */
function record(...fields) {
  return Buffer.concat(
    fields.map(([length, value]) => {
      const bytes = Buffer.alloc(length);
      if (length === 8) bytes.writeBigUInt64LE(BigInt(value));
      else bytes.writeUIntLE(value, 0, length);
      return bytes;
    }),
  );
}

const ONES = 0xffffffff;

/**
 * An archive of `entries`: `{ name, data, deflate, mode }`, and to lie `crc`, `size` (uncompressed), `flags` and
 * `method`. With `zip64`, all sizes and places are 64-bit.
 */
export function zipOf(entries, { zip64 = false } = {}) {
  const files = [];
  const directory = [];
  let offset = 0;
  for (const entry of entries) {
    const name = Buffer.from(entry.name);
    const data = Buffer.from(entry.data ?? '');
    const packed = entry.deflate ? zlib.deflateRawSync(data) : data;
    const size = entry.size ?? data.length;
    const wide = zip64 || size > ONES;
    const common = [
      [2, entry.flags ?? 0x800],
      [2, entry.method ?? (entry.deflate ? 8 : 0)],
      [4, 0x00210000],
      [4, entry.crc ?? zlib.crc32(data)],
      [4, wide ? ONES : packed.length],
      [4, wide ? ONES : size],
      [2, name.length],
    ];
    const localExtra = wide ? zip64Extra([size, packed.length]) : Buffer.alloc(0);
    const extra = wide ? zip64Extra([size, packed.length, offset]) : Buffer.alloc(0);
    const local = record([4, 0x04034b50], [2, 45], ...common, [2, localExtra.length]);
    files.push(local, name, localExtra, packed);
    directory.push(
      record(
        [4, 0x02014b50],
        [2, (3 << 8) | 45],
        [2, 45],
        ...common,
        [2, extra.length],
        [2, 0],
        [2, 0],
        [2, 0],
      ),
      record([4, (entry.mode ?? 0o100644) * 2 ** 16], [4, wide ? ONES : offset]),
      name,
      extra,
    );
    offset += local.length + name.length + localExtra.length + packed.length;
  }
  const central = Buffer.concat(directory);
  const count = entries.length;
  const end64 = [
    record([4, 0x06064b50], [8, 44], [2, 45], [2, 45], [4, 0], [4, 0], [8, count], [8, count]),
    record([8, central.length], [8, offset]),
    record([4, 0x07064b50], [4, 0], [8, offset + central.length], [4, 1]),
  ];
  const end = zip64
    ? [...end64, record([4, 0x06054b50], [4, 0], [2, 0xffff], [2, 0xffff], [4, ONES], [4, ONES], [2, 0])]
    : [record([4, 0x06054b50], [4, 0], [2, count], [2, count], [4, central.length], [4, offset], [2, 0])];
  return Buffer.concat([...files, central, ...end]);
}

/** An archive of all files in a folder, below `top`. */
export async function zipFolder(folder, top) {
  const names = await fs.readdir(folder, { recursive: true, withFileTypes: true });
  return zipOf(
    await Promise.all(
      names
        .filter(entry => entry.isFile())
        .map(async entry => {
          const file = path.join(entry.parentPath, entry.name);
          return {
            name: path.join(top, path.relative(folder, file)),
            data: await fs.readFile(file),
            deflate: true,
          };
        }),
    ),
  );
}
