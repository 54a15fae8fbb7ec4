/**
 * A user's first hour on a machine that has nothing but Debian and Node.js: `node scripts/clean-machine.mjs [SUITE]`, trixie by
 * default, as root. A root file system is made with debootstrap (kept in `build/machine/` for the next time, copied for each
 * run), and the README's commands are run in it, against a registry on this machine; a transcript with times and sizes is
 * printed. For every night.
 *
 * A suite whose Node.js is too old (bullseye, bookworm) gets the one that runs this script, which wants no more than glibc 2.28.
 */
import fs from 'node:fs';
import path from 'node:path';
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

await main(async () => {
  const [suite = 'trixie'] = process.argv.slice(2);
  if (process.getuid() !== 0 || !canUseApt())
    throw new Failure('A root file system is made as root, on Debian.');
  const made = await base(suite);
  const folder = path.join(WORK, `run-${process.pid}`);
  await run('cp', ['-a', made, folder]);
  const server = await startRegistry();
  let failed = 0;
  try {
    fs.mkdirSync(path.join(folder, 'home/user'), { recursive: true });
    for (const [command, expected] of HOUR) {
      console.log(`$ ${command}`);
      const begin = Date.now();
      const { status, stdout, stderr } = await within(folder, `cd /home/user && ${command}`, {
        HOME: '/home/user',
        npm_config_registry: REGISTRY,
        npm_config_update_notifier: 'false',
      });
      const fine = status === 0 && expected.test(stdout);
      if (!fine) failed++;
      console.log(`${stdout}${stderr}`.trimEnd());
      console.log(`${fine ? '✔' : `✖ status ${status}`} ${((Date.now() - begin) / 1000).toFixed(1)} s\n`);
    }
  } finally {
    server.kill();
    fs.rmSync(folder, { recursive: true, force: true });
  }
  console.log(`${HOUR.length - failed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
});
