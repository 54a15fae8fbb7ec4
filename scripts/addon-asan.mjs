/**
 * The addon under AddressSanitizer, for every night: `node scripts/addon-asan.mjs [arguments for ava]`. Builds it into a
 * folder of its own (minutes the first time) and runs the tests of the engine and of whole runs, or those that are named.
 * Leaks are not looked for: Node itself leaves at its end what it holds.
 */
import fs from 'node:fs';
import path from 'node:path';
import { cmakeJs, setup } from './setup.mjs';
import { capture, Failure, main, root, run, say } from './tools.mjs';

/** As node-gyp-build looks for it: with the addon in build/Release. */
const FOLDER = path.join(root, 'build/asan');
/** But for how much memory is taken, which the sanitizer changes. */
const TESTS = [
  ...['test/native/**', 'test/run/**', '!test/run/large-maps.test.mjs', 'test/model/**'],
  'test/dataset/images/resample.test.mjs',
];

/** What is linked first, since Node is not built with the sanitizer. */
async function runtime() {
  const compiler = process.env.CXX || 'g++';
  const { status, stdout } = await capture(compiler, ['-print-file-name=libasan.so']);
  const file = stdout.trim();
  if (status !== 0 || !path.isAbsolute(file))
    throw new Failure(`${compiler} has no AddressSanitizer (libasan.so); use g++ on Linux.`);
  return fs.realpathSync(file);
}

await main(async () => {
  const preload = await runtime();
  const libtorch = await setup();
  say('building the addon with AddressSanitizer');
  const out = path.join(FOLDER, 'build');
  if (!(await cmakeJs('build', 'Release', libtorch, ['--out', out, '--CDSANITIZE=address'])))
    throw new Failure('The addon did not compile with AddressSanitizer; see above.');
  const env = {
    ...process.env,
    NETDISSECT_NATIVE_PREBUILD: FOLDER,
    LD_PRELOAD: preload,
    ASAN_OPTIONS: 'detect_leaks=0:quarantine_size_mb=16',
  };
  const named = process.argv.slice(2);
  const ava = path.join(root, 'node_modules/ava/entrypoints/cli.mjs');
  return run(process.execPath, [ava, '--timeout=20m', ...(named.length ? named : TESTS)], { env });
});
