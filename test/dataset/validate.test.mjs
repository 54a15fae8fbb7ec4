import fs from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import {
  BrodenDataset,
  CocoDataset,
  LabelledDataset,
  MaskDataset,
  NetdissectError,
  openDataset,
  validateDataset,
} from '../../lib/index.js';
import { ROW_A, ROW_B, temporaryFolder, writeBroden, writeFiles, writeImage } from '../helpers/broden.mjs';
import { fixtureInstances, writeCoco } from '../helpers/coco.mjs';
import { writeGreyPng } from '../helpers/png.mjs';

test('a data set in which nothing is wrong: no problems, but numbers and labels that hint at something', async t => {
  const folder = await writeBroden(await temporaryFolder(t), [ROW_A]);
  t.deepEqual(await validateDataset(new BrodenDataset(folder, { imageSize: 8 })), {
    images: 1,
    problems: [],
    warnings: ['labels on no pixel: 2 (blue)', 'numbers in label maps that are no label: 4 (images: 1)'],
  });
});

test('all images and label maps that cannot be read are said, each once', async t => {
  const rows = [
    ROW_A,
    'missing.png,train,8,8,4,4,2,none.png,',
    'broken.png,train,8,8,4,4,2,,',
    'b.png,train,8,8,5,4,,a_object.png,',
  ];
  const folder = await writeBroden(await temporaryFolder(t), rows);
  await writeFiles(folder, { 'images/broken.png': 'this is no image' });
  const { images, problems } = await validateDataset(() => new BrodenDataset(folder, { imageSize: 8 }));
  t.is(images, 4);
  t.is(problems.length, 4);
  for (const [i, pattern] of [
    /image .*missing\.png, named in line 3 of index\.csv, is missing/,
    /label map .*none\.png, named in line 3 of index\.csv, is missing/,
    /image .*broken\.png, named in line 4 of index\.csv, is damaged/,
    /label map a_object\.png is 4×4 but line 5 of index\.csv says 5×4/,
  ].entries())
    t.regex(problems[i], pattern);
});

test('a data set that cannot be opened is one problem', async t => {
  const result = await validateDataset(() => new BrodenDataset('nowhere'));
  t.is(result.images, 0);
  t.is(result.problems.length, 1);
  t.regex(result.problems[0], /no data set .* in nowhere/);
});

test('of a COCO file all entries that are wrong are said, and the rest is checked', async t => {
  const data = fixtureInstances();
  data.annotations[3].category_id = 4;
  data.annotations[60].segmentation[0].push(1);
  const file = await writeCoco(await temporaryFolder(t), data);
  await fs.rm(path.join(path.dirname(file), '../val2017/2.png'));
  const { problems } = await validateDataset(onProblem => new CocoDataset(file, { imageSize: 8, onProblem }));
  t.is(problems.length, 3);
  t.regex(problems[0], /annotation 103 has the category 4/);
  t.regex(problems[1], /polygon 1 of annotation 160 has \d+ numbers/);
  t.regex(problems[2], /2\.png, named in image 2 of .*instances_val2017\.json, is missing/);
});

test('of the tables of Broden all lines that are wrong are said', async t => {
  const rows = [
    ROW_A,
    'b.png,train,8,8,x,4,2,,',
    'b.png,train,8,8,4,4,,a_object.png,,more',
    'b.png,train,8,8,4,4,70000,,',
    'b.png,train,8,8,4,4,2,,',
  ];
  const folder = await writeBroden(await temporaryFolder(t), rows, {
    'label.csv': 'number,name\n1,red\n2,blue\nx,cat\n-3,dog\n',
    'c_scene.csv': 'code,number,name,frequency,coverage\n1,6,street-s,3,much\n',
  });
  const { images, problems } = await validateDataset(
    onProblem => new BrodenDataset(folder, { imageSize: 8, onProblem }),
  );
  t.is(images, 2);
  t.is(problems.length, 6);
  for (const [i, pattern] of [
    /c_scene\.csv, line 2: expected a number as coverage but found 'much'/,
    /label\.csv, line 4: expected a label number .* 'x'/,
    /label\.csv, line 5: expected a label number .* '-3'/,
    /index\.csv, line 3: expected a size as sh but found 'x'/,
    /index\.csv, line 4: expected 9 cells but found 10/,
    /index\.csv, line 5: expected a label number .* '70000'/,
  ].entries())
    t.regex(problems[i], pattern);
});

