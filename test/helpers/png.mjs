// PNG files whose values a test chooses: palettes, few bits, 16 bits, which image libraries do not leave as they are.
import fs from 'node:fs/promises';
import path from 'node:path';
import { crc32, deflateSync } from 'node:zlib';

const GREY = 0;
const RGB = 2;
const PALETTE = 3;

function chunk(name, data) {
  const body = Buffer.concat([Buffer.from(name, 'latin1'), Buffer.from(data)]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(data.length);
  const check = Buffer.alloc(4);
  check.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, check]);
}

/** A PNG of `height` rows with the values of a row in `bits` each; PNG's specification, filter none. */
function encode(width, height, values, { type, bits, chunks = [] }) {
  const perRow = values.length / height;
  const stride = Math.ceil((perRow * bits) / 8);
  const rows = Buffer.alloc(height * (stride + 1));
  for (let y = 0; y < height; y++)
    for (let i = 0; i < perRow; i++) {
      const at = y * (stride + 1) + 1;
      const value = values[y * perRow + i];
      if (bits === 16) rows.writeUInt16BE(value, at + 2 * i);
      else rows[at + ((i * bits) >> 3)] |= value << (8 - bits - ((i * bits) % 8));
    }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header[8] = bits;
  header[9] = type;
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    chunk('IHDR', header),
    ...chunks,
    chunk('IDAT', deflateSync(rows)),
    chunk('IEND', []),
  ]);
}

async function write(file, png) {
  await fs.mkdir(path.dirname(file), { recursive: true });
  await fs.writeFile(file, png);
}

/** A palette PNG; the colours have nothing to do with the indices, and some are equal. */
export function writePalettePng(file, width, height, indices, bits = 8) {
  const palette = Array.from({ length: 3 * 2 ** bits }, (_, i) => (i * 89) % 7);
  const chunks = [chunk('gAMA', [0, 0, 177, 143]), chunk('PLTE', palette), chunk('tRNS', [0, 128])];
  return write(file, encode(width, height, indices, { type: PALETTE, bits, chunks }));
}

/** A grey PNG. */
export function writeGreyPng(file, width, height, values, bits = 8) {
  return write(file, encode(width, height, values, { type: GREY, bits }));
}

/** A PNG of values `[height, width, 3]`. */
export function writeRgbPng(file, width, height, values, bits = 8) {
  return write(file, encode(width, height, values, { type: RGB, bits }));
}
