/**
 * The addon with each LibTorch that it is said to run with: `node scripts/matrix.mjs [NAMES]`, of cpu, cuda, newest and debian.
 *
 * The published addon (`npm run release` first) runs the core of the test suite with LibTorch 2.13 for processors, with 2.14.1
 * for CUDA (on a machine without a GPU: on the processor) and with the newest that pip gives; for Debian's 1.13.1, which it
 * must refuse, the addon is built from source. Each loads models that other versions of PyTorch have saved and compares their
 * numbers with Python's. What is fetched stays in `build/matrix/`: some 6 GB. For every night.
 */
import fs from 'node:fs';
import path from 'node:path';
import { findLibtorch } from './libtorch.mjs';
import { cmakeJs } from './setup.mjs';
import { capture, Failure, main, readJson, root, run, say, writeJson } from './tools.mjs';

const WORK = path.join(root, 'build/matrix');
const PUBLISHED = path.join(root, 'build/release/netdissect-native');
/** What of the suite touches LibTorch. */
const TESTS = [
  ...['test/native/native.test.mjs', 'test/model/model.test.mjs', 'test/model/layers.test.mjs'],
  ...['test/run/dissection.test.mjs', 'test/sample.test.mjs'],
];

async function pip(args) {
  const env = { ...process.env, PIP_DISABLE_PIP_VERSION_CHECK: '1', PIP_NO_COMPILE: '1' };
  const { status, stdout, stderr } = await capture('python3', ['-m', 'pip', ...args], { env });
  if (status !== 0)
    throw new Failure(`pip ${args.join(' ')} failed:\n${stdout.slice(-500)}${stderr.slice(-1500)}`);
}

/** A wheel of torch with the CUDA libraries that it names, none of its Python packages. */
async function wheel(version) {
  const folder = path.join(WORK, version ?? 'newest');
  if (!fs.existsSync(folder)) {
    const part = `${folder}.part`;
    fs.rmSync(part, { recursive: true, force: true });
    say(`fetching torch ${version ?? 'of the newest version'} with pip`);
    await pip(['install', '--quiet', '--target', part, '--no-deps', version ? `torch==${version}` : 'torch']);
    const about = fs.readdirSync(part).find(name => /^torch-.*\.dist-info$/.test(name));
    const wants = fs
      .readFileSync(path.join(part, about, 'METADATA'), 'utf8')
      .matchAll(/^Requires-Dist: ((?:nvidia|cuda-toolkit)[^;\n]*)/gm);
    const names = [...wants].map(([, name]) => name.trim());
    if (names.length > 0) await pip(['install', '--quiet', '--target', part, ...names]);
    fs.renameSync(part, folder);
  }
  return { folder: path.join(folder, 'torch'), python: { PYTHONPATH: folder } };
}

/** Debian's packages, unpacked beside the system, with the layout of an archive. */
async function debian() {
  const folder = path.join(WORK, 'debian');
  const libraries = path.join(folder, 'sysroot/usr/lib/x86_64-linux-gnu');
  const env = {
    LD_LIBRARY_PATH: [
      libraries,
      ...['lapack', 'blas', '..', '../../../lib/x86_64-linux-gnu'].map(name => path.join(libraries, name)),
    ].join(':'),
  };
  if (!fs.existsSync(path.join(folder, 'libtorch'))) {
    say("fetching Debian's libtorch-dev and python3-torch with apt-get");
    const archives = path.join(folder, 'archives');
    fs.mkdirSync(path.join(archives, 'partial'), { recursive: true });
    const args = [
      'install',
      '-y',
      '--no-install-recommends',
      '--download-only',
      '-o',
      `Dir::Cache::archives=${archives}`,
    ];
    await capture('apt-get', ['update']);
    const { status, stderr } = await capture('apt-get', [...args, 'libtorch-dev', 'python3-torch']);
    if (status !== 0) throw new Failure(`apt-get has no libtorch-dev: ${stderr}`);
    for (const name of fs.readdirSync(archives).filter(file => file.endsWith('.deb')))
      await capture('dpkg', ['-x', path.join(archives, name), path.join(folder, 'sysroot')]);
    fs.mkdirSync(path.join(folder, 'links'));
    fs.symlinkSync('../sysroot/usr/include', path.join(folder, 'links/include'));
    fs.symlinkSync('../sysroot/usr/lib/x86_64-linux-gnu', path.join(folder, 'links/lib'));
    fs.renameSync(path.join(folder, 'links'), path.join(folder, 'libtorch'));
  }
  const packages = path.join(folder, 'sysroot/usr/lib/python3/dist-packages');
  return {
    folder: path.join(folder, 'libtorch'),
    env,
    python: { PYTHONPATH: packages, ...env },
    interpreter: '/usr/bin/python3',
  };
}

const ROWS = {
  cpu: async () => ({ ...(await findLibtorch()) }),
  cuda: () => wheel('2.14.1'),
  newest: () => wheel(),
  debian,
};

/** Saves a model with what Python computes with it. */
const EXPORT = `
import json, sys, torch
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 8, 3, padding=1)
        self.norm = torch.nn.BatchNorm2d(8)
        self.pool = torch.nn.MaxPool2d(2)
        self.last = torch.nn.Conv2d(8, 4, 3)
    def forward(self, x):
        return self.last(self.pool(torch.relu(self.norm(self.conv(x)))))
torch.manual_seed(1)
net = Net().eval()
x = ((torch.arange(3 * 16 * 16) % 17).double() / 16 - 0.5).float().reshape(1, 3, 16, 16)
with torch.no_grad():
    traced = torch.jit.trace(net, x)
    values = net(x)
name = sys.argv[1] + '/' + torch.__version__.split('+')[0]
traced.save(name + '.pt')
json.dump(values.flatten().tolist(), open(name + '.json', 'w'))
print(torch.__version__)
`;

