import fs from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import sharp from 'sharp';
import { CocoDataset, dissect, loadModel, retainLayers } from '../../../lib/index.js';
import { modelFixture } from '../../fixtures/models.mjs';
import { temporaryFolder, writeFiles, writeImage } from '../../helpers/broden.mjs';
import { fixtureInstances, fixtureMasks, maskOf, writeCoco } from '../../helpers/coco.mjs';
import { byNumber, sameResults } from '../../helpers/native.mjs';
import { randomSource } from '../../helpers/random.mjs';
import { referenceDissect } from '../../reference.mjs';

const box = (x, y, w, h) => [x, y, x + w, y, x + w, y + h, x, y + h];

/** Two images of 4 rows and 6 columns; the second has no annotation. */
const SMALL = {
  images: [
    { id: 12, file_name: 'a.png', height: 4, width: 6 },
    { id: 5, file_name: 'b.png', height: 4, width: 6 },
  ],
  annotations: [
    { id: 1, image_id: 12, category_id: 3, segmentation: [box(0, 0, 3, 2)] },
    { id: 2, image_id: 12, category_id: 7, segmentation: [box(2, 1, 3, 3)] },
    {
      id: 3,
      image_id: 12,
      category_id: 3,
      iscrowd: 1,
      segmentation: { size: [4, 6], counts: [16, 8] },
    },
  ],
  categories: [
    { id: 7, name: 'traffic_light', supercategory: 'outdoor' },
    { id: 3, name: 'car', supercategory: 'vehicle' },
  ],
};

const PANOPTIC = {
  images: [
    { id: 1, file_name: 'a.jpg', height: 2, width: 3 },
    { id: 2, file_name: 'b.jpg', height: 2, width: 3 },
  ],
  annotations: [
    {
      image_id: 1,
      file_name: 'a.png',
      segments_info: [
        { id: 5, category_id: 1 },
        { id: 256 * 5 + 1, category_id: 184 },
        { id: 65536 * 9 + 2, category_id: 1 },
      ],
    },
    { image_id: 2, file_name: 'b.png', segments_info: [{ id: 7, category_id: 184 }] },
  ],
  categories: [
    { id: 1, name: 'person', supercategory: 'person', isthing: 1 },
    { id: 184, name: 'tree-merged', supercategory: 'plant', isthing: 0 },
  ],
};
const SEGMENTS = {
  'a.png': { height: 2, width: 3, numbers: [0, 5, 5, 256 * 5 + 1, 65536 * 9 + 2, 0] },
  'b.png': { height: 2, width: 3, numbers: [7, 7, 7, 0, 0, 0] },
};

const open = async (t, data = SMALL, options = {}) =>
  new CocoDataset(await writeCoco(await temporaryFolder(t), data), { imageSize: 8, ...options });

const openPanoptic = async (t, data = PANOPTIC, options = {}, segments = SEGMENTS) =>
  new CocoDataset(await writeCoco(await temporaryFolder(t), data, { name: 'panoptic_val2017', segments }), {
    imageSize: 8,
    ...options,
  });

const names = dataset => Array.from({ length: dataset.length }, (_, i) => path.basename(dataset.nameOf(i)));

/** Of each pixel the labels it carries, ascending. */
function labelsAt({ height, width, maps }) {
  return Array.from({ length: height * width }, (_, i) =>
    maps
      .map(map => map[i])
      .filter(label => label > 0)
      .sort((a, b) => a - b)
      .join('+'),
  );
}

test('instances: labels have their category ids as numbers, and names without underscores', async t => {
  const { labels, categories } = await open(t);
  t.deepEqual(categories, ['object']);
  t.deepEqual(labels, [
    { number: 3, name: 'car', category: 'object' },
    { number: 7, name: 'traffic light', category: 'object' },
  ]);
});

test('where an id is no label number, all labels are numbered by their places among the ids', async t => {
  const data = structuredClone(SMALL);
  data.categories[1].id = 0;
  for (const annotation of data.annotations) if (annotation.category_id === 3) annotation.category_id = 0;
  const dataset = await open(t, data);
  t.deepEqual(
    dataset.labels.map(({ number, name }) => [number, name]),
    [
      [1, 'car'],
      [2, 'traffic light'],
    ],
  );
  t.is(labelsAt((await dataset.get(0, true)).segmentation)[0], '1');
});

