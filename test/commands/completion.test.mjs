// What the shell offers to complete.
import { spawn } from 'node:child_process';
import fs from 'node:fs/promises';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import test from 'ava';
import options from '../../lib/commands/commands.js';
import completion from '../../lib/commands/completion.js';
import { temporaryFolder } from '../helpers/broden.mjs';

const program = path.join(import.meta.dirname, '../../lib/cli.js');
const { COMMANDS } = options;
const words = line => completion.completions(`netdissect-native ${line}`.split(' ')).map(({ word }) => word);
const optionsOf = name => Object.keys(COMMANDS[name].options).map(option => `--${option}`);

test('the first word can be a command', t => {
  t.deepEqual(words(''), [
    'demo',
    'layers',
    'validate',
    'stats',
    'analyse',
    'report',
    'compare',
    'doctor',
    'setup',
    'completion',
  ]);
  t.deepEqual(words('la'), words(''), 'the shell chooses those that fit');
});

test('every option of a command is offered', t => {
  t.deepEqual(words('--'), optionsOf('dissect'));
  t.deepEqual(words('--quiet --lay'), optionsOf('dissect'));
  t.deepEqual(words('layers m.pt --'), optionsOf('layers'));
});

test("an option's choices are offered", t => {
  t.deepEqual(words('--split '), ['train', 'val', 'all']);
  t.deepEqual(words('--batch_size 3 --values c'), ['final', 'call']);
});

test('files are left to the shell', t => {
  t.deepEqual(words('--model '), []);
  t.deepEqual(words('layers '), []);
  t.deepEqual(words('--layers la'), []);
});

test('zsh gets descriptions', t => {
  const lines = completion.formatCompletions(['netdissect-native', 'layers', '--'], '/bin/zsh').split('\n');
  t.true(lines.includes('--help:print this help'));
});

const output = async (command, args, env) => {
  const child = spawn(command, args, {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return text(child.stdout);
};

test("bash completes by the command's script", async t => {
  const folder = await temporaryFolder(t);
  const script = await output(process.execPath, [program, 'completion'], { SHELL: '/bin/bash' });
  await fs.writeFile(path.join(folder, 'completion.sh'), script);
  await fs.writeFile(
    path.join(folder, 'netdissect-native'),
    `#!/bin/sh\nexec '${process.execPath}' '${program}' "$@"\n`,
    { mode: 0o755 },
  );
  const completed = await output(
    'bash',
    [
      '-c',
      `. '${folder}/completion.sh'; COMP_WORDS=(netdissect-native --no); COMP_CWORD=1
       $(complete -p netdissect-native | sed 's/.*-F \\([^ ]*\\).*/\\1/'); printf '%s\\n' "\${COMPREPLY[@]}"`,
    ],
    { PATH: `${folder}:${process.env.PATH}`, SHELL: '/bin/bash' },
  );
  t.deepEqual(completed.trim().split('\n').sort(), [
    '--no-cuda',
    '--no-images',
    '--no-labels',
    '--no-report',
    '--normalize',
  ]);
});

test("zsh gets zsh's script", async t => {
  const script = await output(process.execPath, [program, 'completion'], { SHELL: '/bin/zsh' });
  t.regex(
    script,
    /^#compdef netdissect-native\n[\s\S]*compdef _netdissect-native_yargs_completions netdissect-native\n/,
  );
});
