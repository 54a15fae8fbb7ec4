// What holds for any input: fast-check makes them up, the same in every run, and shrinks one that fails.
import fs from 'node:fs/promises';
import path from 'node:path';
import { deflateSync } from 'node:zlib';
import test from 'ava';
import fc from 'fast-check';
import sharp from 'sharp';
import { inOrder } from '../lib/base/in-order.js';
import { readNpy } from '../lib/base/npy.js';
import { readJson } from '../lib/base/read.js';
import { shuffled } from '../lib/base/shuffle.js';
import { shown, some } from '../lib/base/words.js';
import { readTable } from '../lib/dataset/formats/csv.js';
import { readPlainPng } from '../lib/dataset/images/png.js';
import { resample } from '../lib/dataset/images/resample.js';
import { readMaskValues } from '../lib/dataset/maps/read-mask.js';
import { LabelMaps } from '../lib/dataset/maps/region.js';
import { decompressRuns, flipRuns } from '../lib/dataset/maps/rle.js';
import { unzip } from '../lib/download/unzip.js';
import { encodeIndexedPng } from '../lib/pictures/png.js';
import { formatReport } from '../lib/report/format.js';
import { markup, wellFormed } from '../lib/report/markup.js';
import { derangement } from '../lib/score/chance.js';
import { temporaryFolder } from './helpers/broden.mjs';
import { maskOf } from './helpers/coco.mjs';
import { encodePng, writeGreyPng, writeRgbPng } from './helpers/png.mjs';
import { zipOf } from './helpers/zip.mjs';

const holds = (property, numRuns = 100) => fc.assert(property, { seed: 12, numRuns });

const sides = fc.record({ height: fc.integer({ min: 1, max: 9 }), width: fc.integer({ min: 1, max: 19 }) });
const text = fc.string({ unit: 'binary', maxLength: 12 });
const refuse = why => new Error(why);

/** A size, and so many numbers below `2 ** bits`, for bits of `depths`. */
const maps = (depths, channels = 1) =>
  fc.tuple(sides, fc.constantFrom(...depths)).chain(([{ height, width }, bits]) =>
    fc.record({
      height: fc.constant(height),
      width: fc.constant(width),
      bits: fc.constant(bits),
      numbers: fc.array(fc.integer({ min: 0, max: 2 ** bits - 1 }), {
        minLength: height * width * channels,
        maxLength: height * width * channels,
      }),
    }),
  );

test('a PNG of any bytes, filters and channels is read as sharp reads it', async t => {
  const rows = fc
    .tuple(sides, fc.constantFrom([0, 1], [2, 3], [6, 4]))
    .chain(([{ height, width }, [type, channels]]) =>
      fc.record({
        shape: fc.constant({ height, width, type, channels }),
        rows: fc.array(
          fc.tuple(
            fc.integer({ min: 0, max: 4 }),
            fc.uint8Array({ minLength: width * channels, maxLength: width * channels }),
          ),
          { minLength: height, maxLength: height },
        ),
      }),
    );
  await holds(
    fc.asyncProperty(rows, async ({ shape, rows }) => {
      const data = deflateSync(Buffer.concat(rows.map(([filter, bytes]) => Buffer.from([filter, ...bytes]))));
      const png = encodePng({ ...shape, data });
      const expected = await sharp(png)
        .toColourspace(shape.channels === 1 ? 'b-w' : 'srgb')
        .raw()
        .toBuffer();
      t.true(expected.equals((await readPlainPng(png)).data));
    }),
  );
});

test('indices that are drawn come back from the file, whatever their bits', async t => {
  const file = path.join(await temporaryFolder(t), 'drawn.png');
  const efforts = fc.constantFrom('strips', 'masks', 'labels');
  await holds(
    fc.asyncProperty(maps([1, 2, 4, 8]), efforts, async ({ height, width, bits, numbers }, effort) => {
      const stride = Math.ceil((width * bits) / 8);
      const lines = new Uint8Array(height * (stride + 1));
      numbers.forEach((number, i) => {
        const bit = (i % width) * bits;
        lines[Math.floor(i / width) * (stride + 1) + 1 + (bit >> 3)] |= number << (8 - bits - (bit % 8));
      });
      const colors = Array.from({ length: 2 ** bits }, (_, i) => [i % 3, i % 5, i % 7, 255]);
      await fs.writeFile(file, await encodeIndexedPng(width, height, { depth: bits, colors }, lines, effort));
      const read = await readMaskValues(file);
      t.deepEqual([read.height, read.width, [...read.data]], [height, width, numbers]);
    }),
  );
});

test('a label map gives back its numbers, grey or coloured, of few bits or of 16', async t => {
  const file = path.join(await temporaryFolder(t), 'map.png');
  await holds(
    fc.asyncProperty(maps([1, 2, 4, 8, 16]), async ({ height, width, bits, numbers }) => {
      await writeGreyPng(file, width, height, numbers, bits);
      t.deepEqual([...(await readMaskValues(file)).data], numbers);
    }),
  );
  await holds(
    fc.asyncProperty(maps([8, 16], 3), async ({ height, width, bits, numbers }) => {
      await writeRgbPng(file, width, height, numbers, bits);
      t.deepEqual([...(await readMaskValues(file)).data], numbers);
    }),
    50,
  );
});