test('an image comes with the labels of all annotations that cover a pixel, a crowd included', async t => {
  const dataset = await open(t);
  t.deepEqual(names(dataset), ['a.png'], 'an image without annotations is left out');
  const { pixels, segmentation } = await dataset.get(0, true);
  t.is(pixels.length, 8 * 8 * 3);
  t.is(segmentation.maps.length, 2);
  t.deepEqual(labelsAt(segmentation), [
    ...['3', '3', '3', '', '3', '3'],
    ...['3', '3', '3+7', '7', '3+7', '3'],
    ...['', '', '7', '7', '3+7', '3'],
    ...['', '', '7', '7', '3+7', '3'],
  ]);
});

test('there are as many maps as there are labels on one pixel', async t => {
  const annotation = (id, category_id, x) => ({
    id,
    image_id: 12,
    category_id,
    segmentation: [box(x, 0, 2, 4)],
  });
  const maps = async annotations => {
    const dataset = await open(t, { ...SMALL, annotations });
    return (await dataset.get(0, true)).segmentation.maps.length;
  };
  t.is(await maps([annotation(1, 3, 0), annotation(2, 7, 2), annotation(3, 3, 4)]), 1);
  t.is(await maps([annotation(1, 3, 0), annotation(2, 3, 1), annotation(3, 3, 2)]), 1);
  t.is(await maps([annotation(1, 3, 0), annotation(2, 7, 1), annotation(3, 3, 1)]), 2);
});

test('label maps are what pycocotools makes of the annotations, label by label', async t => {
  const data = fixtureInstances();
  const masks = fixtureMasks();
  const dataset = await open(t, data);
  t.is(dataset.length, data.images.length);
  for (const [i, { id, height, width }] of data.images.entries()) {
    const expected = Array.from({ length: height * width }, () => new Set());
    for (const annotation of data.annotations)
      if (annotation.image_id === id)
        maskOf(masks[annotation.id].counts, height, width).forEach((inside, pixel) => {
          if (inside) expected[pixel].add(annotation.category_id);
        });
    const { segmentation } = await dataset.get(i, true);
    t.deepEqual([segmentation.height, segmentation.width], [height, width]);
    t.deepEqual(
      labelsAt(segmentation),
      expected.map(labels => [...labels].sort((a, b) => a - b).join('+')),
      `image ${id}`,
    );
  }
});

test('panoptic: the label of a segment R + 256·G + 65536·B; things are objects, the rest is stuff', async t => {
  const dataset = await openPanoptic(t);
  t.deepEqual(dataset.categories, ['object', 'stuff']);
  t.deepEqual(dataset.labels, [
    { number: 1, name: 'person', category: 'object' },
    { number: 184, name: 'tree-merged', category: 'stuff' },
  ]);
  const { segmentation } = await dataset.get(0, true);
  t.deepEqual([...segmentation.maps[0]], [0, 1, 1, 184, 1, 0]);
  t.is(segmentation.maps.length, 1);
});

test("with resize 'crop' the same window is cut from the maps", async t => {
  const dataset = await open(t, SMALL, { resize: 'crop' });
  const { segmentation } = await dataset.get(0, true);
  t.deepEqual([segmentation.height, segmentation.width], [4, 4]);
  t.deepEqual(labelsAt(segmentation).slice(4, 8), ['3', '3+7', '7', '3+7']);
});

test("labels' categories can be the supercategories", async t => {
  const { labels, categories } = await open(t, SMALL, { category: 'supercategory' });
  t.deepEqual(categories, ['vehicle', 'outdoor'], 'in the order of the ids');
  t.deepEqual(
    labels.map(({ name, category }) => [name, category]),
    [
      ['car', 'vehicle'],
      ['traffic light', 'outdoor'],
    ],
  );
  await t.throwsAsync(open(t, SMALL, { category: 'scene' }), {
    code: 'ERR_NETDISSECT_OPTION',
    message: "expected kind or supercategory for category but received 'scene'",
  });
});

