// Damages inputs: bytes, text of tables, JSON, what is in an archive. All of it is a function of the random source.
import zlib from 'node:zlib';
import yauzl from 'yauzl';
import { storedZip } from '../helpers/checkpoint.mjs';

const pick = (random, list) => list[random.below(list.length)];

/** Sizes and counts that programs stumble over. */
const EDGES = [0, 1, 0x7f, 0xff, 0x7fff, 0xffff, 0x10000000, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff];

/** One to four changes; beginnings and ends, where headers and directories are, more often. */
export function mutateBytes(bytes, random) {
  let out = Buffer.from(bytes);
  for (let n = 1 + random.below(4); n > 0 && out.length > 0; n--) {
    const near = random.below(Math.min(out.length, 200));
    const at = pick(random, [random.below(out.length), near, out.length - 1 - near]);
    const some = 1 + random.below(64);
    const edge = pick(random, EDGES);
    switch (random.below(8)) {
      case 0:
        out[at] ^= 1 << random.below(8);
        break;
      case 1:
        out[at] = random.below(256);
        break;
      case 2:
        out = out.subarray(0, at);
        break;
      case 3:
        out = Buffer.concat([out, Buffer.from(Array.from({ length: some }, () => random.below(256)))]);
        break;
      case 4:
        if (at + 4 <= out.length) out.writeUInt32LE(edge, at);
        break;
      case 5:
        if (at + 4 <= out.length) out.writeUInt32BE(edge, at);
        break;
      case 6:
        out = Buffer.concat([out.subarray(0, at), out.subarray(at + some)]);
        break;
      default:
        out = Buffer.concat([out.subarray(0, at + some), out.subarray(at)]);
    }
  }
  return out;
}

const VALUES = [
  ...[null, true, -1, 0, 1, 1.5, 65535, 65536, 2 ** 31, 2 ** 53, 1e308, -1e308, '', 'a', '0', 'constructor'],
  ...['../../etc/passwd', '/etc/passwd', '\0', 'a\nb\u001b[2J', '<script>', '__proto__', 'x'.repeat(5000)],
  ...[[], {}, [[]], [1, 2, 3], { counts: '0', size: [1, 1] }],
];

/** One to three values of a JSON tree dropped, doubled, renamed or turned into another. */
export function mutateTree(tree, random) {
  const out = structuredClone(tree);
  for (let n = 1 + random.below(3); n > 0; n--) {
    let [parent, key, value] = [undefined, undefined, out];
    while (value !== null && typeof value === 'object' && Object.keys(value).length > 0) {
      [parent, key] = [value, pick(random, Object.keys(value))];
      value = parent[key];
      if (random.below(4) === 0) break;
    }
    if (parent === undefined) continue;
    switch (random.below(5)) {
      case 0:
        if (Array.isArray(parent)) parent.splice(key, 1);
        else delete parent[key];
        break;
      case 1:
        if (typeof value === 'number') parent[key] = value * pick(random, [-1, 0.5, 1000, 1e9]);
        else parent[key] = structuredClone(pick(random, VALUES));
        break;
      case 2:
        if (Array.isArray(parent)) parent.push(structuredClone(value));
        else parent[String(pick(random, VALUES))] = structuredClone(value);
        break;
      case 3:
        if (typeof value === 'string')
          parent[key] = mutateBytes(Buffer.from(value), random).toString('latin1');
        else if (Array.isArray(value)) value.length = random.below(value.length + 1);
        break;
      default:
        parent[key] = structuredClone(pick(random, VALUES));
    }
  }
  return out;
}

/** JSON whose values are changed, or its bytes. */
export const mutateJson = (tree, random) =>
  random.below(4)
    ? Buffer.from(JSON.stringify(mutateTree(tree, random)))
    : mutateBytes(JSON.stringify(tree), random);

const CELLS = [
  '-1',
  '1e9',
  '65535',
  '65536',
  'NaN',
  '0x10',
  ' 3 ',
  '1;2;3;4;5;6;7',
  '"',
  ';',
  '',
  '2;3',
  '../a.png',
  'a\u0007',
];

/** A table whose cells and lines are changed, or its bytes. */
export function mutateTable(text, random) {
  const lines = text.split('\n');
  for (let n = 1 + random.below(3); n > 0; n--) {
    const line = random.below(lines.length);
    const cells = lines[line].split(',');
    const cell = random.below(cells.length);
    switch (random.below(5)) {
      case 0:
        return mutateBytes(Buffer.from(lines.join('\n')), random);
      case 1:
        lines.splice(line, 1);
        if (lines.length === 0) lines.push('');
        break;
      case 2:
        lines.splice(line, 0, pick(random, lines));
        break;
      case 3:
        cells.splice(cell, 1);
        lines[line] = cells.join(',');
        break;
      default:
        cells[cell] = pick(random, CELLS);
        lines[line] = cells.join(',');
    }
  }
  return Buffer.from(lines.join('\n'));
}

/** The entries of a zip archive, whatever their names. */
async function entriesOf(archive) {
  const zip = await yauzl.fromBufferPromise(archive, { decodeStrings: true });
  const entries = {};
  for await (const entry of zip.eachEntry()) {
    const { fileDataStart } = await zip.readLocalFileHeaderPromise(entry, { minimal: true });
    const data = archive.subarray(fileDataStart, fileDataStart + entry.compressedSize);
    entries[entry.fileName] = entry.compressionMethod ? zlib.inflateRawSync(data) : data;
  }
  return entries;
}

/** An archive one of whose entries is changed, with its sums right, so that what reads the entry is reached. */
export async function mutateInside(archive, random, wanted = /./) {
  const entries = await entriesOf(archive);
  const name = pick(
    random,
    Object.keys(entries).filter(entry => wanted.test(entry)),
  );
  entries[name] = mutateBytes(entries[name], random);
  return storedZip(entries, { deflated: random.below(2) === 0 });
}
