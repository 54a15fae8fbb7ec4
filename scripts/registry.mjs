/**
 * A registry on this machine, verdaccio in front of the one that npm is set up for, with the tarballs of `npm run release`
 * published to it: for the scripts that install them as users do.
 */
import fs from 'node:fs';
import path from 'node:path';
import { release } from './release.mjs';
import { capture, Failure, root, start, writeJson } from './tools.mjs';

const WORK = path.join(root, 'build/managers');
export const TOOLS = {
  verdaccio: 'verdaccio@6',
  pnpm: 'pnpm',
  yarn: '@yarnpkg/cli-dist',
  bun: 'bun',
  deno: 'deno',
};
const PORT = 4899;
export const REGISTRY = `http://localhost:${PORT}/`;

/** The program of a tool, installed where it is not there; null where the registry has none for this machine. */
export async function tool(name) {
  const folder = path.join(WORK, 'tools', name);
  const program = path.join(folder, 'node_modules/.bin', name);
  if (!fs.existsSync(program)) {
    writeJson(path.join(folder, 'package.json'), {
      private: true,
      // verdaccio asks for a tag of node-fetch that not every registry passes on
      overrides: { 'node-fetch': '2.7.0' },
      // Bun and Deno put their program in place in an install script
      allowScripts: { bun: true, deno: true },
    });
    await capture('npm', ['install', '--no-audit', '--no-fund', TOOLS[name]], { cwd: folder });
  }
  const { status } = await capture(program, ['--version'], { cwd: folder });
  return status === 0 ? program : null;
}

async function serve() {
  const program = await tool('verdaccio');
  if (!program)
    throw new Failure('verdaccio cannot be installed from the npm registry; see npm install verdaccio');
  const folder = path.join(WORK, 'registry');
  fs.rmSync(folder, { recursive: true, force: true });
  fs.mkdirSync(folder, { recursive: true });
  const { stdout } = await capture('npm', ['config', 'get', 'registry']);
  // biome-ignore format: as verdaccio's configuration is written
  fs.writeFileSync(path.join(folder, 'config.yaml'), [
    'storage: ./storage', 'max_body_size: 300mb', 'uplinks:', '  npm:', `    url: ${stdout.trim()}`, '    timeout: 60s',
    'packages:', "  'netdissect-native':", '    access: $all', '    publish: $anonymous',
    "  '@netdissect/*':", '    access: $all', '    publish: $anonymous',
    "  '**':", '    access: $all', '    proxy: npm', 'log: { type: stdout, format: pretty, level: warn }', '',
  ].join('\n'));
  const log = fs.openSync(path.join(folder, 'log'), 'w');
  const server = start(program, ['--config', 'config.yaml', '--listen', String(PORT)], {
    cwd: folder,
    stdio: ['ignore', log, log],
  });
  for (let tries = 0; ; tries++) {
    if (
      await fetch(`${REGISTRY}-/ping`).then(
        ({ ok }) => ok,
        () => false,
      )
    )
      return server;
    if (tries > 100) throw new Failure(`verdaccio does not answer; see ${folder}/log`);
    await new Promise(resolve => setTimeout(resolve, 300));
  }
}

async function publish(tarball) {
  const npmrc = path.join(WORK, 'registry/npmrc');
  fs.writeFileSync(npmrc, `//localhost:${PORT}/:_authToken=anybody\n`);
  const args = ['publish', tarball, '--registry', REGISTRY, '--provenance=false', '--userconfig', npmrc];
  const { status, stderr } = await capture('npm', args, { cwd: path.dirname(npmrc) });
  if (status !== 0) throw new Failure(`npm publish failed: ${stderr}`);
}

const tarballs = () => {
  const folder = path.join(root, 'build/release');
  const names = fs.existsSync(folder) ? fs.readdirSync(folder) : [];
  return names.filter(name => name.endsWith('.tgz')).map(name => path.join(folder, name));
};

/** Starts it with both tarballs, made where they are not there; the process, to be killed. */
export async function startRegistry() {
  if (tarballs().length < 2) await release();
  const server = await serve();
  try {
    for (const tarball of tarballs()) await publish(tarball);
  } catch (error) {
    server.kill();
    throw error;
  }
  return server;
}
