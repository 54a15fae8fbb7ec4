// README.md and docs/: every example is run, and what they name is what there is.
import { spawn } from 'node:child_process';
import fs from 'node:fs/promises';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import test from 'ava';
import options from '../lib/commands/commands.js';
import help from '../lib/commands/help.js';
import api from '../lib/index.js';
import { modelFile, modelFixture } from './fixtures/models.mjs';
import { temporaryFolder, writeBroden, writeFiles, writeImage } from './helpers/broden.mjs';
import { writeCoco } from './helpers/coco.mjs';
import { npyOf } from './helpers/npy.mjs';
import { writePalettePng } from './helpers/png.mjs';
import { report } from './helpers/report.mjs';

const root = path.join(import.meta.dirname, '..');
const { COMMANDS } = options;

/** What begins like this is not run, and why. */
const NOT_RUN = new Map([
  ['npm run demo', 'sets up, and needs minutes on a fresh clone; the sample has tests of its own'],
  ['npm test', 'this is it'],
  ['npx netdissect-native demo', 'fetches the package; test/package.test.mjs runs the same of a packed one'],
  ['npm install netdissect-native', 'likewise'],
  ['npm install @img/sharp-linux-x64', 'npm run test:managers runs it'],
  ['npm run bench', 'builds programs and takes minutes'],
  ['npm run check:cuda', 'builds programs and takes minutes'],
  [
    'netdissect-native --model alexnet.pt --layers features.10 --broden dataset/broden --device',
    'needs a GPU',
  ],
  ['import torch, torchvision', 'Python; the model fixtures are exported in the same way'],
  [
    'netdissect-native completion >> ~/.bashrc',
    'prints a script, which test/commands/completion.test.mjs runs',
  ],
  ...Object.values(COMMANDS).map(({ usage }) => [
    `netdissect-native ${usage.replace(' [options]', '')}`,
    'the usage of a command',
  ]),
]);

const pages = new Map();
for (const name of ['README.md', ...(await fs.readdir(path.join(root, 'docs'))).map(name => `docs/${name}`)])
  if (name.endsWith('.md')) pages.set(name, await fs.readFile(path.join(root, name), 'utf8'));

/** Fenced blocks with their language, and indented ones as `indented`. */
function blocksOf(page) {
  const blocks = [];
  const indented = [];
  for (const part of page.split(/^(```[\s\S]*?^```)$/m)) {
    const [, language, code] = /^```(\w*)\n([\s\S]*)```$/.exec(part) ?? [];
    if (code !== undefined) blocks.push({ language, code });
    else indented.push(...part.matchAll(/(?<=\n\n)(?: {4}.*\n)+/g));
  }
  return [
    ...blocks,
    ...indented.map(([code]) => ({ language: 'indented', code: code.replace(/^ {4}/gm, '') })),
  ];
}

const blocks = [...pages].flatMap(([name, page]) => blocksOf(page).map(block => ({ name, ...block })));
const unrun = code => [...NOT_RUN.keys()].find(start => code.startsWith(start));
/** The commands in indented blocks, a line each. */
const commands = blocks
  .filter(({ language }) => language === 'indented')
  .flatMap(({ code }) =>
    code
      .replaceAll(/\\\n\s*/g, '')
      .trim()
      .split('\n'),
  )
  .filter(line => /^(netdissect-native|npm|npx|node|git|python3?|pip) /.test(line));
const codeOf = language => blocks.filter(block => block.language === language);

/** A command line's words, without the program; quoted by single quotes. */
const wordsOf = line =>
  [...line.matchAll(/'([^']*)'|(\S+)/g)].slice(1).map(([, quoted, word]) => quoted ?? word);

const BRODEN_ROWS = ['a.png,train,8,8,4,4,a_color.png,a_object.png,6', 'b.png,train,8,8,4,4,2,,'];