test('of chosen categories only, with the images that have any of their labels', async t => {
  const things = await openPanoptic(t, PANOPTIC, { categories: ['object'] });
  t.deepEqual(things.categories, ['object']);
  t.deepEqual(
    things.labels.map(label => label.number),
    [1],
  );
  t.deepEqual(names(things), ['a.jpg']);
  t.deepEqual([...(await things.get(0, true)).segmentation.maps[0]], [0, 1, 1, 0, 1, 0]);
  const outdoor = await open(t, SMALL, { category: 'supercategory', categories: ['outdoor'] });
  t.deepEqual(new Set(labelsAt((await outdoor.get(0, true)).segmentation)), new Set(['', '7']));
  await t.throwsAsync(open(t, SMALL, { categories: ['smell'] }), {
    code: 'ERR_NETDISSECT_OPTION',
    message: /has no category 'smell'; it has object/,
  });
});

test('size cuts, in file order or shuffled; the file is one split', async t => {
  t.deepEqual(names(await openPanoptic(t)), ['a.jpg', 'b.jpg']);
  t.deepEqual(names(await openPanoptic(t, PANOPTIC, { size: 1 })), ['a.jpg']);
  t.deepEqual(names(await openPanoptic(t, PANOPTIC, { shuffle: 0 })), ['b.jpg', 'a.jpg']);
  const dataset = await openPanoptic(t, PANOPTIC, { split: 'train' });
  t.is(dataset.length, 2);
  t.is(dataset.settings.split, 'all');
  t.is(dataset.settings.annotations, 'panoptic_val2017.json');
  await t.throwsAsync(openPanoptic(t, PANOPTIC, { split: 'val' }), {
    code: 'ERR_NETDISSECT_OPTION',
    message: /is one split and has no 'val' in it/,
  });
});

test('with mapSize each pixel of the maps has the labels where its centre lies', async t => {
  const full = await (await open(t)).get(0, true);
  const dataset = await open(t, SMALL, { mapSize: [2, 9] });
  const { segmentation } = await dataset.get(0, true);
  t.deepEqual([segmentation.height, segmentation.width], [2, 9]);
  const labels = labelsAt(full.segmentation);
  const expected = [];
  for (let y = 0; y < 2; y++)
    for (let x = 0; x < 9; x++)
      expected.push(labels[Math.floor((y + 0.5) * (4 / 2)) * 6 + Math.floor((x + 0.5) * (6 / 9))]);
  t.deepEqual(labelsAt(segmentation), expected);
  const panoptic = await openPanoptic(t, PANOPTIC, { mapSize: 1 });
  t.deepEqual([...(await panoptic.get(0, true)).segmentation.maps[0]], [1]);
  await t.throwsAsync(open(t, SMALL, { mapSize: 0 }), { code: 'ERR_NETDISSECT_OPTION' });
});

test('images are found around the file, or in the folder that is named', async t => {
  const at = async (file, image, data = SMALL, options) => {
    const folder = await temporaryFolder(t);
    await writeFiles(folder, { [file]: JSON.stringify(data) });
    await writeImage(path.join(folder, image), 6, 4);
    const dataset = new CocoDataset(path.join(folder, file), options?.(folder));
    t.is(path.resolve(dataset.nameOf(0)), path.resolve(folder, image));
  };
  await at('annotations/instances_train2017.json', 'train2017/a.png');
  await at('annotations/instances_val2017.json', 'images/val2017/a.png');
  await at('annotations/custom.json', 'images/a.png');
  await at('_annotations.coco.json', 'a.png');
  const lvis = structuredClone(SMALL);
  delete lvis.images[0].file_name;
  lvis.images[0].coco_url = 'http://host.example/val2017/a.png';
  await at('annotations/lvis_v1_val.json', 'val2017/a.png', lvis);
  await at('instances.json', 'elsewhere/a.png', SMALL, folder => ({
    images: path.join(folder, 'elsewhere'),
  }));
  await t.throwsAsync(at('annotations/instances_val2017.json', 'elsewhere/a.png'), {
    code: 'ERR_NETDISSECT_DATASET',
    message: /^found a\.png, the first image of .*instances_val2017\.json, in none of .*val2017.*; name the/,
  });
  await t.throwsAsync(
    at('a.json', 'a.png', SMALL, folder => ({ images: path.join(folder, 'none') })),
    { code: 'ERR_NETDISSECT_DATASET', message: /^there is no folder .*none/ },
  );
});

