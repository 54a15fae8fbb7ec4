/**
 * Makes `prebuilds/PLATFORM-ARCH/`: the addon as it is published, the loader that opens LibTorch for it, and the version
 * of LibTorch that it is for. LibTorch itself is not in it. The build has a folder of its own, so that the one in work
 * stays as it is.
 */
import fs from 'node:fs';
import path from 'node:path';
import { jobs, prepareLibtorch } from './setup.mjs';
import { capture, Failure, main, readJson, root, run, say, writeJson } from './tools.mjs';

/**
 * The newest versions of the system's libraries that the addon may want. The floor is LibTorch's own: glibc 2.28, as
 * in Debian 10 and RHEL 8.
 */
const FLOOR = { GLIBC: '2.28', GLIBCXX: '3.4.22', CXXABI: '1.3.11' };

const newer = (a, b) => {
  const [left, right] = [a, b].map(version => version.split('.').map(Number));
  const at = left.findIndex((part, i) => part !== (right[i] ?? 0));
  return at >= 0 && left[at] > (right[at] ?? 0);
};

/** The versions that a library wants, `{GLIBC: '2.28', ...}`; a failure where one is over the floor. */
async function checkFloor(file) {
  const { status, stdout, stderr } = await capture('objdump', ['-T', file]);
  if (status !== 0) throw new Failure(`objdump cannot read ${file}: ${stderr}`);
  const wants = {};
  for (const [line, name, version] of stdout.matchAll(/^.*\((GLIBC|GLIBCXX|CXXABI)_([\d.]+)\).*$/gm)) {
    if (newer(version, FLOOR[name]))
      throw new Failure(
        `${file} wants ${name} ${version}, over ${FLOOR[name]} (binding/loader/floor.h): ${line}`,
      );
    if (!wants[name] || newer(version, wants[name])) wants[name] = version;
  }
  return wants;
}

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
    '--tag-libc',
    `--cwd=${cwd}`,
    `--out=${root}`,
    `--name=${name}`,
    `--node-gyp=${adapter}`,
  ];
  const env = { ...process.env, LIBTORCH: libtorch.folder, CMAKE_BUILD_PARALLEL_LEVEL: String(jobs()) };
  if ((await run(process.execPath, [program, ...args], { env })) !== 0) {
    throw new Failure('The prebuild failed; see above.');
  }

  const addon = fs.readdirSync(output).find(entry => entry.endsWith('.node'));
  const others = fs.readdirSync(output).filter(entry => entry !== addon);
  if (others.length > 0) throw new Failure(`${output} holds what is not to be published: ${others}`);
  const loader = path.join(output, 'loader/netdissect_loader.node');
  fs.mkdirSync(path.dirname(loader));
  fs.copyFileSync(path.join(cwd, 'build/loader/netdissect_loader.node'), loader);
  await run('strip', ['--strip-unneeded', loader]);
  const kernels = path.join(cwd, 'build/Release/netdissect_cuda.fatbin');
  if (fs.existsSync(kernels)) fs.copyFileSync(kernels, path.join(output, path.basename(kernels)));
  else say('nvcc is not installed: the CUDA kernels are compiled when they are needed');

  for (const file of [path.join(output, addon), loader]) {
    const bytes = fs.readFileSync(file);
    for (const folder of [root, libtorch.folder])
      if (bytes.includes(folder)) throw new Failure(`${file} holds a path of this machine: ${folder}`);
    const wants = process.platform === 'linux' ? await checkFloor(file) : {};
    const versions = Object.entries(wants).map(([name, version]) => `${name} ${version}`);
    say(
      `${path.relative(root, file)}: ${(bytes.length / 1024).toFixed(0)} KiB, wants ${versions.join(', ')}`,
    );
  }
  writeJson(path.join(output, 'build-info.json'), {
    addon,
    config: 'Release',
    platform,
    libtorchVersion: libtorch.version,
    libtorch: null,
    libtorchSource: null,
  });
});