test('of a table of labelled images, and of names, all lines that are wrong are said', async t => {
  const folder = await temporaryFolder(t);
  await writeFiles(folder, {
    'labels.csv': 'image,label,split\na.png,,\na.png,cat,train\n,cat,\na.png,dog,val\n',
    'masks.csv': 'number,name\n1,cat\n1,dog\nx,cow\n2,\n3,cat\n',
  });
  await writeImage(path.join(folder, 'a.png'), 8, 8);
  await writeImage(path.join(folder, 'images/a.png'), 8, 8);
  await writeGreyPng(path.join(folder, 'masks/a.png'), 1, 1, [1]);
  const problems = async open => {
    const found = await validateDataset(open);
    t.is(found.images, 1);
    return found.problems.map(problem => problem.replace(/^[^,]*[/\\]/, ''));
  };
  t.deepEqual(
    await problems(onProblem => new LabelledDataset(path.join(folder, 'labels.csv'), { onProblem })),
    [
      'labels.csv, line 2: expected a text as label but found none',
      'labels.csv, line 4: expected a text as image but found none',
      "labels.csv, line 5: a.png is in split 'val' but in 'train' in line 3; repair one of them",
    ],
  );
  const names = path.join(folder, 'masks.csv');
  t.deepEqual(await problems(onProblem => new MaskDataset(folder, { names, onProblem })), [
    "masks.csv, line 4: expected a label number from 0 to 65535 but found 'x'",
    'masks.csv, line 5: expected a name but found none; write one',
    'masks.csv, line 3: the value 1 has a name already; remove one',
    "masks.csv, line 6: 'cat' is the name of value 1 already; choose another",
  ]);
});

test('an image of another shape than its label maps is a warning, and one turned against them a problem', async t => {
  const folder = await temporaryFolder(t);
  for (const [name, width, height] of [
    ['a', 40, 30],
    ['c', 40, 30],
    ['b', 114, 116], // about the same shape
  ])
    await writeImage(path.join(folder, `images/${name}.png`), width, height);
  await writeGreyPng(path.join(folder, 'masks/a.png'), 30, 30, new Uint8Array(900).fill(1));
  await writeGreyPng(path.join(folder, 'masks/c.png'), 15, 20, new Uint8Array(300).fill(1));
  await writeGreyPng(path.join(folder, 'masks/b.png'), 57, 57, new Uint8Array(57 * 57).fill(1));
  await fs.writeFile(path.join(folder, 'names.txt'), 'one\n');
  const { problems, warnings } = await validateDataset(openDataset(folder, { imageSize: 8 }));
  t.is(problems.length, 1);
  t.regex(problems[0], /^image .*c\.png is 30×40 but its label map is 20×15; turn one of them$/);
  t.is(warnings.length, 1);
  t.regex(warnings[0], /^image .*a\.png is 30×40 but its label maps are 30×30, of another shape$/);
});

test('an image of another size than its COCO file says is a problem', async t => {
  const file = await writeCoco(await temporaryFolder(t), fixtureInstances());
  await writeImage(path.join(path.dirname(file), '../val2017/1.png'), 40, 30); // it says 40 high, 30 wide
  const { problems } = await validateDataset(new CocoDataset(file, { imageSize: 8 }));
  t.is(problems.length, 1);
  t.regex(problems[0], /1\.png is 30×40 but image 1 of .* says 40×30/);
});

test('data sets that users write are read by get, and what it throws is a problem', async t => {
  const dataset = {
    length: 4,
    imageSize: [1, 1],
    labels: [{ number: 1, name: 'one', category: 'count' }],
    categories: ['count'],
    get(i) {
      if (i === 1) throw new Error('on purpose');
      if (i === 2) return Promise.reject(new Error('later'));
      const maps = [i === 3 ? new Uint16Array(3) : Uint16Array.of(1, 1)];
      return Promise.resolve({ pixels: new Uint8Array(3), segmentation: { height: 1, width: 2, maps } });
    },
  };
  t.deepEqual(await validateDataset(dataset), {
    images: 4,
    problems: [
      'on purpose',
      'later',
      'image 3 has a label map that is neither a number from 0 to 65535 nor an array of 1 × 2 pixels',
    ],
    warnings: [],
  });
});

test('what is not the fault of the data set ends it', async t => {
  const folder = await writeBroden(await temporaryFolder(t), [ROW_A, ROW_B]);
  const open = () => new BrodenDataset(folder, { imageSize: 8, categories: ['colour'] });
  await t.throwsAsync(validateDataset(open), {
    code: 'ERR_NETDISSECT_OPTION',
    message: /no category 'colour'/,
  });
  const dataset = new BrodenDataset(folder, { imageSize: 8 });
  dataset.get = async () => {
    throw new NetdissectError('ERR_NETDISSECT_ADDON', 'the addon is not built');
  };
  await t.throwsAsync(validateDataset(dataset), { code: 'ERR_NETDISSECT_ADDON' });
});

test('a signal ends it', async t => {
  const folder = await writeBroden(await temporaryFolder(t), [ROW_A, ROW_B]);
  const dataset = new BrodenDataset(folder, { imageSize: 8 });
  const ended = await validateDataset(dataset, { signal: AbortSignal.abort() }).catch(error => error);
  t.is(ended.name, 'AbortError');
});
