#!/usr/bin/env node
/**
 * prebuildify knows only node-gyp's command line: `rebuild --target=... --devdir=... --arch=... --release|--debug`.
 * This takes its place and has cmake-js build instead, into the folder that prebuildify looks in.
 *
 * LIBTORCH must be set (scripts/prebuild.mjs does). What it builds can be moved to another machine: it holds no path of
 * the machine that built it, takes LibTorch from where the package opened it, and runs on older systems (floor.h).
 */
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import path from 'node:path';

const root = path.dirname(import.meta.dirname);
const require = createRequire(path.join(root, 'package.json'));
const args = process.argv.slice(2);
const arch = args.find(arg => arg.startsWith('--arch='))?.slice('--arch='.length);
const libtorch = process.env.LIBTORCH;
if (args[0] !== 'rebuild' || !libtorch) {
  console.error('usage: LIBTORCH=FOLDER cmake-js-as-node-gyp.mjs rebuild [--arch=ARCH] [--debug]');
  process.exit(1);
}

// LibTorch's headers put their own paths into error messages.
const floor = path.join(root, 'binding/loader/floor.h');
const optimised = `-O3 -DNDEBUG -include ${floor} -ffile-prefix-map=${root}=. -ffile-prefix-map=${libtorch}=libtorch`;
const { status } = spawnSync(
  process.execPath,
  [
    require.resolve('cmake-js/bin/cmake-js'),
    'rebuild',
    '--log-level=error',
    `--directory=${root}`,
    `--out=${path.join(process.cwd(), 'build')}`,
    `--config=${args.includes('--debug') ? 'Debug' : 'Release'}`,
    ...(arch ? [`--arch=${arch}`] : []),
    ...(process.env.CMAKE_BUILD_PARALLEL_LEVEL
      ? [`--parallel=${process.env.CMAKE_BUILD_PARALLEL_LEVEL}`]
      : []),
    `--CDLIBTORCH=${libtorch}`,
    `--CDCMAKE_CXX_FLAGS_RELEASE=${optimised}`,
    '--CDCMAKE_SKIP_RPATH=ON',
  ],
  { stdio: 'inherit' },
);
process.exit(status ?? 1);
