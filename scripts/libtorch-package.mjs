/**
 * Makes the npm package `@netdissect/libtorch-linux-x64` of PyTorch's wheel for CPUs: the three libraries that the
 * addon needs, stripped, with their licences. `node scripts/libtorch-package.mjs [--wheel FILE]` fetches the wheel with
 * pip, or takes the one that is named, and writes `build/release/libtorch-linux-x64/`.
 */
import fs from 'node:fs';
import path from 'node:path';
import { RELEASE } from './libtorch.mjs';
import {
  capture,
  discard,
  Failure,
  isScript,
  main,
  ownRepository,
  readJson,
  root,
  run,
  say,
  temporaryFolder,
  writeJson,
} from './tools.mjs';
import { unzip } from './unzip.mjs';

export const PACKAGE = '@netdissect/libtorch-linux-x64';
/** Of the package; that of LibTorch with a further number where the package is made anew. */
export const VERSION = RELEASE;
const LIBRARIES = ['libtorch_cpu.so', 'libc10.so', 'libgomp.so.1'];

async function fetchWheel(folder) {
  say(`fetching torch ${RELEASE} with pip`);
  const { status, stderr } = await capture(
    'python3',
    // biome-ignore format: one option a line says nothing more
    ['-m', 'pip', 'download', `torch==${RELEASE}`, '--no-deps', '--only-binary=:all:', '--quiet', '--dest', folder],
    { env: { ...process.env, PIP_DISABLE_PIP_VERSION_CHECK: '1' } },
  );
  const wheel = fs.readdirSync(folder).find(name => name.endsWith('.whl'));
  if (status !== 0 || !wheel) throw new Failure(`pip has no torch ${RELEASE}: ${stderr.trim()}`);
  return path.join(folder, wheel);
}

/** Where the parts of the wheel go: libraries to lib/, licences to licenses/. */
function placeOf(name) {
  const library = /^torch\/lib\/([^/]+)$/.exec(name)?.[1];
  if (LIBRARIES.includes(library)) return `lib/${library}`;
  if (name === 'torch/version.py') return 'version.py';
  const licence =
    /^torch-[^/]+\.dist-info\/(?:licenses\/)?((?:LICENSE|NOTICE|third_party\/.*LICENSE).*)$/i.exec(name);
  return licence ? `licenses/${licence[1]}` : null;
}

const LIBGOMP = `libgomp.so.1 is the GNU Offloading and Multi Processing Runtime Library, as PyTorch's wheel holds it:
Copyright (C) Free Software Foundation, Inc. It is licensed under the GNU General Public License, version 3 or later
(GPL-3), with the GCC Runtime Library Exception, version 3.1 (in GCC), by which programs under any licence may use it.
Its source code is part of GCC: https://gcc.gnu.org
`;

/** libgomp's licences, as Debian has them: the wheel names them only. */
function addLicencesOfLibgomp(folder) {
  const copyright = fs
    .readdirSync('/usr/share/doc')
    .map(name => `/usr/share/doc/${name}/copyright`)
    .find(file => /gcc-\d+-base/.test(file) && fs.existsSync(file));
  const texts = { 'GPL-3': '/usr/share/common-licenses/GPL-3', GCC: copyright };
  fs.mkdirSync(folder, { recursive: true });
  fs.writeFileSync(path.join(folder, 'README.txt'), LIBGOMP);
  for (const [name, file] of Object.entries(texts)) {
    if (!file || !fs.existsSync(file))
      throw new Failure(`the text of libgomp's licence (${name}) is not there; make the package on Debian`);
    fs.copyFileSync(fs.realpathSync(file), path.join(folder, name));
  }
}

const readme = version => `# ${PACKAGE}

LibTorch ${version}, PyTorch's C++ library, for processors: what netdissect-native needs to run on Linux with glibc 2.28 or
newer on x64. It is an optional dependency of netdissect-native, and of no use alone: headers are not in it.

The libraries are those of PyTorch's wheel on PyPI, without their symbol tables. Their licences are in \`licenses/\`: PyTorch's
own (BSD-3-Clause) with those of what is linked into it, and that of libgomp (GPL-3.0-or-later with the GCC Runtime
Library Exception).
`;

/** @returns {Promise<string>} the package's folder, ready for `npm pack` */
export async function makeLibtorchPackage({ wheel } = {}) {
  const output = path.join(root, 'build/release/libtorch-linux-x64');
  const fetched = temporaryFolder('wheel');
  const folder = temporaryFolder('libtorch-package');
  try {
    await unzip(wheel ?? (await fetchWheel(fetched)), folder, placeOf);
    const version = /^__version__ = '([^']+)'/m.exec(
      fs.readFileSync(path.join(folder, 'version.py'), 'utf8'),
    )[1];
    if (version.split('+')[0] !== RELEASE) throw new Failure(`the wheel is of ${version}, not ${RELEASE}`);
    if (/^cuda.*= '\d/m.test(fs.readFileSync(path.join(folder, 'version.py'), 'utf8')))
      throw new Failure('the wheel is one for CUDA; name one for CPUs with --wheel');
    fs.rmSync(path.join(folder, 'version.py'));
    if (!fs.existsSync(path.join(folder, 'licenses'))) throw new Failure('the wheel holds no licences');
    for (const name of LIBRARIES) {
      const file = path.join(folder, 'lib', name);
      if (!fs.existsSync(file)) throw new Failure(`the wheel holds no torch/lib/${name}`);
      if ((await run('strip', ['--strip-unneeded', file])) !== 0)
        throw new Failure(`strip failed on ${name}`);
      fs.chmodSync(file, 0o644);
    }
    fs.writeFileSync(path.join(folder, 'build-version'), `${version}\n`);
    addLicencesOfLibgomp(path.join(folder, 'licenses/libgomp'));
    fs.writeFileSync(path.join(folder, 'README.md'), readme(version));
    const { author } = readJson(path.join(root, 'package.json'));
    const repository = await ownRepository();
    writeJson(path.join(folder, 'package.json'), {
      name: PACKAGE,
      version: VERSION,
      description: `LibTorch ${RELEASE} for processors, on Linux x64: what netdissect-native runs models with.`,
      license: 'BSD-3-Clause AND GPL-3.0-or-later WITH GCC-exception-3.1',
      ...(repository && { repository }),
      ...(author && { author }),
      type: 'commonjs',
      os: ['linux'],
      cpu: ['x64'],
      libc: ['glibc'],
      files: ['lib', 'licenses', 'build-version'],
      // a library within an archive cannot be opened
      preferUnplugged: true,
      publishConfig: { access: 'public', provenance: true },
    });
    fs.rmSync(output, { recursive: true, force: true });
    fs.mkdirSync(path.dirname(output), { recursive: true });
    fs.renameSync(folder, output);
    return output;
  } finally {
    discard(fetched);
    discard(folder);
  }
}

if (isScript(import.meta.filename)) {
  await main(async () => {
    const args = process.argv.slice(2);
    const wheel = args[0] === '--wheel' ? args[1] : undefined;
    if (args.length !== (wheel ? 2 : 0)) throw new Failure('usage: libtorch-package.mjs [--wheel FILE]');
    say(await makeLibtorchPackage({ wheel: wheel && path.resolve(wheel) }));
  });
}
