/** The help, from the tables of commands and options. */

import { COMMANDS, type Command, type CommandName } from './commands';
import type { Option } from './option';

export const PROGRAM = 'netdissect-native';

/** Each with what it means. */
const EXIT_CODES = [
  ['0', 'the report, or what else was asked for, is written'],
  ['1', 'an error: one sentence on standard error, nothing written'],
  ['2', 'compare --fail-on-lost: the comparison is written, and a concept is lost'],
  ['130', 'stopped by Ctrl-C or another signal, nothing written'],
];

export function helpText(name: CommandName, width: number): string {
  const command: Command = COMMANDS[name];
  const sections = [`${PROGRAM} ${command.usage}`, wrap(command.describe, width, 0)];
  if (name === 'dissect') sections.push(section('Commands', commands(), width));
  if (command.argument)
    sections.push(
      section('Arguments', [[command.argument.name.toUpperCase(), command.argument.describe]], width),
    );
  const options = Object.entries(command.options);
  for (const group of new Set(options.map(([, option]) => option.group)))
    sections.push(
      section(
        group,
        options.filter(([, option]) => option.group === group).map(([key, option]) => optionRow(key, option)),
        width,
      ),
    );
  const { example } = command;
  sections.push(`Example:\n  ${PROGRAM} ${example.command}\n${wrap(example.describe, width, 4)}`);
  sections.push(section('Exit codes', EXIT_CODES, width));
  return sections.join('\n\n');
}

function commands(): string[][] {
  return Object.values<Command>(COMMANDS)
    .filter(command => command !== COMMANDS.dissect)
    .map(command => [command.usage.replace(' [options]', ''), command.describe]);
}

function optionRow(name: string, option: Option): string[] {
  const value = option.value ? ` ${option.value}${option.list === true ? '...' : ''}` : '';
  const standard = defaultOf(option);
  return [
    `--${name}${value}`,
    `${option.describe}${option.alias ? `; --${option.alias} means the same` : ''}${standard ? ` (default: ${standard})` : ''}`,
  ];
}

/** What holds where the option is not given; undefined for flags and where there is nothing. */
export function defaultOf({ value, default: standard, otherwise }: Option): string | undefined {
  return value ? (otherwise ?? standard) : undefined;
}

function section(title: string, rows: string[][], width: number): string {
  const column = Math.min(30, 4 + Math.max(...rows.map(([left]) => left.length)));
  const lines = rows.map(([left, right]) => {
    const text = wrap(right, width, column);
    return left.length + 4 > column ? `  ${left}\n${text}` : `  ${left}`.padEnd(column) + text.slice(column);
  });
  return `${title}:\n${lines.join('\n')}`;
}

/** Lines of at most `width`, each indented. */
function wrap(text: string, width: number, indent: number): string {
  const lines = [''];
  for (const word of text.split(' ')) {
    const last = lines[lines.length - 1];
    if (last !== '' && indent + last.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = last === '' ? word : `${last} ${word}`;
  }
  return lines.map(line => ' '.repeat(indent) + line).join('\n');
}