/** As COCO's own program compresses run lengths. */
function compressRuns(runs) {
  return runs
    .map((run, i) => {
      let value = i > 2 ? run - runs[i - 2] : run;
      let text = '';
      for (let more = true; more; ) {
        const bits = ((value % 32) + 32) % 32;
        value = Math.floor(value / 32);
        more = bits & 16 ? value !== -1 : value !== 0;
        text += String.fromCharCode(bits + (more ? 32 : 0) + 48);
      }
      return text;
    })
    .join('');
}

test('run lengths come back from their compressed form, and cover their pixels', t => {
  holds(
    fc.property(fc.array(fc.integer({ min: 0, max: 2 ** 31 - 1 }), { maxLength: 20 }), runs => {
      t.deepEqual(decompressRuns(compressRuns(runs)), runs);
    }),
  );
  holds(
    fc.property(maps([1]), ({ height, width, numbers }) => {
      const runs = [0];
      numbers.forEach((_, i) => {
        // column by column
        const number = numbers[(i % height) * width + Math.floor(i / height)];
        if (runs.length % 2 === number) runs.push(0);
        runs[runs.length - 1]++;
      });
      t.deepEqual([...maskOf(runs, height, width)], numbers);
      const drawn = new LabelMaps(height, width);
      flipRuns(Int32Array.from(runs), drawn);
      drawn.paint(7);
      const [map] = drawn.segmentation().maps;
      if (map)
        t.deepEqual(
          [...map],
          numbers.map(number => 7 * number),
        );
      else t.true(numbers.every(number => number === 0));
    }),
  );
});

test('an image of one colour keeps it at any size and through any window', async t => {
  const size = fc.tuple(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 40 }));
  await holds(
    fc.asyncProperty(size, size, fc.uint8Array({ minLength: 3, maxLength: 3 }), async (from, to, colour) => {
      const image = new Uint8Array(from[0] * from[1] * 3).map((_, i) => colour[i % 3]);
      const window = { top: from[0] / 4, left: 0, height: from[0] / 2, width: from[1] };
      const resized = await resample(image, from, window, to);
      t.is(resized.length, to[0] * to[1] * 3);
      t.true(resized.every((value, i) => value === colour[i % 3]));
    }),
  );
});

test('results come in order, however long each takes and however many are under way', async t => {
  const delays = fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 12 });
  const limit = fc.integer({ min: 1, max: 5 });
  await holds(
    fc.asyncProperty(delays, limit, limit, async (turns, atOnce, ahead) => {
      const task = async i => {
        for (let turn = 0; turn < turns[i]; turn++) await new Promise(setImmediate);
        return i;
      };
      const results = [];
      for await (const result of inOrder(turns.length, task, atOnce, ahead)) results.push(result);
      t.deepEqual(results, [...turns.keys()]);
    }),
  );
});

test('a shuffle loses and doubles no row; a derangement leaves none in its place', t => {
  const seed = fc.integer({ min: 0, max: 2 ** 32 - 1 });
  holds(
    fc.property(fc.array(fc.integer(), { maxLength: 30 }), seed, (rows, seed) => {
      t.deepEqual(shuffled(rows, seed).sort(), [...rows].sort());
      t.deepEqual(shuffled(rows, seed), shuffled(rows, seed));
    }),
  );
  holds(
    fc.property(fc.integer({ min: 2, max: 200 }), seed, (n, seed) => {
      const partner = derangement(n, seed);
      t.is(new Set(partner).size, n);
      t.true(partner.every((other, image) => other !== image && other < n));
    }),
  );
});

test('any value has words, and a list of names is all of them or says how many more', t => {
  holds(
    fc.property(fc.anything({ withNullPrototype: true, withDate: true }), value =>
      t.is(typeof shown(value), 'string'),
    ),
  );
  holds(
    fc.property(fc.array(fc.stringMatching(/^[a-z]+$/)), fc.integer({ min: 1, max: 9 }), (names, most) => {
      const [, more = 0] = / and (\d+) more$/.exec(some(names, most)) ?? [];
      t.is(Math.min(names.length, most) + Number(more), names.length);
    }),
  );
});

