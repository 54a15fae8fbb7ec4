// docs/command.md against the tables of commands and options.
import fs from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import parsing from '../../lib/commands/arguments.js';
import options from '../../lib/commands/commands.js';
import help from '../../lib/commands/help.js';
import { temporaryFolder, writeFiles } from '../helpers/broden.mjs';

const document = await fs.readFile(path.join(import.meta.dirname, '../../docs/command.md'), 'utf8');
const { COMMANDS } = options;

/** What stands under a heading. */
const section = title => document.split(/^## /m).find(text => text.startsWith(`${title}\n`)) ?? '';

/** The rows of a section's table: `{option, value, fallback}`. */
const rows = title =>
  [...section(title).matchAll(/^\| `--([\w-]+) ?([^`]*)` \| .+ \| ?(.*?) ?\|$/gm)].map(
    ([, option, value, fallback]) => ({ option, value: value.replaceAll('\\|', '|'), fallback }),
  );

test('every option stands in its group, in the order of the help, with its value and its default', t => {
  const table = Object.entries(COMMANDS.dissect.options);
  for (const group of new Set(table.map(([, option]) => option.group)))
    t.deepEqual(
      rows(group),
      table
        .filter(([, option]) => option.group === group)
        .map(([name, option]) => ({
          option: name,
          value: option.value ? `${option.value}${option.list === true ? '...' : ''}` : '',
          fallback: help.defaultOf(option) ?? '',
        })),
      group,
    );
});

test('the other commands stand there, with the options that are theirs alone', t => {
  for (const [name, command] of Object.entries(COMMANDS)) {
    t.true(document.includes(`netdissect-native ${command.usage.replace(' [options]', '')}`), name);
    for (const option of Object.keys(command.options))
      t.true(option in COMMANDS.dissect.options || document.includes(`\`--${option}\``), option);
  }
});

test('the examples can be given as they stand', async t => {
  const [, json] = /```json\n(.*?)```/s.exec(section('A configuration file'));
  const folder = await temporaryFolder(t);
  await writeFiles(folder, { 'experiment.json': json });
  const lines = [...document.matchAll(/^ {4}netdissect-native (--.*(?:layers '|config).*)$/gm)];
  t.is(lines.length, 2);
  for (const [, line] of lines) {
    const words = line.replaceAll("'", '').replace('experiment.json', `${folder}/experiment.json`).split(' ');
    t.is(parsing.parseArguments(words).name, 'dissect', line);
  }
});