test('panoptic PNG files can lie in another folder', async t => {
  const folder = await temporaryFolder(t);
  const file = await writeCoco(folder, PANOPTIC, { name: 'panoptic_val2017', segments: SEGMENTS });
  const moved = path.join(folder, 'maps');
  await fs.rename(file.replace('.json', ''), moved);
  t.throws(() => new CocoDataset(file), {
    code: 'ERR_NETDISSECT_DATASET',
    message: /^there is no folder .*panoptic_val2017, which .* needs; name it with the option segmentations/,
  });
  const dataset = new CocoDataset(file, { segmentations: moved });
  t.is((await dataset.get(1, true)).segmentation.maps[0][0], 184);
});

/** Cases of `[change, what the message says]`. */
const DAMAGED_INSTANCES = [
  [d => delete d.images, /has no list 'images' of objects/],
  [d => d.annotations.push(null), /has no list 'annotations' of objects/],
  [d => d.annotations.splice(0), /has no image with a label in object/],
  [d => d.categories.push({ id: 3, name: 'cart' }), /category 3 is there twice/],
  [d => d.categories.push({ name: 'cart' }), /categories\[2\] has no id/],
  [d => d.categories.push({ id: 9 }), /category 9 has nothing as its name/],
  [d => d.images.push(d.images[0]), /image 12 is there twice/],
  [d => d.images.push({ height: 1, width: 1 }), /images\[2\] has no id/],
  [d => delete d.images[1].file_name, /image 5 has nothing as its file_name/],
  [d => (d.images[1].width = 0), /image 5 has the height 4 and the width 0/],
  [d => d.annotations.push(d.annotations[1]), /annotation 2 is there twice/],
  [d => (d.annotations[1].image_id = 6), /annotation 2 is of image 6, which is not in 'images'/],
  [d => (d.annotations[1].category_id = 4), /annotation 2 has the category 4, which is not in 'categories'/],
  [d => (d.annotations[1].segmentation = 'all'), /annotation 2 has the segmentation "all"/],
  [d => (d.annotations[1].segmentation = [5]), /polygon 1 of annotation 2 is 5/],
  [d => d.annotations[1].segmentation.push([1, 2, 3]), /polygon 2 of annotation 2 has 3 numbers/],
  [d => d.annotations[1].segmentation[0].push(1), /polygon 1 of annotation 2 has 9 numbers/],
  [d => (d.annotations[1].segmentation[0][3] = null), /polygon 1 of annotation 2 has the coordinate null/],
  [d => (d.annotations[1].segmentation[0][3] = 1e12), /polygon 1 of annotation 2 has the coordinate 10+;/],
  [d => (d.annotations[2].segmentation.size = [6, 4]), /annotation 3 has run lengths for the size \[6,4\]/],
  [d => (d.annotations[2].segmentation.counts = 5), /annotation 3 has 5 as its counts/],
  [d => (d.annotations[2].segmentation.counts = [16, 7]), /annotation 3 has run lengths of 23 pixels in all/],
  [d => (d.annotations[2].segmentation.counts = [30, -6]), /annotation 3 has the run length 30/],
  [d => (d.annotations[2].segmentation.counts = [1.5, 22.5]), /annotation 3 has the run length 1\.5/],
  [
    d => (d.annotations[2].segmentation.counts = '3P'),
    /annotation 3 has damaged run lengths: the string ends/,
  ],
  [d => (d.annotations[2].segmentation.counts = '34'), /annotation 3 has run lengths of 7 pixels in all/],
  [
    d => {
      delete d.annotations[2].id;
      d.annotations[2].category_id = 4;
    },
    /annotations\[2\] has the category 4/,
  ],
];

const DAMAGED_PANOPTIC = [
  [d => d.annotations.push(d.annotations[0]), /annotations\[2\] is a second one of image 1/],
  [d => delete d.annotations[1].file_name, /annotations\[1\] has nothing as its file_name/],
  [d => delete d.annotations[1].segments_info, /annotations\[1\] has no list segments_info/],
  [d => (d.annotations[0].segments_info[1].id = 5), /annotations\[0\] has segment 5 twice/],
  [d => (d.annotations[0].segments_info[1].id = 256 ** 3), /annotations\[0\] has a segment 16777216/],
  [d => (d.annotations[0].segments_info[1] = null), /annotations\[0\] has a segment nothing/],
  [
    d => (d.annotations[0].segments_info[1].category_id = 2),
    /segment 1281 of annotations\[0\] has the category 2/,
  ],
];

