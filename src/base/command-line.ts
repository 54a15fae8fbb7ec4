/** A command line that is written down, to be given again. */

/** The options of a command by name, in order: texts, several, or `true` for a flag. */
export type CommandParts = Readonly<Record<string, string | readonly string[] | true>>;

/** `netdissect-native --model 'my model.pt' --strips`, for a shell. */
export function commandLine(program: string, parts: CommandParts): string {
  const words = Object.entries(parts).flatMap(([name, value]) => [
    `--${name}`,
    ...(value === true ? [] : [value].flat()).map(quoted),
  ]);
  return [program, ...words].join(' ');
}

function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

export function isCommand(value: unknown): value is CommandParts {
  const texts = (values: unknown[]) => values.every(value => typeof value === 'string');
  return (
    typeof value === 'object' &&
    value !== null &&
    Object.values(value).every(part => part === true || texts([part].flat()))
  );
}
