/** A float32 array as numpy saves it; zeros by default. */
export function npyOf(shape, values = new Float32Array(shape.reduce((product, side) => product * side))) {
  const header = `{'descr': '<f4', 'fortran_order': False, 'shape': (${shape.join(', ')}), }\n`;
  const start = Buffer.from(`\x93NUMPY\x01\x00\0\0${header}`, 'latin1');
  start.writeUInt16LE(header.length, 8);
  return Buffer.concat([start, Buffer.from(values.buffer)]);
}
