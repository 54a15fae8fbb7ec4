/**
 * Makes `prebuilds/PLATFORM-ARCH/`: the addon as it is published, and the LibTorch version that it is for.
 * LibTorch itself is not in it. The build has a folder of its own, so that the one in work stays as it is.
 */
import fs from 'node:fs';
import path from 'node:path';
import { jobs, prepareLibtorch } from './setup.mjs';
import { Failure, main, readJson, root, run, say, writeJson } from './tools.mjs';

await main(async () => {
  const libtorch = await prepareLibtorch();
  const platform = `${process.platform}-${process.arch}`;
  const cwd = path.join(root, 'build/prebuild');
  const output = path.join(root, 'prebuilds', platform);
  fs.rmSync(cwd, { recursive: true, force: true });
  fs.rmSync(output, { recursive: true, force: true });
  fs.mkdirSync(cwd, { recursive: true });

  say(`building ${path.relative(root, output)} for LibTorch ${libtorch.version}`);
  const { name } = readJson(path.join(root, 'package.json'));
  const adapter = path.join(import.meta.dirname, 'cmake-js-as-node-gyp.mjs');
  const program = path.join(root, 'node_modules/prebuildify/bin.js');
  const args = [
    '--napi',
    '--strip',
    `--cwd=${cwd}`,
    `--out=${root}`,
    `--name=${name}`,
    `--node-gyp=${adapter}`,
  ];
  const env = { ...process.env, LIBTORCH: libtorch.folder, CMAKE_BUILD_PARALLEL_LEVEL: String(jobs()) };
  if ((await run(process.execPath, [program, ...args], { env })) !== 0) {
    throw new Failure('The prebuild failed; see above.');
  }

  const file = path.join(output, `${name}.node`);
  const bytes = fs.readFileSync(file);
  for (const folder of [root, libtorch.folder]) {
    if (bytes.includes(folder)) throw new Failure(`${file} holds a path of this machine: ${folder}`);
  }
  const libraries = fs.readdirSync(output).filter(entry => entry !== path.basename(file));
  if (libraries.length > 0) throw new Failure(`${output} holds what is not to be published: ${libraries}`);
  writeJson(path.join(output, 'build-info.json'), {
    addon: path.basename(file),
    config: 'Release',
    platform,
    libtorchVersion: libtorch.version,
    libtorch: null,
    libtorchSource: null,
  });
  say(`${path.relative(root, file)}: ${(bytes.length / 1024).toFixed(0)} KiB`);
});
