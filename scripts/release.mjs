/**
 * Makes what is published, checks it and packs it: `node scripts/release.mjs [--skip-libtorch]`. Two tarballs come to lie in
 * `build/release/`: this package, and LibTorch's.
 *
 * The published manifest differs from the repository's: LibTorch's package is an optional dependency of it. In the
 * repository it is none, since a clone must install before that package is published.
 */
import fs from 'node:fs';
import path from 'node:path';
import { makeLibtorchPackage, PACKAGE, VERSION } from './libtorch-package.mjs';
import { setup } from './setup.mjs';
import {
  capture,
  Failure,
  isScript,
  main,
  ownRepository,
  readJson,
  root,
  run,
  say,
  writeJson,
} from './tools.mjs';

const RELEASE = path.join(root, 'build/release');
const LOADER = 'loader/netdissect_loader.node';
const platform = `${process.platform}-${process.arch}`;
/** Bytes: more is a mistake, such as a fixture that slipped in. */
const BUDGET = { packed: 8e6, unpacked: 16e6 };
const LIBTORCH_BUDGET = { packed: 120e6, unpacked: 360e6 };

/**
 * What npm would pack of the repository, copied to a folder of its own, with the manifest as it is published.
 * @param {object} options `built`: with the addon of `build/Release` in place of the published one; `libtorch`: whether
 * LibTorch's package is among its dependencies
 */
export async function stage(folder, { built = false, libtorch = true } = {}) {
  const { status, stdout, stderr } = await capture('npm', [
    'pack',
    '--dry-run',
    '--json',
    '--ignore-scripts',
  ]);
  if (status !== 0) throw new Failure(`npm pack failed: ${stderr}`);
  fs.rmSync(folder, { recursive: true, force: true });
  const packed = JSON.parse(stdout);
  for (const { path: file } of (Array.isArray(packed) ? packed[0] : Object.values(packed)[0]).files) {
    if (built && file.startsWith('prebuilds/')) continue;
    fs.mkdirSync(path.dirname(path.join(folder, file)), { recursive: true });
    fs.copyFileSync(path.join(root, file), path.join(folder, file));
  }
  if (built) copyBuild(path.join(folder, 'prebuilds', platform));
  const {
    scripts: _scripts,
    devDependencies: _devDependencies,
    ...manifest
  } = readJson(path.join(root, 'package.json'));
  const repository = await ownRepository();
  writeJson(path.join(folder, 'package.json'), {
    ...manifest,
    ...(repository && { repository }),
    ...(libtorch && { optionalDependencies: { [PACKAGE]: VERSION } }),
    publishConfig: { access: 'public', provenance: true },
  });
  return folder;
}

function copyBuild(folder) {
  const build = path.join(root, 'build');
  fs.mkdirSync(path.join(folder, 'loader'), { recursive: true });
  fs.copyFileSync(
    path.join(build, 'Release/netdissect_native.node'),
    path.join(folder, 'netdissect-native.node'),
  );
  fs.copyFileSync(path.join(build, LOADER), path.join(folder, LOADER));
  const info = readJson(path.join(build, 'Release/build-info.json'));
  writeJson(path.join(folder, 'build-info.json'), {
    ...info,
    addon: 'netdissect-native.node',
    libtorch: null,
  });
}

/** Packs a folder; the tarball's path. A failure where it is larger than it should be. */
export async function pack(folder, destination, budget = BUDGET) {
  const { status, stdout, stderr } = await capture(
    'npm',
    ['pack', '--json', '--ignore-scripts', '--pack-destination', destination],
    { cwd: folder },
  );
  if (status !== 0) throw new Failure(`npm pack failed: ${stderr}`);
  const packed = JSON.parse(stdout);
  const { filename, size, unpackedSize } = Array.isArray(packed) ? packed[0] : Object.values(packed)[0];
  const file = path.join(destination, filename.replace('@', '').replace('/', '-'));
  const words = `${path.relative(root, file)}: ${(size / 1e6).toFixed(1)} MB, ${(unpackedSize / 1e6).toFixed(1)} MB on disk`;
  if (destination === RELEASE) say(words);
  if (size > budget.packed || unpackedSize > budget.unpacked)
    throw new Failure(
      `${words}; at most ${budget.packed / 1e6} and ${budget.unpacked / 1e6} MB were expected`,
    );
  return file;
}

