/** Shell completion, which is yargs' own: the script, and what it asks for each word. */

import yargs from 'yargs';
import { COMMANDS, type Command } from '../options';
import { yargsOptions } from './arguments';
import { PROGRAM } from './help';

/** yargs knowing every command, for completion alone; it prints by itself. */
export async function runCompletion(args: readonly string[]): Promise<void> {
  const completing = yargs(args)
    .scriptName(PROGRAM)
    .parserConfiguration({ 'boolean-negation': false, 'camel-case-expansion': false })
    .help(false)
    .version(false)
    .exitProcess(false)
    .completion('completion', COMMANDS.completion.describe);
  for (const [name, command] of Object.entries<Command>(COMMANDS)) {
    const options = withChoices(command);
    if (name === 'dissect')
      for (const [key, option] of Object.entries(options))
        completing.option(key, { ...option, global: false });
    else if (name !== 'completion')
      completing.command(name, command.describe, inner => inner.options(options));
  }
  await completing.parseAsync();
}

function withChoices(command: Command): Record<string, yargs.Options> {
  const options = yargsOptions(command);
  for (const [name, { kind }] of Object.entries(command.options)) options[name].choices = kind.choices;
  return options;
}
