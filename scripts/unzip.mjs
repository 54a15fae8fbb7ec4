/**
 * Unpacks part of a zip file: enough for a LibTorch archive and for a Python wheel, so that set-up needs neither
 * `unzip` nor Python for it. Zip64 (archives over 4 GiB) and encryption are not read.
 */
import fs from 'node:fs';
import path from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import zlib from 'node:zlib';
import { Failure } from './tools.mjs';

const END_OF_DIRECTORY = 0x06054b50;
const DIRECTORY_ENTRY = 0x02014b50;
const LOCAL_HEADER = 0x04034b50;
const STORED = 0;
const DEFLATED = 8;
/** Entries over this size are unpacked as a stream. */
const LARGE = 1 << 20;

function readAt(file, position, length) {
  const bytes = Buffer.alloc(length);
  if (fs.readSync(file, bytes, 0, length, position) !== length)
    throw new Failure('the zip file is cut short');
  return bytes;
}

function directoryOf(file) {
  const { size } = fs.fstatSync(file);
  const tailLength = Math.min(size, 22 + 0xffff);
  const tail = readAt(file, size - tailLength, tailLength);
  let end = tail.length - 22;
  while (end >= 0 && tail.readUInt32LE(end) !== END_OF_DIRECTORY) end--;
  if (end < 0) throw new Failure('not a whole zip file');
  const directory = readAt(file, tail.readUInt32LE(end + 16), tail.readUInt32LE(end + 12));

  const entries = [];
  for (let at = 0; at < directory.length; ) {
    if (directory.readUInt32LE(at) !== DIRECTORY_ENTRY) throw new Failure('the zip file is damaged');
    const nameLength = directory.readUInt16LE(at + 28);
    entries.push({
      name: directory.toString('utf8', at + 46, at + 46 + nameLength),
      method: directory.readUInt16LE(at + 10),
      crc: directory.readUInt32LE(at + 16),
      packed: directory.readUInt32LE(at + 20),
      size: directory.readUInt32LE(at + 24),
      header: directory.readUInt32LE(at + 42),
    });
    at += 46 + nameLength + directory.readUInt16LE(at + 30) + directory.readUInt16LE(at + 32);
  }
  return entries;
}

function check(entry, crc) {
  if (crc !== entry.crc) throw new Failure(`${entry.name} is damaged in the zip file`);
}

function dataStart(file, entry) {
  const header = readAt(file, entry.header, 30);
  if (header.readUInt32LE(0) !== LOCAL_HEADER) throw new Failure('the zip file is damaged');
  return entry.header + 30 + header.readUInt16LE(26) + header.readUInt16LE(28);
}

function unpackSmall(file, entry, target) {
  const packed = readAt(file, dataStart(file, entry), entry.packed);
  const bytes = entry.method === DEFLATED ? zlib.inflateRawSync(packed) : packed;
  check(entry, zlib.crc32(bytes));
  fs.writeFileSync(target, bytes);
}

async function unpackLarge(file, zip, entry, target) {
  const start = dataStart(file, entry);
  let crc = 0;
  const checksum = new Transform({
    transform(chunk, _encoding, done) {
      crc = zlib.crc32(chunk, crc);
      done(null, chunk);
    },
  });
  await pipeline(
    fs.createReadStream(zip, { start, end: start + entry.packed - 1 }),
    ...(entry.method === DEFLATED ? [zlib.createInflateRaw()] : []),
    checksum,
    fs.createWriteStream(target),
  );
  check(entry, crc);
}

/**
 * Unpacks a zip file's entries into a folder.
 * @param {(name: string) => string | null} place where an entry goes, relative to the folder; null leaves it out
 */
export async function unzip(zip, folder, place) {
  const file = fs.openSync(zip, 'r');
  try {
    for (const entry of directoryOf(file)) {
      const name = entry.name.endsWith('/') ? null : place(entry.name);
      if (name === null) continue;
      const target = path.resolve(folder, name);
      if (!target.startsWith(folder + path.sep)) throw new Failure(`${entry.name} leads out of its folder`);
      if (entry.method !== STORED && entry.method !== DEFLATED) {
        throw new Failure(`${entry.name} is packed by a method that is not supported (${entry.method})`);
      }
      fs.mkdirSync(path.dirname(target), { recursive: true });
      if (entry.size > LARGE) await unpackLarge(file, zip, entry, target);
      else unpackSmall(file, entry, target);
    }
  } finally {
    fs.closeSync(file);
  }
}
