/** Shell completion: the script is yargs', and what it asks for is answered from the tables. */

import { COMMANDS, type Command, type CommandName, commandNamed, optionNamed } from './commands';

/** How the script asks: with this and the words so far, the program's name first and the one being written last. */
export const COMPLETION_REQUEST = '--get-yargs-completions';

/**
 * What the last of the words can become, each with its description; nothing where that is for the shell to say
 * (files).
 */
export function completions([, ...words]: readonly string[]): { word: string; describe: string }[] {
  const current = words[words.length - 1] ?? '';
  const command: Command = COMMANDS[commandNamed(words) ?? 'dissect'];
  const previous = words[words.length - 2] ?? '';
  const option = previous.startsWith('--') ? optionNamed(command.options, previous.slice(2)) : undefined;
  if (option && command.options[option].value && !current.startsWith('-'))
    return (command.options[option].kind.choices ?? []).map(word => ({ word, describe: '' }));
  if (current.startsWith('-'))
    return Object.entries(command.options).map(([name, { describe }]) => ({ word: `--${name}`, describe }));
  if (words.length > 1) return [];
  return (Object.keys(COMMANDS) as CommandName[])
    .filter(name => name !== 'dissect')
    .map(word => ({ word, describe: COMMANDS[word].describe }));
}

/** One completion a line, as the shell's script reads them. */
export function formatCompletions(words: readonly string[], shell = process.env.SHELL ?? ''): string {
  return completions(words)
    .map(({ word, describe }) => `${shell.includes('zsh') && describe ? `${word}:${describe}` : word}\n`)
    .join('');
}

/** Prints the script for the shell that the variable SHELL names: bash, or zsh. */
export function printCompletionScript(program: string): void {
  const yargs = require('yargs') as (args: string[]) => import('yargs').Argv;
  yargs([]).scriptName(program).showCompletionScript();
}
