/**
 * From arguments to the values of options: yargs takes the words apart, and the tables in options.ts say what is
 * right. The command line wins over the configuration file, which wins over the defaults.
 */

import path from 'node:path';
import yargs from 'yargs';
import { optionError } from '../base/errors';
import { didYouMean } from '../base/nearest';
import { COMMANDS, type Command, type CommandName, commandNamed, optionNamed } from './commands';
import { PROGRAM } from './help';
import { readJsonObject } from './json';
import type { Option } from './option';

type Values = Record<string, unknown>;

export function parseArguments(args: readonly string[]): { name: CommandName; values: Values } {
  const name = commandNamed(args);
  if (!name) {
    const [word] = args;
    if (/\.(pt|pth|ts|torchscript)$/i.test(word))
      throw optionError(
        `a model is given with --model: ${PROGRAM} --model ${word} --layers LAYER... --broden DIR; ${PROGRAM} layers ${word} lists the layers`,
      );
    throw optionError(`unknown command ${word}${didYouMean(word, otherCommands) || SEE_HELP}`);
  }
  const command: Command = COMMANDS[name];
  const words = checkedWords(name === 'dissect' ? args : args.slice(1), command);
  const argv = yargs(words)
    .help(false)
    .version(false)
    .parserConfiguration(PARSING)
    .options(yargsOptions(command))
    .parseSync();
  const given = fromCommandLine(argv, command);
  const configuration = typeof given.config === 'string' ? fromFile(given.config, command) : {};
  return { name, values: { ...defaults(command), ...configuration, ...given } };
}

const SEE_HELP = `; see ${PROGRAM} --help`;
const otherCommands = Object.keys(COMMANDS).filter(name => name !== 'dissect');

const PARSING = {
  'boolean-negation': false,
  'camel-case-expansion': false,
  'dot-notation': false,
  'duplicate-arguments-array': true,
  'parse-positional-numbers': false,
};

/** What yargs takes for a negative number, and not for an option. */
const NEGATIVE = /^-(\d+(\.\d+)?|\.\d+)$/;

/** A command's options as yargs knows them: texts and flags, since what they may be is checked here. */
function yargsOptions({ options }: Command): Record<string, yargs.Options> {
  return Object.fromEntries(
    Object.entries(options).map(([name, option]) => [
      name,
      { type: option.value ? 'string' : 'boolean', array: option.list !== undefined },
    ]),
  );
}

/** The words with every option as the table spells it; unknown ones are refused. */
function checkedWords(words: readonly string[], { options }: Command): string[] {
  const end = words.includes('--') ? words.indexOf('--') : words.length;
  return words.map((word, i) => {
    if (i >= end || !/^-./s.test(word) || NEGATIVE.test(word)) return word;
    const [, dashes, given, rest] = /^(--?)([^=]*)(.*)$/s.exec(word)!;
    const name = dashes === '--' ? optionNamed(options, given) : undefined;
    if (name === undefined)
      throw optionError(
        `unknown option ${dashes}${given}${didYouMean(given, optionNames(options), '--') || SEE_HELP}`,
      );
    // yargs takes any other word for false
    if (!options[name].value && rest !== '') parsed(options[name], rest.slice(1), `--${name}`);
    return `--${name}${rest}`;
  });
}

function optionNames(options: Command['options']): string[] {
  return Object.entries(options).flatMap(([name, { alias }]) => (alias ? [name, alias] : [name]));
}

function fromCommandLine(argv: Values & { _: (string | number)[] }, command: Command): Values {
  const { argument, options } = command;
  const values: Values = {};
  const [first, ...rest] = argument ? argv._ : [undefined, ...argv._];
  const others = argument?.list ? [] : rest;
  if (argument && first === undefined)
    throw optionError(`expected a ${argument.name}; the usage is ${PROGRAM} ${command.usage}`);
  if (others.length > 0)
    throw optionError(
      `unexpected argument '${others[0]}'; put it in quotes if it belongs to a value${SEE_HELP}`,
    );
  if (argument) values[argument.name] = argument.list ? argv._.map(String) : String(first);
  for (const [name, option] of Object.entries(options)) {
    const given = argv[name];
    if (given === undefined) continue;
    if (!option.list && Array.isArray(given))
      throw optionError(`--${name} is given ${given.length} times; give it once`);
    values[name] = parsed(option, given, `--${name}`);
  }
  return values;
}

/** A value, or a list of them, as the option wants it. */
function parsed(option: Option, given: unknown, name: string): unknown {
  const { kind, list } = option;
  const one = (value: unknown) => {
    const result = kind.parse(String(value));
    if (result === undefined)
      throw optionError(
        `expected ${kind.expected} for ${name} but received ${value === '' ? 'nothing' : value}`,
      );
    return result;
  };
  if (!list) return one(given);
  const values = (given as unknown[]).map(one);
  if (values.length === 0) throw optionError(`expected ${kind.expected} for ${name} but received nothing`);
  if (list !== true && values.length !== list)
    throw optionError(`expected ${list} values for ${name} but received ${values.length}`);
  return values;
}

/** The options of a configuration file; paths in it count from its folder. */
function fromFile(file: string, { options }: Command): Values {
  const { config: _config, help: _help, version: _version, ...allowed } = options;
  const values: Values = {};
  for (const [key, value] of Object.entries(readJsonObject(file, 'given with --config'))) {
    const name = optionNamed(allowed, key);
    if (name === undefined)
      throw optionError(`${file}: unknown option ${key}${didYouMean(key, optionNames(allowed)) || SEE_HELP}`);
    if (name in values) throw optionError(`${file}: ${name} is given twice; give it once`);
    const option = allowed[name];
    const { kind, list } = option;
    if (list && !Array.isArray(value))
      throw optionError(`${file}: expected a list for ${key} but found ${JSON.stringify(value)}`);
    for (const element of list ? (value as unknown[]) : [value])
      if (!(kind.json as string[]).includes(typeof element) || kind.parse(String(element)) === undefined)
        throw optionError(
          `${file}: expected ${kind.expected} for ${key} but found ${JSON.stringify(element)}`,
        );
    const result = parsed(option, value, `${key} in ${file}`);
    const placed = (entry: unknown) => (kind.path ? fromFolder(path.dirname(file), entry as string) : entry);
    values[name] = list ? (result as unknown[]).map(placed) : placed(result);
  }
  return values;
}

function fromFolder(folder: string, name: string): string {
  return path.isAbsolute(name) ? name : path.join(folder, name);
}

function defaults({ options }: Command): Values {
  return Object.fromEntries(
    Object.entries(options)
      .filter(([, option]) => option.default !== undefined)
      .map(([name, option]) => [name, option.kind.parse(option.default!)]),
  );
}