/** Loads each model and compares, in a process of its own. */
const COMPARE = `
import fs from 'node:fs';
import { loadModel, retainLayers } from '${path.join(root, 'lib/index.js')}';
const pixels = Float32Array.from({ length: 3 * 16 * 16 }, (_, i) => (i % 17) / 16 - 0.5);
const told = [];
for (const file of process.argv.slice(2)) {
  const model = await loadModel(file, { device: 'cpu' });
  retainLayers(model, ['last']);
  const [{ values }] = await model.forward(pixels, [1, 3, 16, 16]);
  const wanted = JSON.parse(fs.readFileSync(file.replace('.pt', '.json')));
  const worst = Math.max(...wanted.map((value, i) => Math.abs(value - values[i])));
  if (values.length !== wanted.length || !(worst < 1e-4)) throw new Error(file + ' differs by ' + worst);
  await model.close();
  told.push(file.split('/').at(-1));
}
console.log(JSON.stringify(told));
`;

async function exportModel({ python, interpreter = 'python3' }, folder) {
  fs.mkdirSync(folder, { recursive: true });
  const { status, stdout, stderr } = await capture(interpreter, ['-c', EXPORT, folder], {
    env: { ...process.env, ...python },
  });
  return status === 0 ? stdout.trim() : `none (${stderr.trim().split('\n').at(-1)})`;
}

/** Builds the addon for a LibTorch that the published one does not fit. */
async function build(name, { folder, env }) {
  const output = path.join(WORK, `${name}-addon`);
  Object.assign(process.env, env);
  const args = ['--out', path.join(output, 'build')];
  if (!(await cmakeJs('build', 'Release', { folder }, args)))
    throw new Failure(`${name}: the addon did not compile`);
  writeJson(path.join(output, 'build/Release/build-info.json'), { libtorchVersion: null, libtorch: folder });
  return output;
}

const loads = (addon, libtorch, env, program, args = []) =>
  capture(process.execPath, ['--input-type=module', '-e', program, '-', ...args], {
    env: { ...process.env, ...env, LIBTORCH: libtorch, NETDISSECT_NATIVE_PREBUILD: addon },
  });

async function tryRow(name, row, models) {
  const { folder, env } = row;
  const about = `import { native } from '${path.join(root, 'lib/native/native.js')}'; console.log(JSON.stringify(native().describe()));`;
  let addon = PUBLISHED;
  let first = await loads(addon, folder, env, about);
  const notes = [];
  if (first.status !== 0) {
    const words = /NetdissectError: (.*)/.exec(first.stderr)?.[1] ?? first.stderr;
    console.log(`  the published addon says: ${words}`);
    if (!words.includes('does not fit'))
      throw new Failure(`${name}: the published addon should run or refuse`);
    addon = await build(name, row);
    notes.push('built from source');
    first = await loads(addon, folder, env, about);
    if (first.status !== 0) throw new Failure(`${name}: ${first.stderr}`);
  }
  const { libtorch, cuda, simd } = JSON.parse(first.stdout);
  const compared = await loads(addon, folder, env, COMPARE, models);
  if (compared.status !== 0)
    notes.push(`models: ${/Error: (.*)/.exec(compared.stderr)?.[1] ?? compared.stderr}`);
  else
    notes.push(
      `models saved by ${JSON.parse(compared.stdout)
        .map(file => file.replace('.pt', ''))
        .join(', ')} give Python's numbers`,
    );
  const ava = path.join(root, 'node_modules/ava/entrypoints/cli.mjs');
  const status = await run(process.execPath, [ava, '--timeout=20m', ...TESTS], {
    env: { ...process.env, ...env, LIBTORCH: folder, NETDISSECT_NATIVE_PREBUILD: addon },
  });
  const line = `${name}: LibTorch ${libtorch}, CUDA ${cuda ? 'used' : 'not used'}, ${simd}; ${notes.join('; ')}; the suite's core ${status === 0 ? 'passes' : 'FAILS'}`;
  return { passed: status === 0 && compared.status === 0, line };
}

await main(async () => {
  const names = process.argv.slice(2);
  const unknown = names.find(name => !ROWS[name]);
  if (unknown) throw new Failure(`Unknown name ${unknown}. Names: ${Object.keys(ROWS).join(', ')}.`);
  if (!readJson(path.join(PUBLISHED, 'package.json'))) throw new Failure('Run npm run release first.');
  const rows = {};
  for (const name of names.length ? names : Object.keys(ROWS)) rows[name] = await ROWS[name]();
  const folder = path.join(WORK, 'models');
  fs.rmSync(folder, { recursive: true, force: true });
  for (const [name, row] of Object.entries(rows))
    if (row.python) say(`${name}: a model saved by PyTorch ${await exportModel(row, folder)}`);
  const models = fs.existsSync(folder) ? fs.readdirSync(folder).filter(file => file.endsWith('.pt')) : [];
  const lines = [];
  let failed = 0;
  for (const [name, row] of Object.entries(rows)) {
    console.log(`\n${name}: ${row.folder}`);
    const { passed, line } = await tryRow(
      name,
      row,
      models.map(file => path.join(folder, file)),
    ).catch(error => {
      if (!(error instanceof Failure)) throw error;
      return { passed: false, line: error.message };
    });
    if (!passed) failed++;
    lines.push(`${passed ? '✔' : '✖'} ${line}`);
  }
  console.log(`\n${lines.join('\n')}\n${lines.length - failed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
});
