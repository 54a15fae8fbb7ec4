/**
 * Set-up, lint, the C++ tests (with the sanitizers, too), CUDA kernels where nvcc is, the engine on a GPU's way, then the others:
 * `node scripts/test.mjs [arguments for ava]`. The last line printed is the tally, lint checks included:
 * `N passed, N failed`, with `, N skipped` where any were. Whatever goes wrong (set-up, a crash, a test file
 * without tests, ava itself) counts as failed.
 */
import path from 'node:path';
import { coreTests } from './core-tests.mjs';
import { checkKernels } from './cuda-kernels.mjs';
import { lint } from './lint.mjs';
import { setup } from './setup.mjs';
import { discard, Failure, main, readJson, root, run, temporaryFolder } from './tools.mjs';

/** What went wrong in one test file; a test that never ended is among `remainingTests`. */
function failuresIn(file) {
  const failures =
    file.failedTests +
    file.failedHooks +
    file.remainingTests +
    file.internalErrors +
    file.uncaughtExceptions +
    file.unhandledRejections;
  return failures === 0 && file.declaredTests === 0 ? 1 : failures;
}

function tally(stats, status) {
  const passed = (stats?.passedTests ?? 0) + (stats?.passedKnownFailingTests ?? 0);
  const skipped = (stats?.skippedTests ?? 0) + (stats?.todoTests ?? 0);
  const failed = Object.values(stats?.byFile ?? {}).reduce((sum, file) => sum + failuresIn(file), 0);
  if (!stats) console.log(`✖ ava ended with status ${status} before it was through`);
  else if (passed + failed + skipped === 0) console.log('✖ no test ran');
  else if (status !== 0 && failed === 0) console.log(`✖ ava ended with status ${status}`);
  else return { passed, failed, skipped };
  return { passed, failed: failed + 1, skipped };
}

async function runAva(args, env = {}) {
  const folder = temporaryFolder('tally');
  const file = path.join(folder, 'tally.json');
  const program = path.join(root, 'node_modules/ava/entrypoints/cli.mjs');
  const status = await run(process.execPath, [program, ...args], {
    // Two test files at once: threads that spin while they wait would hold up the others'.
    env: { OMP_WAIT_POLICY: 'passive', ...process.env, ...env, NETDISSECT_TEST_TALLY: file },
  });
  const stats = readJson(file);
  discard(folder);
  return tally(stats, status);
}

/** The engine's tests against the plain reference once more, on the way that a GPU takes. */
function gpuPathAgainstReference() {
  const about = ['*: equal to the reference*', 'an activation of *'].map(title => `--match=${title}`);
  return runAva(['test/run/dissection.test.mjs', ...about], {
    NETDISSECT_GPU_PATH: '1000,1000000000,3000,1000000',
  });
}

await main(async () => {
  const total = { passed: 0, failed: 0, skipped: 0 };
  const add = ({ passed, failed, skipped = 0 }) => {
    total.passed += passed;
    total.failed += failed;
    total.skipped += skipped;
  };
  try {
    await setup();
    add(await lint());
    if (process.argv.length === 2) {
      for (const sanitize of [undefined, 'address', 'thread']) add(await coreTests({ sanitize }));
      add(await checkKernels());
      add(await gpuPathAgainstReference());
    }
    add(await runAva(process.argv.slice(2)));
  } catch (error) {
    console.log(error instanceof Failure ? error.message : error.stack);
    total.failed++;
  }
  const { passed, failed, skipped } = total;
  console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
  return failed === 0 ? 0 : 1;
});
