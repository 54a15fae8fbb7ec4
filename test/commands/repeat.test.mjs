// The command that repeats a run, as a report says it.
import fs from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import lines from '../../lib/base/command-line.js';
import cli from '../../lib/cli.js';

import parsing from '../../lib/commands/arguments.js';
import repeat from '../../lib/commands/repeat.js';
import { modelFixture } from '../fixtures/models.mjs';
import { temporaryFolder, writeBroden } from '../helpers/broden.mjs';

const values = line => parsing.parseArguments(line.split(' ')).values;
const said = parts => lines.commandLine('netdissect-native', parts);
const GIVEN = '--model m.pt --layers a b:c --broden data --imgsize 64,32 --quantile 0.01';

test('it has the options that decide what the report says, and not how it was made', t => {
  const how =
    '--outdir out --threads 1 --memory 9 --num_workers 3 --store kept --shard 1/2 --quiet --batch_size 4';
  const parts = repeat.dissectCommand(values(`${GIVEN} ${how} --strips --decoys 10`));
  t.is(
    said(parts),
    'netdissect-native --model m.pt --layers a b:c --broden data --imgsize 64,32 --quantile 0.01 --strips',
  );
  t.deepEqual(
    repeat.dissectCommand(values(said(parts).replace('netdissect-native ', ''))),
    parts,
    'given again it is the same',
  );
});

test('memory stands there where it decides which levels are estimates', t => {
  t.regex(
    said(repeat.dissectCommand(values(`${GIVEN} --approximate --memory 9`))),
    / --approximate --memory 9$/,
  );
});

test('of an analysis it is the dissection with what was chosen then', t => {
  const observed = repeat.dissectCommand(values(`${GIVEN} --decoys 3 --iou-threshold 0.1`));
  const analysed = line => said(repeat.analysedCommand(observed, values(`analyse kept${line}`)));
  t.is(
    analysed(' --broden elsewhere --imgsize 64,32 --quantile 0.005 --formulas 2'),
    'netdissect-native --model m.pt --layers a b:c --broden data --imgsize 64,32 --formulas 2',
  );
  t.regex(analysed(''), /--quantile 0\.01 --no-images$/);
  t.is(repeat.analysedCommand(undefined, values('analyse kept')), undefined);
});

test('words that a shell would take apart are quoted', t => {
  t.is(
    said({ model: "it's mine.pt", layers: ['layer*'], strips: true }),
    `netdissect-native --model 'it'\\''s mine.pt' --layers 'layer*' --strips`,
  );
});

test('what was kept and analysed says the same, byte for byte, as the dissection that it names', async t => {
  const folder = await temporaryFolder(t);
  const at = name => path.join(folder, name);
  await writeBroden(at('data'), [
    'a.png,train,8,8,4,4,a_color.png,a_object.png,6',
    'b.png,train,8,8,4,4,2,,',
  ]);
  const quiet = { write: () => true };
  const run = async line =>
    t.is(await cli.main(line.split(' '), { stdout: quiet, stderr: process.stderr }), 0, line);
  const model = modelFixture('in_place').files.scripted;
  const base = `--model ${model} --layers plain --broden ${at('data')} --imgsize 8 --bootstrap 50 --quiet`;
  await run(`${base} --store ${at('store')} --outdir ${at('kept')} --no-cuda`);
  await run(`analyse ${at('store')} --outdir ${at('analysed')} --bootstrap 50 --iou-threshold 0.1 --quiet`);
  await run(`${base} --outdir ${at('plain')} --no-cuda --no-images --iou-threshold 0.1`);
  for (const name of [
    'dissect.json',
    'dissect.csv',
    'index.html',
    'plain/dissect.json',
    'plain/bargraph.svg',
  ])
    t.is(
      await fs.readFile(at(`analysed/${name}`), 'utf8'),
      await fs.readFile(at(`plain/${name}`), 'utf8'),
      name,
    );
  const { provenance, top_images } = JSON.parse(await fs.readFile(at('analysed/dissect.json'), 'utf8'));
  t.is(
    provenance.command,
    `netdissect-native --model ${model} --layers plain --broden ${at('data')} --imgsize 8 --iou-threshold 0.1 --bootstrap 50 --no-images --no-cuda`,
  );
  t.deepEqual(
    top_images.map(({ file }) => file),
    ['images/a.png', 'images/b.png'],
  );
});
