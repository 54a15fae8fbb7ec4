/**
 * Faults on purpose in the kernels' text, each of which the tests have to find: `node plant.mjs KERNELS.cuh FOLDER` writes
 * the faulty kernels, and `planted.h` with a table of them.
 */
import fs from 'node:fs';
import path from 'node:path';

/** What is wrong, and which text stands instead of which; of several places the first, or the one that `after` comes before. */
const FAULTS = [
  [
    'a barrier is missing before a mask is read',
    '      __syncwarp();\n      const unsigned held',
    '      const unsigned held',
  ],
  [
    'a barrier is missing before a map is written',
    '  __syncwarp();\n  const unsigned long long end',
    '  const unsigned long long end',
  ],
  [
    'one item too many is counted',
    'if (item >= args.items)\n    return; //',
    'if (item > args.items)\n    return; //',
  ],
  [
    'one item too many is expanded',
    'if (item >= args.items)\n    return;\n  float',
    'if (item > args.items)\n    return;\n  float',
  ],
  [
    'a unit is skipped',
    'if (item >= args.items)\n    return; //',
    'if (item >= args.items || item % 37 == 5)\n    return; //',
  ],
  ['a pixel past the last column', 'x < args.columns', 'x <= args.columns'],
  ['more labels than there are', 'if (label < labels)\n          counts', 'counts'],
  [
    'labels past the lanes are lost',
    'first < labels; first += 32',
    'first < 32 && first < labels; first += 32',
  ],
  ['pixels of the last word only', 'pixels += __popc', 'pixels = __popc'],
  ['masks one word off', 'mask[(y - top) * width + w] = bits', 'mask[(y - top) * width + w + 1] = bits'],
  [
    'pixels that read no cell over the level',
    '__ballot_sync(all, over && upper',
    '__ballot_sync(all, inside && upper',
  ],
  ['a level counts itself in', 'rise > level', 'rise >= level'],
  ['a cell at the level is over it', 'c > level ||', 'c >= level ||'],
  ['the fourth cell is not looked at', ' || d > level', ''],
  ['rows are interpolated from 0', ' - upper;', ';'],
  ['columns are not interpolated', 'upper = a + weight * (b - a)', 'upper = a'],
  ['a row of cells is kept for too long', 'args.rowLow[y] != row', 'row < 0'],
  ['the second row is the first', 'args.rowHigh[y] * args', 'args.rowLow[y] * args'],
  ['counts of earlier bands are lost', '(left || top ? counts[label] : 0)', '(left ? counts[label] : 0)'],
  ['counts of earlier tiles are lost', '(left || top ? counts[label] : 0)', '(top ? counts[label] : 0)'],
  ['words past the mask', 'begin + lane < held ? mask', 'true ? mask'],
  ['the labels of the first image', 'args.planesAt[image]', 'args.planesAt[0]'],
  ['one mask for all warps', 'shared + warp * netdissect::cudaMaskWords', 'shared'],
  ["each lane's own word", '__shfl_sync(all, mine, from)', '__shfl_sync(all, mine, lane)'],
  ['a vote of half a warp', '__ballot_sync(all, mine != 0)', '__ballot_sync(all, mine != 0 && lane < 16)'],
  ['lanes meet apart', 'if (anyOver)\n', 'if (anyOver && over)\n'],
  [
    'lanes leave early',
    'const unsigned long long end = args',
    'if (lane == 31)\n    return;\n  const unsigned long long end = args',
  ],
  ['long runs are cut', 'i < length; i', 'i < length && i < 512; i'],
  ['the last cell is not cleared', 'i < args.cells; i += 32', 'i < args.cells - 1; i += 32'],
  ['runs one cell off', 'map[start + i]', 'map[start + i + 1]'],
];

const [source, folder] = process.argv.slice(2);
const text = fs.readFileSync(source, 'utf8');
fs.mkdirSync(folder, { recursive: true });
const lines = [];
for (const [i, [what, from, to]] of FAULTS.entries()) {
  if (!text.includes(from)) throw new Error(`${source} has no ${JSON.stringify(from)}, for '${what}'`);
  fs.writeFileSync(
    path.join(folder, `${i}.cuh`),
    text.replace(from, () => to),
  );
  lines.push(`namespace planted${i} {\n#include "${i}.cuh"\n}`);
}
const table = FAULTS.map(
  ([what], i) =>
    `    {${JSON.stringify(what)}, {planted${i}::netdissectExpand, planted${i}::netdissectCount}},`,
);
fs.writeFileSync(
  path.join(folder, 'planted.h'),
  `${lines.join('\n')}\nstatic const std::vector<std::pair<std::string, Kernels>> planted{\n${table.join('\n')}\n};\n`,
);