/** What the examples name, small; tables and settings that a page shows are taken from there. */
async function writeStandIns(folder) {
  const at = (...names) => path.join(folder, ...names);
  const shown = (language, pattern) => codeOf(language).find(({ code }) => pattern.test(code)).code;
  const model = family => modelFixture(family).files.scripted;
  await writeFiles(folder, {
    'experiment.json': shown('json', /"layers"/),
    'labels.csv': shown('', /^image,label/),
    'mine/labelnames.json': shown('json', /"bitshift"/),
    'VOC2012/names.txt': 'aeroplane\nbicycle\n',
    'VOC2012/ImageSets/Segmentation/train.txt': 'a\nb\n',
    'VOC2012/ImageSets/Segmentation/val.txt': 'c\n',
    'VOC2012/ImageSets/Segmentation/trainval.txt': 'a\nb\nc\n',
    'models/none': '',
    'dissect/epoch_40/dissect.json': JSON.stringify(report([{ 1: 50 }, { 2: 50 }])),
    'dissect/epoch_80/dissect.json': JSON.stringify(report([{ 1: 50 }, { 2: 40 }])),
  });
  await fs.copyFile(model('resnet'), at('resnet18.pt'));
  await fs.copyFile(model('resnet'), at('models/resnet18.pt'));
  await fs.copyFile(model('transformer'), at('vit.pt'));
  await fs.copyFile(model('units_last'), at('swin.pt'));
  await fs.copyFile(model('several'), at('pair.pt'));
  await fs.copyFile(modelFile('resnet_checkpoint.pth'), at('epoch_40.pth'));
  await fs.writeFile(at('perturbation.npy'), npyOf([227, 227, 3]));
  for (const broden of ['224', '227', '384'].map(size => `dataset/broden/broden1_${size}`))
    await writeBroden(at(broden), BRODEN_ROWS);
  await writeBroden(at('../data/broden'), BRODEN_ROWS);
  for (const name of ['a', 'b', 'c', 'd']) {
    await writeImage(at(`mine/img/${name}.jpg`), 10, 8);
    await writeImage(at(`mine/seg/${name}.png`), 10, 8, [2, 17, 0]);
    await writeImage(at(`VOC2012/JPEGImages/${name}.jpg`), 10, 8);
    await writePalettePng(
      at(`VOC2012/SegmentationClass/${name}.png`),
      10,
      8,
      Array.from({ length: 80 }, (_, i) => i % 3),
    );
  }
  for (const name of ['1', '2']) await writeImage(at(`photos/000${name}.jpg`), 8, 8);
  await writeCoco(at('coco'), {
    images: [1, 2].map(id => ({ id, file_name: `${id}.jpg`, height: 12, width: 16 })),
    categories: [{ id: 18, name: 'dog', supercategory: 'animal', isthing: 1 }],
    annotations: [1, 2].map(id => ({
      id,
      image_id: id,
      category_id: 18,
      segmentation: [[1, 1, 9, 1, 9, 9, 1, 9]],
    })),
  });
  await fs.mkdir(at('../node_modules'));
  await fs.symlink(root, at('../node_modules/netdissect-native'));
  await fs.symlink(path.join(root, 'node_modules/sharp'), at('../node_modules/sharp'));
}

