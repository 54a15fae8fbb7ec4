import fs from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import sharp from 'sharp';
import { BrodenDataset } from '../../../lib/index.js';
import {
  INDEX_HEADER,
  ROW_A,
  ROW_B,
  temporaryFolder,
  writeBroden,
  writeFiles,
  writeImage,
  writeLabelMap,
} from '../../helpers/broden.mjs';

const open = async (t, rows = [ROW_A, ROW_B], options = {}, files = {}) =>
  new BrodenDataset(await writeBroden(await temporaryFolder(t), rows, files), { imageSize: 8, ...options });

test('labels have readable names, and the category in which their coverage is largest, the later on a tie', async t => {
  const { labels, categories } = await open(t);
  t.deepEqual(categories, ['color', 'object', 'scene']);
  t.deepEqual(labels, [
    { number: 1, name: 'red', category: 'color' },
    { number: 2, name: 'blue', category: 'color' },
    { number: 3, name: 'traffic light', category: 'object' },
    { number: 5, name: 'cat', category: 'scene' },
    { number: 6, name: 'street', category: 'scene' },
    { number: 300, name: 'dog', category: 'object' },
  ]);
});

test('a label belongs to one of the chosen categories', async t => {
  const { labels, categories } = await open(t, undefined, { categories: ['object'] });
  t.deepEqual(categories, ['object']);
  t.deepEqual(
    labels.map(label => `${label.number} ${label.category}`),
    ['3 object', '5 object', '300 object'],
  );
});

test('used are the rows of the split with a label in a chosen category, in file order, cut at size', async t => {
  const rows = ['b.png,val,8,8,4,4,2,,', 'b.png,train,8,8,4,4,,0,', ROW_B, ROW_A, 'b.png,train,8,8,4,4,1,,6'];
  const names = dataset => Array.from({ length: dataset.length }, (_, i) => path.basename(dataset.nameOf(i)));
  t.deepEqual(names(await open(t, rows)), ['b.png', 'a.png', 'b.png']);
  t.deepEqual(names(await open(t, rows, { size: 2 })), ['b.png', 'a.png']);
  t.deepEqual(names(await open(t, rows, { split: 'val' })), ['b.png']);
  t.deepEqual(names(await open(t, rows, { categories: ['object'] })), ['a.png']);
});

test('an image comes as RGB bytes with its label maps in category order: numbers, or R + 256·G', async t => {
  const dataset = await open(t);
  const { pixels, segmentation } = await dataset.get(0, true);
  t.is(pixels.length, 8 * 8 * 3);
  t.deepEqual([...pixels.subarray(0, 6)], [10, 20, 30, 10, 20, 30]);
  t.is(segmentation.height, 4);
  t.is(segmentation.width, 4);
  t.is(segmentation.maps.length, 3);
  t.deepEqual([...segmentation.maps[1].subarray(24, 27)], [300 - 256, 1, 0]);
  t.is(segmentation.maps[2], 6);
  t.is((await dataset.get(0, false)).segmentation, undefined);
});

test('split all takes the rows of every split; a seed shuffles before size cuts, and the settings say so', async t => {
  const rows = Array.from({ length: 9 }, (_, i) => `${i}.png,${i % 3 ? 'train' : 'val'},8,8,4,4,2,,`);
  const names = dataset => Array.from({ length: dataset.length }, (_, i) => path.basename(dataset.nameOf(i)));
  const all = await open(t, rows, { split: 'all' });
  t.deepEqual(
    names(all),
    rows.map((_, i) => `${i}.png`),
  );
  t.is(all.settings.split, 'all');
  t.false('shuffle' in all.settings);
  const shuffled = await open(t, rows, { split: 'all', shuffle: 5 });
  t.deepEqual(names(shuffled).toSorted(), names(all));
  t.notDeepEqual(names(shuffled), names(all));
  const cut = await open(t, rows, { split: 'all', shuffle: 5, size: 4 });
  t.deepEqual(names(cut), names(shuffled).slice(0, 4));
  t.is(cut.settings.shuffle, 5);
});

test('images of another size are resized', async t => {
  const dataset = await open(t, undefined, { imageSize: [6, 10] });
  t.is((await dataset.get(0, false)).pixels.length, 6 * 10 * 3);
});

