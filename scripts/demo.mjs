/**
 * Dissects the small model of `sample/` with the data set beside it: `npm run demo`.
 */
import path from 'node:path';
import { setup } from './setup.mjs';
import { main, root, run } from './tools.mjs';

const LAYERS = ['conv4', 'conv5'];

await main(async () => {
  await setup();
  // biome-ignore format: one option a line
  const args = [
    '--model', 'sample/model.pt',
    '--broden', 'sample/broden',
    '--imgsize', '224',
    '--outdir', 'dissect/sample',
    '--netname', 'sample',
    '--layers', ...LAYERS,
    ...process.argv.slice(2),
  ];
  return run(process.execPath, [path.join(root, 'lib/cli.js'), ...args]);
});
