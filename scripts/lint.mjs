/**
 * Style and type checks: `node scripts/lint.mjs [--write]`. With --write what can be put right is.
 */
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { installDependencies } from './setup.mjs';
import { capture, Failure, filesUnder, isScript, main, root } from './tools.mjs';

const require = createRequire(path.join(root, 'package.json'));
const bin = name => path.join(root, 'node_modules/.bin', name);

function clangFormat() {
  const { clangFormatPath } = require('clang-format-node');
  // The package makes its program executable in an install script, and set-up runs none.
  fs.chmodSync(clangFormatPath, 0o755);
  return clangFormatPath;
}

async function biome(write) {
  return capture(bin('biome'), ['check', '--error-on-warnings', ...(write ? ['--write'] : [])]);
}

async function format(write) {
  const sources = [...filesUnder('binding'), ...filesUnder('test/core')].filter(name =>
    /\.(cc|h|cu|cuh)$/.test(name),
  );
  if (sources.length === 0) return { status: 0, stdout: '', stderr: '' };
  return capture(clangFormat(), [...(write ? ['-i'] : ['--dry-run', '--Werror']), ...sources]);
}

const types = () => capture(bin('tsc'), ['--noEmit']);
const typesOfPage = () => capture(bin('tsc'), ['-p', 'src/page']);

const CHECKS = [
  ['biome check', biome],
  ['clang-format', format],
  ['tsc', types],
  ['tsc, of the page', typesOfPage],
];

/**
 * Runs every check and prints what each finds.
 * @returns how many `{passed, failed}`
 */
export async function lint({ write = false } = {}) {
  await installDependencies();
  let failed = 0;
  for (const [name, check] of CHECKS) {
    const { status, stdout, stderr } = await check(write);
    console.log(`${status === 0 ? '✔' : '✖'} ${name}`);
    if (status === 0) continue;
    failed++;
    console.log(`${stdout}${stderr}`.trimEnd());
  }
  return { passed: CHECKS.length - failed, failed };
}

if (isScript(import.meta.filename)) {
  await main(async () => {
    const args = process.argv.slice(2);
    const unknown = args.find(arg => arg !== '--write');
    if (unknown) throw new Failure(`Unknown option ${unknown}. Options: --write.`);
    const { failed } = await lint({ write: args.includes('--write') });
    return failed > 0 ? 1 : 0;
  });
}