test('cells of a table are what was written, with quotes, separators and line ends in them', async t => {
  const file = path.join(await temporaryFolder(t), 'table.csv');
  const cell = fc.stringMatching(/^["',; a-zé\r\n]*$/);
  const quoted = value => `"${value.replaceAll('"', '""')}"`;
  await holds(
    fc.asyncProperty(
      fc.array(fc.tuple(cell, cell), { maxLength: 6 }),
      fc.constantFrom('\n', '\r\n', '\r'),
      fc.constantFrom('', '\ufeff'),
      async (rows, end, mark) => {
        const lines = [['name', 'number'], ...rows].map(row => row.map(quoted).join(','));
        await fs.writeFile(file, mark + lines.join(end) + end);
        t.deepEqual(
          readTable(file, ['name', 'number'], row => [row.get('name'), row.get('number')]),
          rows,
        );
      },
    ),
  );
});

test('JSON as Python writes it: numbers that JSON lacks are null, and texts that look like them stay', async t => {
  const file = path.join(await temporaryFolder(t), 'python.json');
  const value = fc.array(
    fc.oneof(fc.constantFrom(Number.NaN, -1 / 0), fc.double(), text, fc.constant('NaN, "-Infinity')),
  );
  await holds(
    fc.asyncProperty(value, async values => {
      const python = values.map(item =>
        typeof item === 'number' && !Number.isFinite(item) ? String(item) : JSON.stringify(item),
      );
      await fs.writeFile(file, `[${python}]`);
      t.deepEqual(readJson(file, refuse), JSON.parse(JSON.stringify(values)));
    }),
  );
});

test('a report as text is the same report', t => {
  holds(
    fc.property(fc.dictionary(text, fc.jsonValue({ maxDepth: 6 })), report => {
      t.deepEqual(JSON.parse([...formatReport(report)].join('')), JSON.parse(JSON.stringify(report)));
    }),
  );
});

test('any name is text on the page', t => {
  const entities = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'" };
  holds(
    fc.property(fc.oneof(text, fc.stringMatching(/^[<>&"'/a-z;#]*$/)), name => {
      const { text: written } = markup`${name}`;
      t.notRegex(written, /[<>"']|&(?!(?:amp|lt|gt|quot|#39);)/);
      t.is(
        written.replace(/&(.*?);/g, (_, entity) => entities[entity]),
        wellFormed(name),
      );
    }),
  );
});

test('an array of numpy gives its values in C order, whatever order and ends its bytes have', async t => {
  const file = path.join(await temporaryFolder(t), 'a.npy');
  const shape = fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 4 });
  await holds(
    fc.asyncProperty(
      shape,
      fc.boolean(),
      fc.constantFrom('<f4', '>f4', '<f8', '>f8'),
      async (shape, fortran, type) => {
        const length = shape.reduce((product, side) => product * side, 1);
        const [little, bytes] = [type[0] === '<', Number(type[2])];
        const values = Buffer.alloc(length * bytes);
        const index = place => {
          // of the value that stands in a place of C's order
          const at = shape.map((_, axis) => {
            const below = shape.slice(axis + 1).reduce((product, side) => product * side, 1);
            return Math.floor(place / below) % shape[axis];
          });
          const axes = fortran ? [...shape.keys()].reverse() : [...shape.keys()];
          return axes.reduce((sum, axis) => sum * shape[axis] + at[axis], 0);
        };
        for (let i = 0; i < length; i++) {
          const method = `write${bytes === 8 ? 'Double' : 'Float'}${little ? 'LE' : 'BE'}`;
          values[method](i / 2, index(i) * bytes);
        }
        const sides = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
        const header = `{'descr': '${type}', 'fortran_order': ${fortran ? 'True' : 'False'}, 'shape': (${sides}), }\n`;
        const start = Buffer.alloc(10);
        start.write('\x93NUMPY\x01\x00', 'latin1');
        start.writeUInt16LE(header.length, 8);
        await fs.writeFile(file, Buffer.concat([start, Buffer.from(header), values]));
        const read = readNpy(file);
        t.deepEqual(read.shape, shape);
        t.deepEqual(
          [...read.data],
          Array.from({ length }, (_, i) => i / 2),
        );
      },
    ),
  );
});

test('what is packed is unpacked, stored or deflated, with 64-bit sizes and without', async t => {
  const folder = await temporaryFolder(t);
  const file = path.join(folder, 'a.zip');
  const entry = fc.record({
    name: fc.stringMatching(/^[a-zé ]{1,8}(\/[a-z]{1,8})?\.x$/),
    data: fc.uint8Array({ maxLength: 300 }),
    deflate: fc.boolean(),
  });
  const entries = fc.uniqueArray(entry, { selector: ({ name }) => name, maxLength: 6 });
  await holds(
    fc.asyncProperty(entries, fc.boolean(), async (entries, zip64) => {
      const out = path.join(folder, 'out');
      await fs.rm(out, { recursive: true, force: true });
      const index = { name: 'top/index.csv', data: 'x' };
      const below = entries.map(entry => ({ ...entry, name: `top/${entry.name}` }));
      await fs.writeFile(file, zipOf([index, ...below], { zip64 }));
      await unzip(file, out, { top: 'top', holds: 'index.csv' });
      for (const { name, data } of entries)
        t.deepEqual(new Uint8Array(await fs.readFile(path.join(out, name))), new Uint8Array(data));
    }),
    40,
  );
});
