/**
 * Compiles the kernels for CUDA with nvcc, where it is installed: `node scripts/cuda-kernels.mjs [--fatbin FILE]`.
 *
 *   --fatbin FILE   one file for all architectures, and for newer ones what their drivers compile
 *   (nothing)       each architecture apart, and what the compiler says of it: registers, spilled bytes, shared
 *                   memory; fails where a kernel takes more than it may
 */
import fs from 'node:fs';
import path from 'node:path';
import { capture, discard, Failure, isScript, main, root, run, temporaryFolder, which } from './tools.mjs';

const source = path.join(root, 'binding/cuda/kernels.cuh');
/** Without fused multiply-adds, so that masks are the processor's bit for bit. */
const OPTIONS = ['--x', 'cu', '--std', 'c++17', '--fmad=false', '-Werror', 'all-warnings'];
/** From Turing on; those that a compiler does not know are left out. */
const ARCHITECTURES = [75, 80, 86, 87, 89, 90, 100, 103, 120];
/** A block has 256 threads: with 64 registers a thread a multiprocessor of 65,536 holds four of them. */
const MOST_REGISTERS = 64;
const KERNELS = ['netdissectCount', 'netdissectExpand'];

/** nvcc, on the PATH or where the toolkit is put. */
export const findNvcc = () =>
  which('nvcc') ??
  [process.env.CUDA_HOME, process.env.CUDA_PATH, '/usr/local/cuda']
    .filter(Boolean)
    .map(folder => path.join(folder, 'bin/nvcc'))
    .find(fs.existsSync);

async function architectures(nvcc) {
  const { stdout } = await capture(nvcc, ['--list-gpu-code']);
  const known = new Set([...stdout.matchAll(/sm_(\d+)\b/g)].map(([, number]) => Number(number)));
  return ARCHITECTURES.filter(number => known.has(number));
}

/** Registers and bytes spilled and shared, a kernel, from what ptxas says. */
export function usageOf(text) {
  const usage = new Map();
  for (const part of text.split(/Compiling entry function '/).slice(1)) {
    const [, name] = /^(\w+)'/.exec(part);
    const number = pattern => Number(pattern.exec(part)?.[1] ?? 0);
    usage.set(name, {
      registers: number(/Used (\d+) registers/),
      spilled: number(/(\d+) bytes spill stores/) + number(/(\d+) bytes spill loads/),
      shared: number(/(\d+) bytes smem/),
    });
  }
  return usage;
}

/** What a kernel takes of an architecture that it may not, or nothing. */
export function excess({ registers, spilled }) {
  if (!registers) return 'the compiler does not say what it takes';
  if (registers > MOST_REGISTERS) return `${registers} registers, more than ${MOST_REGISTERS}`;
  return spilled ? `${spilled} bytes are spilled` : '';
}

/** @returns how many architectures `{passed, failed, skipped}` */
export async function checkKernels() {
  const nvcc = findNvcc();
  if (!nvcc) {
    console.log('- CUDA kernels: skipped, since nvcc is not installed');
    return { passed: 0, failed: 0, skipped: 1 };
  }
  const counts = { passed: 0, failed: 0, skipped: 0 };
  const folder = temporaryFolder('cuda');
  const some = await architectures(nvcc);
  if (some.length === 0) counts.failed++;
  for (const number of some) {
    const out = path.join(folder, `${number}.cubin`);
    const flags = ['--cubin', '--gpu-architecture', `sm_${number}`, '--ptxas-options', '-v', '-o', out];
    const { status, stdout, stderr } = await capture(nvcc, [...OPTIONS, ...flags, source]);
    const usage = usageOf(`${stdout}${stderr}`);
    const parts = KERNELS.map(name => {
      const { registers = 0, spilled = 0, shared = 0 } = usage.get(name) ?? {};
      const problem = excess({ registers, spilled });
      return {
        problem,
        text: `${name} ${registers} registers, ${shared + sharedBytes(name)} B shared, ${spilled} B spilled`,
      };
    });
    const problem = status === 0 ? parts.find(part => part.problem)?.problem : 'it does not compile';
    counts[problem ? 'failed' : 'passed']++;
    const size = status === 0 ? `, ${fs.statSync(out).size} B` : '';
    console.log(
      `${problem ? '✖' : '✔'} CUDA sm_${number}: ${parts.map(part => part.text).join('; ')}${size}`,
    );
    if (problem) console.log(`${problem}\n${stdout}${stderr}`);
  }
  const fused = await fusedOperations(nvcc, some[0]);
  counts[fused ? 'failed' : 'passed']++;
  console.log(`${fused ? '✖' : '✔'} CUDA kernels: ${fused || 'no multiply-add is fused'}`);
  discard(folder);
  return counts;
}

/** What is wrong with what the compiler makes of multiplications and additions, or nothing. */
async function fusedOperations(nvcc, number) {
  const flags = ['--ptx', '--gpu-architecture', `compute_${number}`, '-o', '-'];
  const { stdout } = await capture(nvcc, [...OPTIONS, ...flags, source]);
  if (/\bfma\./.test(stdout)) return 'a multiply-add is fused';
  return /\bmul\.rn\.f32/.test(stdout) && /\badd\.rn\.f32/.test(stdout)
    ? ''
    : 'its multiplications and additions are not to be found';
}

/** What a launch asks for, as the compiler does not know. */
function sharedBytes(kernel) {
  const [warps, words] = ['cudaWarps', 'cudaMaskWords'].map(name =>
    Number(new RegExp(`${name} = (\\d+)`).exec(fs.readFileSync(source, 'utf8'))[1]),
  );
  return kernel === 'netdissectCount' ? warps * words * 4 : 0;
}

async function fatbin(file) {
  const nvcc = findNvcc();
  if (!nvcc) throw new Failure('nvcc is not installed; the kernels are compiled at run time then.');
  const some = await architectures(nvcc);
  const codes = some.map(number => `-gencode=arch=compute_${number},code=sm_${number}`);
  const newest = `-gencode=arch=compute_${some.at(-1)},code=compute_${some.at(-1)}`;
  return run(nvcc, [...OPTIONS, '--fatbin', ...codes, newest, '-o', file, source]);
}

if (isScript(import.meta.filename)) {
  await main(async () => {
    const [option, file] = process.argv.slice(2);
    if (option === '--fatbin' && file) return fatbin(file);
    if (option) throw new Failure('Options: --fatbin FILE.');
    return (await checkKernels()).failed === 0 ? 0 : 1;
  });
}
