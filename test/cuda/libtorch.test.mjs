// The same addon with a CUDA build of LibTorch, on a machine without a GPU: it runs on the processor and says why. Skipped where `npm run setup:cuda` has not prepared it.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { prepared } from '../../scripts/cuda-libtorch.mjs';
import { which } from '../../scripts/tools.mjs';
import { temporaryFolder } from '../helpers/broden.mjs';
import { runCommand, SAMPLE } from '../helpers/run-command.mjs';

const cuda = prepared();
const hasDriver = ['/usr/lib/x86_64-linux-gnu', '/usr/lib64', '/usr/lib'].some(folder =>
  fs.existsSync(path.join(folder, 'libcuda.so.1')),
);
const withCuda = cuda && !hasDriver ? test : test.skip;
const withCompiler = cuda && !hasDriver && which('gcc') ? test : test.skip;

const env = { LIBTORCH: cuda?.libtorch };

function describe(more = {}) {
  const program = `
    const start = performance.now();
    const { native } = require('./lib/native/native.js');
    const described = native().describe();
    console.log(JSON.stringify({ ...described, ms: performance.now() - start, mib: process.memoryUsage().rss / 2 ** 20,
      libraries: require('node:fs').readFileSync('/proc/self/maps', 'utf8').match(/libtorch_cuda|libtorch_cpu|libc10_cuda/g) }));`;
  return JSON.parse(
    execFileSync(process.execPath, ['-e', program], {
      cwd: path.join(import.meta.dirname, '../..'),
      env: { ...process.env, ...env, ...more },
      encoding: 'utf8',
    }),
  );
}

/** A driver that starts, or does not, and has no device. */
async function stubDriver(t, result, devices) {
  const folder = await temporaryFolder(t);
  const names =
    'cuDeviceGet cuDeviceGetName cuDeviceGetAttribute cuDevicePrimaryCtxRetain cuDevicePrimaryCtxRelease_v2 cuCtxPushCurrent_v2 cuCtxPopCurrent_v2 cuModuleLoadData cuModuleUnload cuModuleGetFunction cuLaunchKernel cuStreamCreate cuStreamDestroy_v2 cuStreamSynchronize cuMemGetInfo_v2 cuMemAlloc_v2 cuMemFree_v2 cuMemHostAlloc cuMemFreeHost cuMemcpyHtoDAsync_v2 cuMemcpyDtoHAsync_v2';
  const source = `
    int cuInit(unsigned flags) { return ${result}; }
    int cuDeviceGetCount(int *count) { *count = ${devices}; return ${result}; }
    int cuGetErrorName(int error, const char **name) { *name = "CUDA_ERROR_NO_DEVICE"; return 0; }
    int cuGetErrorString(int error, const char **text) { *text = "no CUDA-capable device is detected"; return 0; }
    ${names
      .split(' ')
      .map(name => `int ${name}(void) { return 100; }`)
      .join('\n')}`;
  const file = path.join(folder, 'driver.c');
  fs.writeFileSync(file, source);
  execFileSync('gcc', ['-shared', '-fPIC', '-o', path.join(folder, 'libcuda.so.1'), file]);
  return folder;
}

withCuda('it loads, without the libraries for CUDA, and says that there is no driver', t => {
  const { libtorch, cuda: works, whyNoCuda, libraries, ms, mib } = describe();
  t.log(`LibTorch ${libtorch} (CUDA): loaded in ${ms.toFixed(0)} ms, ${mib.toFixed(0)} MiB resident`);
  t.is(libtorch, cuda.version);
  t.false(works);
  t.regex(whyNoCuda, /^there is no CUDA driver \(libcuda\.so\.1: cannot open shared object file/);
  t.deepEqual([...new Set(libraries)], ['libtorch_cpu']);
});

withCuda('a dissection falls back to the processor; the same as with that LibTorch asked for it', async t => {
  const folder = await temporaryFolder(t);
  const [auto, cpu] = ['auto', 'cpu'].map(name => path.join(folder, name));
  for (const [out, more] of [
    [auto, []],
    [cpu, ['--device', 'cpu']],
  ]) {
    const args = [...SAMPLE, '--layers', 'conv4', 'conv5', '--no-images', '--outdir', out, ...more];
    const { code, stderr } = await runCommand(args, env);
    t.is(code, 0, stderr);
  }
  const [a, b] = [auto, cpu].map(out => JSON.parse(fs.readFileSync(path.join(out, 'dissect.json'), 'utf8')));
  t.true(b.provenance.command.includes('--device cpu'));
  b.provenance.command = a.provenance.command;
  t.deepEqual(a, b);
  t.is(a.settings.device, undefined);
});

withCuda('and gives the reason where CUDA is asked for', async t => {
  const out = path.join(await temporaryFolder(t), 'out');
  const { code, stderr } = await runCommand(
    [...SAMPLE, '--layers', 'conv5', '--outdir', out, '--device', 'cuda:1'],
    env,
  );
  t.is(code, 1);
  t.regex(
    stderr,
    /^netdissect-native: no CUDA device can be used: there is no CUDA driver \(libcuda\.so\.1: .*\); install NVIDIA's driver, which has it; leave the device out, or choose cpu\n$/,
  );
  t.false(fs.existsSync(out));
});

withCompiler('a driver without a device is said to be that, in its own words', async t => {
  const folder = await stubDriver(t, 100, 0);
  const { whyNoCuda, libraries } = describe({ LD_LIBRARY_PATH: folder });
  t.is(
    whyNoCuda,
    'the CUDA driver does not start: CUDA_ERROR_NO_DEVICE (no CUDA-capable device is detected)',
  );
  t.deepEqual([...new Set(libraries)], ['libtorch_cpu']);
});

withCompiler(
  "where the driver starts, LibTorch's libraries for CUDA load, and what they say is told",
  async t => {
    const folder = await stubDriver(t, 0, 1);
    const { cuda: works, whyNoCuda, libraries, mib } = describe({ LD_LIBRARY_PATH: folder });
    t.log(`${whyNoCuda}; ${mib.toFixed(0)} MiB resident`);
    t.false(works);
    t.true(libraries.includes('libtorch_cuda'));
    t.regex(
      whyNoCuda,
      /^(LibTorch finds no device, though the driver does|a first computation on the device)/,
    );
  },
);