test("with resize 'crop' image and label maps lose the same margins", async t => {
  const dataset = await open(t, ['wide.png,train,8,16,4,8,a_color.png,wide_object.png,6'], {
    resize: 'crop',
  });
  const column = x => [x * 10, 0, 0];
  const image = Array.from({ length: 8 * 16 }, (_, i) => column(i % 16)).flat();
  await writeImage(path.join(dataset.folder, 'images/wide.png'), 16, 8, image);
  const labels = Array.from({ length: 4 * 8 }, (_, i) => 300 + (i % 8));
  await writeLabelMap(path.join(dataset.folder, 'images/wide_object.png'), 8, 4, labels);
  await writeLabelMap(path.join(dataset.folder, 'images/a_color.png'), 8, 4, labels.fill(1, 0, 16));
  const { pixels, segmentation } = await dataset.get(0, true);
  t.deepEqual([...pixels.subarray(0, 6)], [...column(4), ...column(5)]);
  t.deepEqual([...(await dataset.picture(0)).subarray(0, 3)], column(4));
  t.deepEqual([segmentation.height, segmentation.width], [4, 4]);
  const [, object, scene] = segmentation.maps;
  t.deepEqual([...object.subarray(0, 6)], [302 - 256, 1, 0, 303 - 256, 1, 0]);
  t.is(object.length, 4 * 4 * 3);
  t.is(scene, 6);
  t.is(dataset.settings.resize, 'crop');
  t.false('resize' in (await open(t)).settings);
});

test('transformImage takes bytes and gives float32', async t => {
  const seen = [];
  const dataset = await open(t, undefined, {
    transformImage: (pixels, height, width) => {
      seen.push([pixels.length, height, width]);
      return new Float32Array(pixels.length).fill(0.5);
    },
  });
  const { pixels } = await dataset.get(1, false);
  t.true(pixels instanceof Float32Array);
  t.deepEqual(seen, [[192, 8, 8]]);
  t.deepEqual([...(await dataset.picture(1)).subarray(0, 3)], [200, 100, 50]);
});

test('the resolution is the smallest that holds the image', async t => {
  const folder = await temporaryFolder(t);
  for (const resolution of [224, 227, 384])
    await writeBroden(path.join(folder, `broden1_${resolution}`), [ROW_A]);
  const chosen = imageSize => path.basename(new BrodenDataset(folder, { imageSize }).folder);
  t.is(chosen(96), 'broden1_224');
  t.is(chosen(224), 'broden1_224');
  t.is(chosen([200, 227]), 'broden1_227');
  t.is(chosen(299), 'broden1_384');
  t.is(chosen(512), 'broden1_384');
  t.is(path.basename(new BrodenDataset(folder, { imageSize: 96, resolution: 384 }).folder), 'broden1_384');
});

const message = { code: 'ERR_NETDISSECT_DATASET' };

test('a folder without a data set is refused, saying what is there', async t => {
  const folder = await temporaryFolder(t);
  t.throws(() => new BrodenDataset(folder), {
    ...message,
    message: /neither index\.csv nor broden1_227\/index\.csv/,
  });
  await writeBroden(path.join(folder, 'broden1_384'), [ROW_A]);
  t.throws(() => new BrodenDataset(folder), { ...message, message: /there is only broden1_384/ });
});

test('a missing or damaged table is named with its line', async t => {
  const folder = await writeBroden(await temporaryFolder(t), [ROW_A]);
  const refused = async (name, text, pattern) => {
    const file = path.join(folder, name);
    const before = await fs.readFile(file, 'utf8');
    await (text === null ? fs.rm(file) : fs.writeFile(file, text));
    t.throws(() => new BrodenDataset(folder, { imageSize: 8 }), { ...message, message: pattern }, name);
    await fs.writeFile(file, before);
  };
  await refused('label.csv', null, /label\.csv is missing/);
  await refused('c_object.csv', null, /c_object\.csv is missing/);
  await refused('category.csv', '', /category\.csv has no column 'name'/);
  await refused(
    'c_color.csv',
    'code,number,name,frequency,coverage\n1,x,red,1,1\n',
    /c_color\.csv, line 2: .*'x'/,
  );
  await refused('index.csv', 'image,split\n', /index\.csv has no column 'sh'/);
  await refused('index.csv', `${INDEX_HEADER}\na.png,train,8,8,4\n`, /index\.csv, line 2: expected at least/);
  await refused(
    'index.csv',
    `${INDEX_HEADER}\na.png,train,8,8,x,4,2,,\n`,
    /index\.csv, line 2: expected a size as sh/,
  );
  await refused('index.csv', `${INDEX_HEADER}\n"a.png,train,8,8,4,4,2,,\n`, /index\.csv is damaged: /);
  await refused(
    'index.csv',
    `${INDEX_HEADER}\na.png,train,8,8,4,4,1;1;1;1;1;1,3,\n`,
    /line 2: a\.png has 7 label maps/,
  );
  await refused(
    'index.csv',
    `${INDEX_HEADER}\nb.png,val,8,8,4,4,2,,\n`,
    /no image of split 'train'.*splits are val; 'all' takes any/,
  );
  t.notThrows(() => new BrodenDataset(folder, { imageSize: 8 }));
});

