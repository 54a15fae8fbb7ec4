// Bad input: the table in docs/errors.md, line by line.
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs/promises';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import test from 'ava';
import options from '../../lib/commands/commands.js';
import { modelFile, modelFixture } from '../fixtures/models.mjs';
import { ROW_A, ROW_B, temporaryFolder, writeBroden, writeFiles, writeLabelMap } from '../helpers/broden.mjs';

const root = path.join(import.meta.dirname, '../..');
const BASE = '--model model.pt --layers plain --broden data --imgsize 8 --outdir out';

/** The lines of the tables: a command line and its sentence. */
async function rows() {
  const document = await fs.readFile(path.join(root, 'docs/errors.md'), 'utf8');
  return [...document.matchAll(/^\| `([^`]+)` \| (.*) \|$/gm)].map(([, given, sentence]) => ({
    given,
    sentence,
  }));
}

/** A command line as arguments; after `…` its options take the place of those in BASE. */
function argumentsOf(given) {
  if (!given.startsWith('… ')) return given.split(' ');
  const words = given.slice(2).split(' ');
  const kept = BASE.match(/--\w+ \S+/g).filter(option => !words.includes(option.split(' ')[0]));
  return [...kept.join(' ').split(' '), ...words];
}

/** What the lines speak of. */
async function writeInputs(folder) {
  const copy = (from, to) => fs.copyFile(from, path.join(folder, to));
  await copy(modelFixture('in_place').files.scripted, 'model.pt');
  await copy(modelFixture('unused').files.scripted, 'unused.pt');
  await copy(modelFixture('fixed_size').files.scripted, 'fixed.pt');
  await copy(modelFixture('branches').files.scripted, 'branches.pt');
  await copy(modelFile('truncated.pt'), 'cut.pt');
  await copy(modelFile('resnet_weights.pth'), 'weights.pth');
  await copy(modelFile('legacy.pth'), 'legacy.pth');
  await copy(modelFile('frozen.pt'), 'frozen.pt');
  await writeFiles(folder, {
    'text.pt': 'This is no model.\n',
    file: '',
    'empty/readme.txt': '',
    'folder.csv/readme.txt': '',
    'masks/images/a.jpg': '',
    'masks/masks/a.png': '',
    'masks/names.txt': 'cat\n',
    'foreign/plain/notes.txt': 'mine',
    'notes/dissect.json': '{}',
    'labels.csv': 'image,label\na.jpg,cat\n',
    'piped.csv': 'image,label\npipe,cat\n',
    'good.json': '{"epoch": 3}',
    'broken.json': '{"size": ',
    'list.json': '[1, 2]',
    'unknown.json': '{"layer": ["plain"]}',
    'type.json': '{"size": "10"}',
    'range.json': '{"quantile": 2}',
    'scalar.json': '{"layers": "plain"}',
    'twice.json': '{"batch_size": 1, "batch-size": 2}',
    'itself.json': '{"config": "itself.json"}',
  });
  for (const name of ['data', 'missing-map', 'damaged-image', 'wrong-size', 'folder-for-file'])
    await writeBroden(path.join(folder, name), [ROW_A, ROW_B]);
  await fs.symlink('loop', path.join(folder, 'loop'));
  await fs.symlink('b.jpg', path.join(folder, 'masks/images/b.jpg'));
  await fs.symlink('/dev/null', path.join(folder, 'device'));
  execFileSync('mkfifo', ['pipe', 'labels-pipe.csv'], { cwd: folder });
  await fs.rm(path.join(folder, 'folder-for-file/category.csv'));
  await fs.mkdir(path.join(folder, 'folder-for-file/category.csv'));
  await fs.rm(path.join(folder, 'missing-map/images/a_color.png'));
  await writeFiles(folder, { 'damaged-image/images/b.png': 'no image' });
  await writeLabelMap(path.join(folder, 'wrong-size/images/a_color.png'), 5, 5, Array(25).fill(1));
}

test('every line of the table gets its sentence, exit code 1, and nothing is written', async t => {
  const folder = await temporaryFolder(t);
  await writeInputs(folder);
  const table = await rows();
  t.true(table.length > 70);
  const child = spawn(process.execPath, [path.join(root, 'test/helpers/commands.mjs'), folder], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  child.stdin.end(JSON.stringify([BASE.split(' '), ...table.map(({ given }) => argumentsOf(given))]));
  const [base, ...results] = JSON.parse(await text(child.stdout));
  t.deepEqual([base.code, base.stderr], [0, ''], 'what the lines change runs by itself');
  for (const [i, { given, sentence }] of table.entries()) {
    const { code, stdout, stderr, changed } = results[i];
    const pattern = sentence.split('…').map(part => part.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'));
    t.regex(stderr, new RegExp(`^netdissect-native: ${pattern.join('[^\\n]+')}\\n$`), given);
    t.deepEqual({ code, stdout, changed }, { code: 1, stdout: '', changed: false }, given);
  }
});

test('every option that takes a number or one of several words has a line', async t => {
  const given = (await rows()).map(row => row.given).join(' ');
  for (const [name, { kind, value }] of Object.entries(options.COMMANDS.dissect.options))
    if (value && kind.parse('some words') === undefined) t.true(given.includes(`--${name} `), name);
});