test('what is wrong with the file is said by annotation, image or category', async t => {
  const refused = async (data, cases, options) => {
    const file = await writeCoco(await temporaryFolder(t), data, options);
    for (const [change, message] of cases) {
      const changed = structuredClone(data);
      change(changed);
      await fs.writeFile(file, JSON.stringify(changed));
      const error = t.throws(() => new CocoDataset(file), { code: 'ERR_NETDISSECT_DATASET', message });
      t.true(error.message.startsWith(file));
      t.notRegex(error.message, /[\n.]$/);
    }
  };
  await refused(SMALL, DAMAGED_INSTANCES);
  await refused(PANOPTIC, DAMAGED_PANOPTIC, { name: 'panoptic_val2017', segments: SEGMENTS });
  const nameless = structuredClone(SMALL);
  delete nameless.categories[0].supercategory;
  await t.notThrowsAsync(open(t, nameless));
  await t.throwsAsync(open(t, nameless, { category: 'supercategory' }), {
    code: 'ERR_NETDISSECT_DATASET',
    message: /category 7 has nothing as its supercategory/,
  });
});

test('annotations that cover nothing are left out and counted', async t => {
  const whole = await open(t, SMALL);
  t.deepEqual(whole.notices, []);
  t.false('annotations_left_out' in whole.settings);
  for (const [change, parts, labels] of [
    [d => d.annotations[1].segmentation.push([1, 2], [1, 2, 3, 4], []), 3, ['', '3', '3+7', '7']],
    [d => (d.annotations[1].segmentation = []), 1, ['', '3']],
    [d => (d.annotations[1].segmentation = [[1, 2, 3, 4]]), 1, ['', '3']],
    [d => delete d.annotations[1].segmentation, 1, ['', '3']],
    [d => (d.annotations[1].segmentation = null), 1, ['', '3']],
  ]) {
    const data = structuredClone(SMALL);
    change(data);
    const dataset = await open(t, data);
    t.is(dataset.settings.annotations_left_out, parts);
    t.is(dataset.notices.length, 1);
    t.regex(dataset.notices[0], new RegExp(`: ${parts} (annotation|polygon)`));
    const { segmentation } = await dataset.get(0, true);
    t.deepEqual([...new Set(labelsAt(segmentation))].sort(), labels);
  }
});

test('NaN and Infinity, as Python writes them, are read where nothing depends on them', async t => {
  const file = await writeCoco(await temporaryFolder(t), SMALL);
  const text = JSON.stringify(SMALL)
    .replace('"id":1,', '"id":1,"area":NaN,"bbox":[-Infinity,Infinity,NaN],')
    .replace('traffic_light', 'a \\"NaN\\" Infinity');
  await fs.writeFile(file, text);
  t.deepEqual(
    new CocoDataset(file).labels.map(({ name }) => name),
    ['car', 'a "NaN" Infinity'],
  );
  await fs.writeFile(file, text.replace('"height":4', '"height":NaN'));
  t.throws(() => new CocoDataset(file), { message: /image 12 has the height null/ });
});

test('an image has the size that the file says; it is turned by its EXIF tag where it has it only so', async t => {
  const data = structuredClone(SMALL);
  const file = await writeCoco(await temporaryFolder(t), data);
  const image = path.join(path.dirname(file), '../val2017/a.png');
  const dataset = new CocoDataset(file, { imageSize: [4, 6] });
  const pixels = Buffer.from(Array.from({ length: 72 }, (_, i) => 3 * i)); // 6 rows of 4
  const raw = { raw: { height: 6, width: 4, channels: 3 } };
  await sharp(pixels, raw).png().toFile(image);
  await t.throwsAsync(dataset.get(0, false), {
    code: 'ERR_NETDISSECT_DATASET',
    message: /a\.png is 6×4 but image 12 of .* says 4×6; restore the image, or correct what is said of it/,
  });
  await sharp(pixels, raw).withMetadata({ orientation: 6 }).png().toFile(image); // a quarter clockwise
  const turned = (await dataset.get(0, false)).pixels;
  const at = (y, x) => [...turned.subarray((y * 6 + x) * 3, (y * 6 + x) * 3 + 3)];
  for (let y = 0; y < 4; y++)
    for (let x = 0; x < 6; x++) {
      const from = ((5 - x) * 4 + y) * 3;
      t.deepEqual(at(y, x), [...pixels.subarray(from, from + 3)]);
    }
});

