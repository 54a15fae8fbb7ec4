/** Arrays as numpy saves them. */

import fs from 'node:fs';
import { optionError } from './errors';
import { fileStat, look } from './read';

/** An array in C order, whatever order the file has. */
export interface NpyArray {
  shape: number[];
  data: Float32Array | Float64Array;
}

/**
 * Reads a `.npy` file (versions 1 to 3) of float32 or float64 in either byte order, in C or Fortran order. What
 * is anything else is refused with `ERR_NETDISSECT_OPTION` and what was found.
 */
export function readNpy(file: string): NpyArray {
  const bytes = look(
    () => {
      fileStat(file);
      return fs.readFileSync(file);
    },
    (why, cause) => optionError(`${file} ${why}; give a file that numpy.save wrote`, cause),
  );
  if (bytes.toString('latin1', 0, 6) !== '\x93NUMPY')
    throw optionError(`${file} is no .npy file; save the array with numpy.save`);
  const version = bytes[6];
  if (!(version >= 1 && version <= 3))
    throw optionError(
      `${file} is a .npy file of version ${version}, not 1, 2 or 3; save the array again with numpy.save`,
    );
  const start = version === 1 ? 10 : 12;
  const cutShort = () => optionError(`${file} ends too early; save the array again with numpy.save`);
  if (bytes.length < start) throw cutShort();
  const dataStart = start + (version === 1 ? bytes.readUInt16LE(8) : bytes.readUInt32LE(8));
  if (bytes.length < dataStart) throw cutShort();
  const header = bytes.toString('utf8', start, dataStart).trim();
  const descr = header.match(/'descr':\s*(?:'([^']*)'|(\[.*\]))/s);
  const fortran = header.match(/'fortran_order':\s*(True|False)/)?.[1] === 'True';
  const sides = header.match(/'shape':\s*\(([\d\sL,]*)\)/)?.[1];
  if (!descr || sides === undefined)
    throw optionError(
      `the header of ${file} is not one that numpy writes; save the array again with numpy.save`,
    );
  const type = descr[1] ?? descr[2];
  if (!/^[<>]f[48]$/.test(type))
    throw optionError(
      `expected float32 or float64 values in ${file} but found dtype '${type}'; convert them with array.astype('float32')`,
    );
  const shape = [...sides.matchAll(/\d+/g)].map(Number);
  const length = shape.reduce((product, side) => product * side, 1);
  const double = type.endsWith('8');
  if (bytes.length < dataStart + length * (double ? 8 : 4)) throw cutShort();
  const view = new DataView(bytes.buffer, bytes.byteOffset + dataStart);
  const little = type.startsWith('<');
  const data = double ? new Float64Array(length) : new Float32Array(length);
  for (let i = 0; i < length; i++)
    data[i] = double ? view.getFloat64(i * 8, little) : view.getFloat32(i * 4, little);
  return { shape, data: fortran ? fromFortran(data, shape) : data };
}

/** Values whose first index runs fastest, so that the last does. */
function fromFortran<Values extends Float32Array | Float64Array>(values: Values, shape: number[]): Values {
  const out = values.slice() as Values;
  const index = shape.map(() => 0);
  const strides = shape.map((_, axis) => shape.slice(0, axis).reduce((product, side) => product * side, 1));
  for (let i = 0; i < out.length; i++) {
    out[i] = values[index.reduce((sum, position, axis) => sum + position * strides[axis], 0)];
    for (let axis = shape.length - 1; axis >= 0 && ++index[axis] === shape[axis]; axis--) index[axis] = 0;
  }
  return out;
}

/** More bytes are not read again. */
export const MOST_NPY_BYTES = 2 ** 31 - 1;

/** A float32 array as numpy saves it: what a file has, one part after the other. */
export function npyOf(shape: readonly number[], values: Float32Array): Uint8Array[] {
  const sides = shape
    .map(side => `${side}, `)
    .join('')
    .trim();
  const dict = `{'descr': '<f4', 'fortran_order': False, 'shape': (${sides}), }`;
  const header = `${dict.padEnd(Math.ceil((11 + dict.length) / 64) * 64 - 11)}\n`; // values begin at a multiple of 64
  const start = Buffer.from(`\x93NUMPY\x01\x00\0\0${header}`, 'latin1');
  start.writeUInt16LE(header.length, 8);
  return [start, new Uint8Array(values.buffer, values.byteOffset, values.byteLength)];
}