test('spaces around the names of columns do not count, a column that is there twice is refused', async t => {
  const folder = await writeBroden(await temporaryFolder(t), [ROW_A], {
    'category.csv': '\ufeffname , first\ncolor,1\nobject,3\nscene,6\n',
  });
  const table = header => `${header}\n1,1,red-c,3,1.5\n2,2,blue-c,3,1.5\n`;
  await writeFiles(folder, { 'c_color.csv': table(' code,number , name,frequency,\tcoverage') });
  t.deepEqual(new BrodenDataset(folder, { imageSize: 8 }).categories, ['color', 'object', 'scene']);
  await writeFiles(folder, { 'c_color.csv': table('code,number,name,coverage ,coverage') });
  t.throws(() => new BrodenDataset(folder, { imageSize: 8 }), {
    ...message,
    message: /c_color\.csv has two columns 'coverage' in its header; remove or rename one$/,
  });
  await writeFiles(folder, {
    'c_color.csv': table('code,number,name,coverage,mine,mine').replaceAll(/(\.5)$/gm, '$1,0'),
  });
  t.notThrows(() => new BrodenDataset(folder, { imageSize: 8 }), 'nobody reads them');
});

test('an unknown category is refused', async t => {
  await t.throwsAsync(open(t, undefined, { categories: ['smell'] }), {
    code: 'ERR_NETDISSECT_OPTION',
    message: /no category 'smell'; it has color, object, scene/,
  });
});

test('a missing or damaged image or label map is named with its line in index.csv', async t => {
  const rows = [
    'missing.png,train,8,8,4,4,2,,',
    'broken.png,train,8,8,4,4,2,,',
    'b.png,train,8,8,4,4,none.png,,',
    'b.png,train,8,8,4,4,big.png,,',
  ];
  const dataset = await open(t, rows);
  await writeFiles(dataset.folder, { 'images/broken.png': 'this is no image' });
  await writeImage(path.join(dataset.folder, 'images/big.png'), 5, 4);
  const expected = [
    /image .*missing\.png, named in line 2 of index\.csv, is missing/,
    /image .*broken\.png, named in line 3 of index\.csv, is damaged/,
    /label map .*none\.png, named in line 4 of index\.csv, is missing/,
    /label map big\.png is 4×5 but line 5 of index\.csv says 4×4/,
  ];
  for (const [i, pattern] of expected.entries())
    await t.throwsAsync(dataset.get(i, true), { ...message, message: pattern });
});

test('a label map of 16 bits a channel is refused', async t => {
  const dataset = await open(t, ['b.png,train,8,8,4,4,deep.png,,']);
  const deep = await sharp({ create: { width: 4, height: 4, channels: 3, background: '#050600' } })
    .toColourspace('rgb16')
    .png()
    .toBuffer();
  await writeFiles(dataset.folder, { 'images/deep.png': deep });
  await t.throwsAsync(dataset.get(0, true), {
    ...message,
    message: /label map .*deep\.png, named in line 2 of index\.csv, has more than 8 bits a channel/,
  });
});

test('a grey label map is refused: its labels are not R + 256·G', async t => {
  const dataset = await open(t, ['b.png,train,8,8,4,4,grey.png,,']);
  const grey = await sharp({ create: { width: 4, height: 4, channels: 3, background: '#050505' } })
    .toColourspace('b-w')
    .png()
    .toBuffer();
  await writeFiles(dataset.folder, { 'images/grey.png': grey });
  await t.throwsAsync(dataset.get(0, true), {
    ...message,
    message: /label map grey\.png, named in line 2 of index\.csv, is grey/,
  });
});

test('an image whose shape is that of the table turned by 90° is refused', async t => {
  const folder = await temporaryFolder(t);
  await writeBroden(folder, ['a.png,train,12,16,4,4,1,,']);
  await writeImage(path.join(folder, 'images/a.png'), 6, 8);
  const dataset = new BrodenDataset(folder, { imageSize: 8 });
  await t.throwsAsync(dataset.get(0, false), {
    code: 'ERR_NETDISSECT_DATASET',
    message: /a\.png is 8×6 but line 2 of index\.csv says 12×16; turn one of them/,
  });
  await writeImage(path.join(folder, 'images/a.png'), 8, 8); // stretched, as Broden's images are
  await t.notThrowsAsync(dataset.get(0, false));
});