test('all that is wrong can be collected; the rest is taken', async t => {
  const data = structuredClone(SMALL);
  data.annotations[0].category_id = 4;
  data.annotations[2].segmentation.counts = [16, 7];
  const problems = [];
  const dataset = await open(t, data, { onProblem: error => problems.push(error) });
  t.deepEqual(
    problems.map(({ code, message }) => [code, message.match(/annotation \d/)[0]]),
    [
      ['ERR_NETDISSECT_DATASET', 'annotation 1'],
      ['ERR_NETDISSECT_DATASET', 'annotation 3'],
    ],
  );
  t.deepEqual(new Set(labelsAt((await dataset.get(0, true)).segmentation)), new Set(['', '7']));
});

test('a file that is missing, no JSON or too large is refused with what to do', async t => {
  const folder = await temporaryFolder(t);
  const file = path.join(folder, 'instances.json');
  const refused = message =>
    t.throws(() => new CocoDataset(file), { code: 'ERR_NETDISSECT_DATASET', message });
  refused(/instances\.json is missing; name/);
  await fs.writeFile(file, '{"images": [');
  refused(/instances\.json is not JSON \(/);
  await fs.writeFile(file, 'null');
  refused(/instances\.json has no list 'images'/);
  await fs.truncate(file, 2 ** 29); // a sparse file
  refused(/is larger than the \d+ bytes that Node\.js can read as text; name .* of fewer images/);
});

test('an image or PNG file that is missing or does not fit is named with the image', async t => {
  const dataset = await openPanoptic(t);
  const png = path.join(path.dirname(dataset.nameOf(0)), '../annotations/panoptic_val2017');
  const refused = async (index, message) =>
    t.throwsAsync(dataset.get(index, true), { code: 'ERR_NETDISSECT_DATASET', message });
  await writeImage(path.join(png, 'a.png'), 3, 2, [8, 0, 0]);
  await refused(0, /segmentation .*a\.png has a segment 8 that the segments_info of image 1 .* do not name/);
  await writeImage(path.join(png, 'a.png'), 4, 2);
  await refused(0, /segmentation .*a\.png is 2×4 but image 1 of .*panoptic_val2017\.json is 2×3/);
  await fs.rm(path.join(png, 'a.png'));
  await refused(0, /segmentation .*a\.png, named in image 1 of .*panoptic_val2017\.json, is missing/);
  await fs.writeFile(path.join(png, 'b.png'), 'nothing');
  await refused(1, /segmentation .*b\.png, named in image 2 of .*, is damaged/);
  await fs.rm(dataset.nameOf(0));
  await t.throwsAsync(dataset.get(0, false), {
    message: /image .*a\.jpg, named in image 1 of .*, is missing/,
  });
});

test('images stand below their folder, outside it, or anywhere by their whole path', async t => {
  const folder = await temporaryFolder(t);
  const data = structuredClone(SMALL);
  data.annotations.push({ id: 99, image_id: 5, category_id: 3, segmentation: [box(0, 0, 3, 2)] });
  const file = await writeCoco(folder, data);
  const below = path.join(folder, 'val2017');
  const [first, second] = data.images.map(image => image.file_name);
  await writeImage(path.join(below, 'deep/x.png'), 6, 4);
  await writeImage(path.join(folder, 'far/y.png'), 6, 4);
  const write = async (...names) => {
    for (const [i, name] of names.entries()) data.images[i].file_name = name;
    await fs.writeFile(file, JSON.stringify(data));
  };
  const files = options => {
    const dataset = new CocoDataset(file, { imageSize: 8, ...options });
    return Promise.all(
      Array.from({ length: dataset.length }, async (_, i) => {
        await dataset.get(i, true);
        return path.normalize(dataset.nameOf(i));
      }),
    );
  };
  await write('deep\\x.png', second);
  t.deepEqual(await files(), [path.join(below, 'deep/x.png'), path.join(below, second)]);
  await write('../far/y.png', path.join(below, first));
  t.deepEqual(await files({ images: below }), [path.join(folder, 'far/y.png'), path.join(below, first)]);
  await write(path.join(below, 'deep/x.png'), path.join(folder, 'far/y.png'));
  t.deepEqual(await files(), [path.join(below, 'deep/x.png'), path.join(folder, 'far/y.png')]);
  await write('/gone/x.png', '/gone/y.png');
  t.throws(() => new CocoDataset(file), {
    code: 'ERR_NETDISSECT_DATASET',
    message: `/gone/x.png, the first image of ${file}, is missing; restore it, or give paths from the images' folder`,
  });
  await t.throwsAsync(files({ images: below }), {
    message: /^image \/gone\/x\.png, named in image 12 .*, is missing/,
  });
});

test('a dissection over instances equals the reference, with several labels on a pixel', async t => {
  const random = randomSource(11);
  const images = Array.from({ length: 9 }, (_, i) => ({
    id: i + 1,
    file_name: `${i}.png`,
    height: 5 + random.below(6),
    width: 5 + random.below(6),
  }));
  const annotations = images.flatMap(({ id, height, width }) =>
    Array.from({ length: 4 }, () => ({
      image_id: id,
      category_id: [3, 7, 300][random.below(3)],
      segmentation: [
        Array.from({ length: 8 }, (_, i) => random.uniform() * (i % 2 ? height : width)),
        box(random.below(width), random.below(height), 2, 3),
      ],
    })),
  );
  const categories = [3, 7, 300].map(id => ({
    id,
    name: `c${id}`,
    supercategory: id === 7 ? 'one' : 'other',
  }));
  const file = await writeCoco(await temporaryFolder(t), { images, annotations, categories });
  for (const { file_name, height, width } of images) {
    const noise = Array.from({ length: height * width * 3 }, () => random.below(256));
    await writeImage(path.join(path.dirname(file), '../val2017', file_name), width, height, noise);
  }
  const dataset = new CocoDataset(file, { imageSize: 8, category: 'supercategory' });
  const model = await loadModel(modelFixture('in_place').files.scripted, { device: 'cpu' });
  t.teardown(() => model.close());
  retainLayers(model, ['plain']);
  const { labels, layers } = await dissect(await temporaryFolder(t), model, dataset, {
    quantileThreshold: 0.05,
    examplesPerUnit: 5,
    forwardSize: 1,
    images: false,
  });

  const { mean, deviation } = dataset.normalization;
  const activations = [];
  const segmentations = [];
  for (let i = 0; i < dataset.length; i++) {
    const { pixels, segmentation } = await dataset.get(i, true);
    const floats = new Float32Array(192);
    for (let c = 0; c < 3; c++)
      for (let k = 0; k < 64; k++) {
        const scaled = Math.fround(pixels[k * 3 + c] / 255);
        floats[c * 64 + k] = Math.fround(
          Math.fround(scaled - Math.fround(mean[c])) / Math.fround(deviation[c]),
        );
      }
    activations.push((await model.forward(floats, [1, 3, 8, 8]))[0].values);
    segmentations.push(segmentation.maps);
  }
  t.true(segmentations.some(maps => maps.length > 1));
  const labelCategory = new Int32Array(301).fill(-1);
  for (const { number, category } of dataset.labels)
    labelCategory[number] = dataset.categories.indexOf(category);
  const { labelPixels, categoryPixels, intersections, ...rest } = referenceDissect({
    activations,
    shape: layers[0].shape,
    segmentations,
    segSize: images.map(({ height, width }) => [height, width]),
    labelCategory,
    categories: 2,
    quantile: 0.05,
    topImages: 5,
  });
  sameResults(t, layers[0], rest);
  const counts = byNumber(
    layers[0].tally,
    labels.map(label => label.number),
    labelCategory.length,
  );
  sameResults(t, counts, { labelPixels, categoryPixels, intersections });
});
