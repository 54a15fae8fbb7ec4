/** Sets a clone up and dissects the small model of `sample/`: `npm run demo`. */
import path from 'node:path';
import { setup } from './setup.mjs';
import { main, root, run } from './tools.mjs';

await main(async () => {
  await setup();
  return run(process.execPath, [path.join(root, 'lib/cli.js'), 'demo', ...process.argv.slice(2)]);
});
