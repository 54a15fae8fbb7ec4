// The help of each command.
import test from 'ava';
import parsing from '../../lib/commands/arguments.js';
import options from '../../lib/commands/commands.js';
import help from '../../lib/commands/help.js';

const { COMMANDS } = options;

for (const [name, { options: table, example }] of Object.entries(COMMANDS)) {
  test(`${name}: every option stands in its group, with its default`, t => {
    const sections = help.helpText(name, 200).split('\n\n');
    for (const [option, { group, default: standard, otherwise, value }] of Object.entries(table)) {
      const section = sections.find(text => text.startsWith(`${group}:\n`));
      const line = section
        .split(/\n(?= {2}-)/)
        .find(text => new RegExp(`^ *--${option}( |$)`, 'm').test(text));
      t.truthy(line, option);
      if (value && (otherwise ?? standard))
        t.true(line.includes(`(default: ${otherwise ?? standard})`), option);
    }
  });

  test(`${name}: no line is wider than the terminal`, t => {
    for (const width of [60, 80, 110])
      for (const line of help.helpText(name, width).split('\n'))
        t.true(line.length <= Math.max(width, example.command.length + 20), line);
  });

  test(`${name}: the example can be given as it stands`, t => {
    t.true(help.helpText(name, 80).includes(`Example:\n  netdissect-native ${example.command}\n`));
    const words = example.command.split(/ >> .*| /).filter(Boolean);
    t.is(parsing.parseArguments(words).name, name);
  });
}

test('the help says what the exit codes mean', t => {
  t.regex(
    help.helpText('dissect', 110),
    /Exit codes:\n {2}0 .*written\n {2}1 .*error.*\n {2}2 .*lost\n {2}130 .*Ctrl-C/,
  );
});
