/** `netdissect-native demo`: dissects the small model and data set that the package comes with. */

import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { root } from '../native/libtorch';
import { parseArguments } from './arguments';
import { runDissect } from './dissect';
import type { DemoValues } from './install-options';
import type { Terminal } from './interrupt';
import type { DissectValues } from './options';

export async function runDemo(values: DemoValues, terminal: Terminal): Promise<void> {
  const sample = (name: string) => path.join(root, 'sample', name);
  const { values: defaults } = parseArguments([
    ...['--model', sample('model.pt'), '--layers', 'conv4', 'conv5', '--netname', 'sample'],
    ...['--broden', sample('broden'), '--imgsize', '224'],
  ]);
  await runDissect({ ...(defaults as DissectValues), ...values }, terminal);
  const { stdout } = terminal;
  if (stdout.isTTY && !values.quiet)
    stdout.write(
      `open ${pathToFileURL(path.join(path.resolve(values.outdir), 'index.html'))} in a browser\n`,
    );
}
