/**
 * Prepares what the tests of the addon on a CUDA LibTorch need, GPU or none: `npm run setup:cuda`. Takes the LibTorch that
 * NETDISSECT_CUDA_LIBTORCH names, else fetches PyTorch's wheel and NVIDIA's libraries with pip (some 3 GB).
 */
import fs from 'node:fs';
import path from 'node:path';
import { PIP_ENVIRONMENT, versionOf } from './libtorch.mjs';
import {
  capture,
  doubtful,
  Failure,
  isScript,
  kept,
  main,
  readJson,
  root,
  run,
  say,
  writeJson,
} from './tools.mjs';

/** The one that the project is tested with. */
const RELEASE = '2.14.1';
const FOLDER = path.join(root, 'build/cuda');
const ENVIRONMENT = path.join(FOLDER, 'python');
const NOTE = path.join(FOLDER, 'libtorch.json');

/** What was prepared, `{libtorch, version}`, or null. */
export function prepared() {
  const note = readJson(NOTE);
  return note && fs.existsSync(note.libtorch) ? note : null;
}

/** The folder of the package torch in the environment of Python, or undefined. */
function installed() {
  const lib = path.join(ENVIRONMENT, 'lib');
  const [python] = fs.existsSync(lib) ? fs.readdirSync(lib).filter(name => name.startsWith('python')) : [];
  const torch = python && path.join(lib, python, 'site-packages/torch');
  return torch && fs.existsSync(path.join(torch, 'lib/libtorch_cuda.so')) ? torch : undefined;
}

async function pip(...args) {
  const { status, stderr } = await capture(path.join(ENVIRONMENT, 'bin/pip'), args, { env: PIP_ENVIRONMENT });
  if (status !== 0) throw new Failure(`pip ${args.join(' ')} failed:\n${stderr.trim()}`);
}

/** PyTorch's wheel without what Python needs beside it, and NVIDIA's libraries that it names. */
async function install() {
  say(`fetching LibTorch ${RELEASE} (CUDA) with pip`);
  fs.rmSync(ENVIRONMENT, { recursive: true, force: true });
  doubtful(ENVIRONMENT);
  if ((await run('python3', ['-m', 'venv', ENVIRONMENT])) !== 0)
    throw new Failure('python3 makes no environment (Debian: apt-get install python3-venv).');
  await pip('install', '--quiet', '--no-deps', `torch==${RELEASE}`);
  const torch = installed();
  if (!torch)
    throw new Failure(
      `pip's torch ${RELEASE} is a build for the CPU; set NETDISSECT_CUDA_LIBTORCH to another.`,
    );
  const metadata = fs.readFileSync(
    path.join(path.dirname(torch), `torch-${RELEASE}.dist-info/METADATA`),
    'utf8',
  );
  const needed = [...metadata.matchAll(/^Requires-Dist: ((?:nvidia|cuda-toolkit)[^;\n]*)/gm)];
  await pip('install', '--quiet', ...needed.map(([, requirement]) => requirement.trim()));
  kept(ENVIRONMENT);
  return torch;
}

if (isScript(import.meta.filename)) {
  await main(async () => {
    const asked = process.env.NETDISSECT_CUDA_LIBTORCH;
    const libtorch = asked ? path.resolve(asked) : (installed() ?? (await install()));
    if (!fs.existsSync(path.join(libtorch, 'lib/libtorch_cuda.so')))
      throw new Failure(`${libtorch} has no lib/libtorch_cuda.so; name the folder of a CUDA build.`);
    const version = versionOf(libtorch);
    if (!version) throw new Failure(`${libtorch} has no headers that tell its version; name another.`);
    fs.mkdirSync(FOLDER, { recursive: true });
    writeJson(NOTE, { libtorch, version });
    say(`ready: LibTorch ${version} (CUDA) at ${libtorch}`);
    return 0;
  });
}
