/** What an ELF library says of itself, read without opening it: what it defines, and what it takes from others. */

import fs from 'node:fs';

export interface Elf {
  /** The names that others can take from it. */
  defined: Set<string>;
  /** The names that it takes from libraries which do not number their versions, as LibTorch does not. */
  undefined: string[];
  /** Its strings of names, for a look at how they are mangled. */
  names: string;
}

const SECTION_BYTES = 64;
const SYMBOL_BYTES = 24;
const STRINGS = 3;
const SYMBOLS = 11;
const VERSIONS = 0x6fffffff;
const WEAK = 2;

/** Of 64 bits, little-endian; undefined where it is something else. */
export function readElf(file: string): Elf | undefined {
  const handle = fs.openSync(file, 'r');
  try {
    const read = (at: number, length: number) => {
      const bytes = Buffer.alloc(length);
      if (fs.readSync(handle, bytes, 0, length, at) !== length) throw new RangeError('cut off');
      return bytes;
    };
    const header = read(0, 64);
    if (header.toString('latin1', 0, 6) !== '\x7fELF\x02\x01') return undefined;
    const table = read(Number(header.readBigUInt64LE(40)), SECTION_BYTES * header.readUInt16LE(60));
    const section = (type: number) => {
      for (let at = 0; at < table.length; at += SECTION_BYTES)
        if (table.readUInt32LE(at + 4) === type) return at;
      return undefined;
    };
    const content = (at: number) =>
      read(Number(table.readBigUInt64LE(at + 24)), Number(table.readBigUInt64LE(at + 32)));
    const symbols = section(SYMBOLS);
    if (symbols === undefined) return undefined;
    const strings = SECTION_BYTES * table.readUInt32LE(symbols + 40);
    if (table.readUInt32LE(strings + 4) !== STRINGS) return undefined;
    const versions = section(VERSIONS);
    return sorted(content(symbols), content(strings), versions === undefined ? undefined : content(versions));
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  } finally {
    fs.closeSync(handle);
  }
}

function sorted(symbols: Buffer, strings: Buffer, versions: Buffer | undefined): Elf {
  const names = strings.toString('latin1');
  const defined = new Set<string>();
  const missing: string[] = [];
  for (let at = SYMBOL_BYTES, i = 1; at < symbols.length; at += SYMBOL_BYTES, i++) {
    const start = symbols.readUInt32LE(at);
    const name = names.slice(start, names.indexOf('\0', start));
    if (symbols.readUInt16LE(at + 6) !== 0) defined.add(name);
    else if (symbols[at + 4] >> 4 !== WEAK && (versions?.readUInt16LE(2 * i) ?? 1) <= 1) missing.push(name);
  }
  return { defined, undefined: missing, names };
}
