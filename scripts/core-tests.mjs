/**
 * Builds and runs the C++ tests of what needs neither Node nor LibTorch: `node scripts/core-tests.mjs [options]`.
 *
 *   --sanitize address    with AddressSanitizer and UndefinedBehaviorSanitizer
 *   --sanitize thread     with ThreadSanitizer, what has threads
 *   --arm64               compiled for arm64, and run by an emulator (Debian, which has both)
 *   ...                   what else there is goes to the test program, such as --test-case='*labels*'
 *
 * A sanitizer is shown faults on purpose as well (test/core/planted), each of which it has to find.
 */
import fs from 'node:fs';
import path from 'node:path';
import { prepared } from './cuda-libtorch.mjs';
import { aptInstall, canUseApt } from './libtorch.mjs';
import { jobs } from './setup.mjs';
import { capture, Failure, isScript, main, root, which } from './tools.mjs';

/** What the compiler calls them, which tests they watch where none are named, and what they say of planted faults. */
export const SANITIZERS = {
  address: {
    flags: 'address,undefined',
    args: [],
    finds: {
      overflow: 'heap-buffer-overflow',
      freed: 'heap-use-after-free',
      signed: 'signed integer overflow',
      leak: 'detected memory leaks',
    },
  },
  thread: { flags: 'thread', args: ['--source-file=*run.cc'], finds: { race: 'data race' } },
};

/** What compiles for arm64, and runs it. */
const ARM64 = {
  packages: ['g++-aarch64-linux-gnu', 'qemu-user-static'],
  configure: ['SYSTEM_NAME=Linux', 'SYSTEM_PROCESSOR=aarch64', 'CXX_COMPILER=aarch64-linux-gnu-g++'],
  emulator: ['qemu-aarch64-static', '-L', '/usr/aarch64-linux-gnu'],
};

async function haveArm64() {
  const present = () => which('aarch64-linux-gnu-g++') && which(ARM64.emulator[0]);
  if (!present() && canUseApt()) {
    console.log(`core: installing ${ARM64.packages.join(' and ')} with apt-get`);
    await aptInstall(ARM64.packages);
  }
  return present();
}

/** Whether doctest's header is there; on Debian it is installed where that can be done. */
async function haveDoctest() {
  const present = () =>
    [
      '/usr/include',
      '/usr/local/include',
      '/opt/homebrew/include',
      ...(process.env.CPATH ?? '').split(':'),
    ].some(folder => folder && fs.existsSync(path.join(folder, 'doctest/doctest.h')));
  if (present()) return true;
  if (!canUseApt()) return false;
  console.log('core: installing doctest-dev with apt-get');
  await aptInstall(['doctest-dev']);
  return present();
}

/**
 * @returns how many test cases `{passed, failed, skipped}`
 * @throws {Failure} where they do not compile
 */
export async function coreTests({ sanitize, arm64 = false, args = [] } = {}) {
  if (!(await haveDoctest())) {
    console.log('- core: skipped, since doctest is not there (Debian: apt-get install doctest-dev)');
    return { passed: 0, failed: 0, skipped: 1 };
  }
  if (arm64 && sanitize) throw new Failure('--arm64 and --sanitize are for runs of their own.');
  if (arm64 && !(await haveArm64()))
    throw new Failure(
      `There is no compiler for arm64, or no emulator (Debian: ${ARM64.packages.join(', ')}).`,
    );
  const kind = sanitize ?? (arm64 ? 'arm64' : undefined);
  const folder = path.join(root, 'build', `core${kind ? `-${kind}` : ''}`);
  const configure = ['-S', path.join(root, 'test/core'), '-B', folder, '--log-level=WARNING'];
  if (which('ninja')) configure.push('-G', 'Ninja');
  if (sanitize) configure.push(`-DSANITIZE=${SANITIZERS[sanitize].flags}`);
  if (arm64) {
    // doctest's header alone, of those that are this machine's
    const include = path.join(folder, 'include');
    fs.rmSync(include, { recursive: true, force: true });
    fs.cpSync('/usr/include/doctest', path.join(include, 'doctest'), { recursive: true });
    configure.push(...ARM64.configure.map(setting => `-DCMAKE_${setting}`), `-DDOCTEST=${include}`);
  }
  const build = ['--build', folder, '--parallel', String(jobs())];
  for (const step of [configure, build]) {
    const { status, stdout, stderr } = await capture('cmake', step);
    if (status !== 0) throw new Failure(`${stdout}${stderr}\nThe C++ tests do not build; see above.`);
  }
  const program = [...(arm64 ? ARM64.emulator : []), path.join(folder, 'core_tests')];
  const counts = await runTests(program, kind, args);
  if (sanitize && args.length === 0) {
    const found = await plantedFaults(path.join(folder, 'core_planted'), sanitize);
    counts.passed += found.passed;
    counts.failed += found.failed;
  }
  return counts;
}

async function runTests([program, ...before], kind, args) {
  const some = args.length ? args : (SANITIZERS[kind]?.args ?? []);
  const cuda = prepared();
  const beside = cuda && { NETDISSECT_NVRTC: path.join(cuda.libtorch, '../nvidia/cu13/lib') };
  const env = { ...beside, ...process.env };
  const { status, stdout, stderr } = await capture(program, [...before, ...some], { env });
  const [, passed, failed, skipped] =
    /test cases: +\d+ \| +(\d+) passed \| +(\d+) failed \| +(\d+) skipped/.exec(stdout) ?? [];
  const counts = {
    passed: Number(passed ?? 0),
    failed: Number(failed ?? 0),
    skipped: some.length ? 0 : Number(skipped ?? 0),
  };
  if (status !== 0 && counts.failed === 0) counts.failed = 1; // it crashed, or a sanitizer ended it
  if (status === 0 && counts.passed === 0) counts.failed = 1; // nothing is of that name
  console.log(
    `${status === 0 ? '✔' : '✖'} core${kind ? ` (${kind})` : ''}: ${counts.passed} test cases${counts.skipped ? `, ${counts.skipped} skipped (no libnvrtc)` : ''}`,
  );
  if (status !== 0) console.log(`${stdout}${stderr}`);
  return counts;
}

/** Whether the sanitizer ends the program for each fault that is planted in it, and says which. */
async function plantedFaults(program, sanitize) {
  const counts = { passed: 0, failed: 0 };
  for (const [fault, words] of Object.entries(SANITIZERS[sanitize].finds)) {
    const { status, stderr } = await capture(program, [fault]);
    const found = status !== 0 && stderr.includes(words);
    counts[found ? 'passed' : 'failed']++;
    console.log(`${found ? '✔' : '✖'} core (${sanitize}): finds a planted fault, ${words}`);
    if (!found) console.log(`status ${status}\n${stderr}`);
  }
  return counts;
}

if (isScript(import.meta.filename)) {
  await main(async () => {
    const args = process.argv.slice(2);
    const at = args.indexOf('--sanitize');
    const [, sanitize] = at < 0 ? [] : args.splice(at, 2);
    if (at >= 0 && !SANITIZERS[sanitize])
      throw new Failure(
        `--sanitize takes one of ${Object.keys(SANITIZERS).join(', ')}, not ${sanitize ?? 'nothing'}.`,
      );
    const arm = args.indexOf('--arm64');
    if (arm >= 0) args.splice(arm, 1);
    const { passed, failed, skipped } = await coreTests({ sanitize, arm64: arm >= 0, args });
    console.log(`${passed} passed, ${failed} failed${skipped ? `, ${skipped} skipped` : ''}`);
    return failed === 0 ? 0 : 1;
  });
}