/** What must be in the package, and what must not. */
function check(folder) {
  const needed = [
    `prebuilds/${platform}/build-info.json`,
    `prebuilds/${platform}/${LOADER}`,
    ...['lib/index.js', 'lib/index.d.ts', 'lib/cli.js', 'sample/model.pt', 'LICENSE', 'README.md'],
  ];
  for (const file of needed)
    if (!fs.existsSync(path.join(folder, file)))
      throw new Failure(
        `the package lacks ${file}${file.startsWith('prebuilds') ? '; run npm run prebuildify' : ''}`,
      );
  const { addon, libtorchVersion } = readJson(path.join(folder, needed[0]));
  if (!fs.existsSync(path.join(folder, 'prebuilds', platform, addon)))
    throw new Failure(`the package lacks ${addon}`);
  if (libtorchVersion !== VERSION.split('-')[0])
    throw new Failure(`the addon is for LibTorch ${libtorchVersion}, and the package for ${VERSION}`);
  for (const name of fs.readdirSync(folder, { recursive: true })) {
    const file = path.join(folder, name);
    if (fs.statSync(file).isFile() && fs.readFileSync(file).includes(root))
      throw new Failure(`${name} holds a path of this machine`);
  }
}

/** How others see the package: its manifest by publint, its types by attw, both fetched with npm. */
async function lintPackage(tarball) {
  for (const [name, ...words] of [
    ['publint', 'publint', '--strict', tarball],
    ['@arethetypeswrong/cli', 'attw', tarball],
  ]) {
    const { status, stdout, stderr } = await capture('npm', [
      'exec',
      '--yes',
      `--package=${name}`,
      '--',
      ...words,
    ]);
    if (status !== 0) throw new Failure(`${words[0]} finds fault with the package:\n${stdout}${stderr}`);
    say(`${words[0]} finds no fault`);
  }
}

/** @returns the tarballs `{main, libtorch}`; without `libtorch` that of an earlier run, or null */
export async function release({ libtorch = true, prebuild = true } = {}) {
  await setup();
  if (prebuild && (await run(process.execPath, [path.join(import.meta.dirname, 'prebuild.mjs')])) !== 0)
    throw new Failure('The prebuild failed; see above.');
  const folder = await stage(path.join(RELEASE, 'netdissect-native'));
  check(folder);
  const tarball = await pack(folder, RELEASE);
  await lintPackage(tarball);
  if (libtorch)
    return { main: tarball, libtorch: await pack(await makeLibtorchPackage(), RELEASE, LIBTORCH_BUDGET) };
  const earlier = fs.readdirSync(RELEASE).find(name => /^netdissect-libtorch-.*\.tgz$/.test(name));
  return { main: tarball, libtorch: earlier ? path.join(RELEASE, earlier) : null };
}

if (isScript(import.meta.filename)) {
  await main(async () => {
    const known = ['--skip-libtorch', '--skip-prebuild'];
    const args = process.argv.slice(2);
    const unknown = args.find(arg => !known.includes(arg));
    if (unknown) throw new Failure(`Unknown option ${unknown}. Options: ${known.join(', ')}.`);
    const { main: tarball, libtorch } = await release({
      libtorch: !args.includes('--skip-libtorch'),
      prebuild: !args.includes('--skip-prebuild'),
    });
    for (const file of [libtorch, tarball])
      if (file) say(`to publish: npm publish ${path.relative(root, file)}`);
  });
}