/** Runs a program of Node.js in the folder; resolves to the JSON that it prints last. */
async function run(args, folder, input) {
  const child = spawn(process.execPath, args, { cwd: folder, stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.end(JSON.stringify(input));
  return JSON.parse((await text(child.stdout)).trim().split('\n').at(-1));
}

/** Imports the modules that are named on standard input one after the other; prints what each threw. */
const IMPORT_ALL = `
  import fs from 'node:fs';
  const thrown = [];
  const { log } = console;
  console.log = console.table = () => {};
  for (const file of JSON.parse(fs.readFileSync(0, 'utf8')))
    thrown.push(await import(file).then(() => null, error => error.stack));
  log(JSON.stringify(thrown));
`;

test('every example of README.md and docs/ runs, the commands first, then the programs', async t => {
  const folder = path.join(await temporaryFolder(t), 'project');
  await writeStandIns(folder);
  const lines = commands.filter(line => !unrun(line));
  t.true(lines.length > 20);
  const results = await run(
    [path.join(root, 'test/helpers/commands.mjs'), folder],
    folder,
    lines.map(wordsOf),
  );
  for (const [i, line] of lines.entries()) t.is(results[i].code, 0, `${line}\n${results[i].stderr}`);

  const programs = codeOf('js').map(({ code, name }, i) => ({
    code,
    name,
    file: path.join(folder, `${i}.mjs`),
  }));
  t.true(programs.length > 12);
  for (const { file, code } of programs) await fs.writeFile(file, code);
  const thrown = await run(
    ['--input-type=module', '-e', IMPORT_ALL],
    folder,
    programs.map(({ file }) => file),
  );
  for (const [i, { name, code }] of programs.entries()) t.is(thrown[i], null, `${name}:\n${code}`);
});

test('what is not run is listed with its reason, and nothing is listed that is not there', t => {
  const others = blocks.filter(({ language }) => !['js', 'json', 'indented', ''].includes(language));
  for (const { name, code } of others) t.truthy(unrun(code), `${name}: ${code}`);
  for (const line of commands) if (!line.startsWith('netdissect-native ')) t.truthy(unrun(line), line);
  const all = [...commands, ...others.map(({ code }) => code)];
  for (const start of NOT_RUN.keys())
    t.true(
      all.some(code => code.startsWith(start)),
      start,
    );
});

test('JSON examples are JSON', t => {
  t.true(codeOf('json').length >= 3);
  for (const { name, code } of codeOf('json')) t.notThrows(() => JSON.parse(code), name);
});

test('links lead to files and headings that are there', async t => {
  const anchors = page =>
    [...page.matchAll(/^#+ (.*)$/gm)].map(([, title]) =>
      title
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    );
  const read = name => pages.get(name) ?? fs.readFile(path.join(root, name), 'utf8');
  for (const [name, page] of [...pages, ['CONTRIBUTING.md', await read('CONTRIBUTING.md')]])
    for (const [, link] of page.matchAll(/\]\(([^)]+)\)/g)) {
      if (/^https?:/.test(link)) continue;
      const [file, anchor] = link.split('#');
      const target = file ? path.join(path.dirname(name), file) : name;
      await t.notThrowsAsync(fs.access(path.join(root, target)), `${name}: ${link}`);
      if (anchor) t.true(anchors(await read(target)).includes(anchor), `${name}: ${link}`);
    }
});

test('the table of contents has every page, and README.md leads there', t => {
  const linked = page =>
    new Set([...page.matchAll(/\]\(([^)#]+\.md)/g)].map(([, link]) => path.basename(link)));
  const names = [...pages.keys()]
    .filter(name => /^docs\/(?!README)/.test(name))
    .map(name => path.basename(name));
  for (const from of ['docs/README.md', 'README.md'])
    for (const name of names) t.true(linked(pages.get(from)).has(name), `${from}: ${name}`);
});

test('every option that is named exists; those in README.md have the value and default of the help', t => {
  const tables = Object.values(COMMANDS).map(command => command.options);
  const known = new Set(
    tables.flatMap(table => Object.entries(table)).flatMap(([name, { alias }]) => [name, alias]),
  );
  for (const bench of ['pictures']) known.add(bench); // an option of the benchmark
  for (const [name, page] of pages)
    if (name !== 'docs/errors.md')
      for (const [, option] of page.matchAll(/`--([\w-]+)/g))
        t.true(known.has(option) || known.has(option.replaceAll('-', '_')), `${name}: --${option}`);
  const rows = [...pages.get('README.md').matchAll(/^\| `--([\w-]+) ?([^`]*)` \| .* \| ?`?(.*?)`? ?\|$/gm)];
  t.true(rows.length > 8);
  for (const [, name, value, fallback] of rows) {
    const option = COMMANDS.dissect.options[name];
    t.is(value, option.value ? `${option.value}${option.list === true ? '...' : ''}` : '', name);
    t.is(fallback, (name === 'model' ? undefined : help.defaultOf(option)) ?? '', name);
  }
});

/** The declarations that the package publishes: `export interface`, by name, with their members. */
async function interfaces() {
  const found = new Map();
  const files = (await fs.readdir(path.join(root, 'lib'), { recursive: true })).filter(name =>
    name.endsWith('.d.ts'),
  );
  for (const file of files) {
    const code = (await fs.readFile(path.join(root, 'lib', file), 'utf8')).replace(/\/\*\*[\s\S]*?\*\//g, '');
    for (const [, name, parents = '', body] of code.matchAll(
      /^export interface (\w+)(?: extends (.*?))? \{\n([\s\S]*?)^\}/gm,
    )) {
      const picked = [...parents.matchAll(/'(\w+)'/g)].map(([, key]) => key);
      const own = [...body.matchAll(/^ {4}(?:readonly )?(\w+)\??[:(]/gm)].map(([, key]) => key);
      found.set(name, { members: [...picked, ...own], parents: parents.match(/^\w+$/)?.[0] });
    }
  }
  return found;
}

test('docs/api.md names everything that is exported, and every member of it', async t => {
  const page = pages.get('docs/api.md');
  const named = (where, name) => new RegExp(`\`(?:new )?${name}\\b`).test(where);
  for (const name of Object.keys(api)) t.true(named(page, name), name);
  const index = await fs.readFile(path.join(root, 'src/index.ts'), 'utf8');
  const types = [
    ...[...index.matchAll(/\btype (\w+)/g)].map(([, name]) => name),
    ...[...index.matchAll(/export type \{([^}]*)\}/g)].flatMap(([, names]) => names.match(/\w+/g)),
  ];
  t.true(types.length > 25);
  const declared = await interfaces();
  const sections = page.split(/^(?=##+ )/m).slice(1);
  const reportPage = pages.get('docs/report.md');
  for (const type of types) {
    const where = sections.filter(section => named(section, type));
    t.true(where.length > 0, type);
    // the fields of dissect.json have a page of their own
    const text = /Report$/.test(type) ? reportPage : where.join('');
    for (const member of declared.get(type)?.members ?? [])
      t.true(named(text, member) || new RegExp(`[{,] ${member}[ ,]`).test(text), `${type}.${member}`);
  }
});

test('docs/api.md has every error code', async t => {
  const page = pages.get('docs/api.md');
  const codes = new Set();
  for (const folder of ['src', 'binding'])
    for (const file of await fs.readdir(path.join(root, folder), { recursive: true }))
      if (/\.(ts|cc|h)$/.test(file))
        for (const [code] of (await fs.readFile(path.join(root, folder, file), 'utf8')).matchAll(
          /ERR_NETDISSECT_[A-Z]+/g,
        ))
          codes.add(code);
  t.true(codes.size > 10);
  t.deepEqual(
    [...codes].filter(code => !page.includes(`| \`${code}\` |`)),
    [],
  );
  for (const [name, text] of pages)
    for (const [code] of text.matchAll(/ERR_NETDISSECT_[A-Z]+/g)) t.true(codes.has(code), `${name}: ${code}`);
});

test('docs/report.md has every field of dissect.json, and docs/speed.md every line of --profile', async t => {
  const declared = await interfaces();
  const page = pages.get('docs/report.md');
  for (const type of [
    'Report',
    'ReportContext',
    'Provenance',
    'LayerReport',
    'UnitReport',
    'Ranking',
    'LabelReport',
  ])
    for (const member of declared.get(type).members)
      t.regex(page, new RegExp(`^\\| (?:\`\\w+\`, )*\`${member}\``, 'm'), `${type}.${member}`);
  for (const part of [...declared.get('NativeProfile').members, ...declared.get('Profile').members])
    if (part !== 'spilledBytes' && part !== 'total')
      t.true(pages.get('docs/speed.md').includes(`| \`${part}\` |`), part);
});
