/**
 * A Slurm of one node, all of it in one folder and as whoever starts it; for tests, and by hand:
 *
 *     node test/helpers/slurm.mjs install          # Debian's packages, as root
 *     node test/helpers/slurm.mjs start FOLDER     # prints what to export
 *     node test/helpers/slurm.mjs stop FOLDER
 */
import { execFile, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs/promises';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { isScript, which } from '../../scripts/tools.mjs';

const run = promisify(execFile);
const PROGRAMS = ['munged', 'slurmctld', 'slurmd', 'sbatch'];
/** As many tasks at once as the tests have, whatever the machine has. */
const CORES = 4;

/** What is missing for a Slurm; undefined where nothing is. */
export const missing = () => PROGRAMS.find(program => !which(program));

export function install() {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  for (const args of [['update'], ['install', '-y', '--no-install-recommends', 'slurm-wlm', 'munge']])
    if (spawnSync('apt-get', args, { env, stdio: 'inherit' }).status !== 0)
      throw new Error(`apt-get ${args[0]} failed; slurm-wlm and munge are needed`);
}

async function freePorts(count) {
  const servers = Array.from({ length: count }, () => net.createServer());
  await Promise.all(servers.map(server => new Promise(resolve => server.listen(0, resolve))));
  const ports = servers.map(server => server.address().port);
  for (const server of servers) server.close();
  return ports;
}

/** Tries until it holds; what it rejects with at last is the error. */
async function eventually(what, seconds, attempt) {
  for (const end = Date.now() + seconds * 1000; ; await sleep(100))
    try {
      return await attempt();
    } catch (error) {
      if (Date.now() > end) throw new Error(`no ${what} after ${seconds} s: ${error.message}`);
    }
}

/**
 * Starts munge, the controller and the node, and waits until it takes jobs.
 *
 * @returns the environment of Slurm's commands
 */
export async function start(folder) {
  const at = name => path.join(path.resolve(folder), name); // Slurm runs no job with relative paths
  const host = os.hostname().split('.')[0];
  const user = os.userInfo().username;
  const [controller, node] = await freePorts(2);
  for (const name of ['state', 'spool', 'log', 'run']) await fs.mkdir(at(name), { recursive: true });
  await fs.writeFile(at('munge.key'), randomBytes(128), { mode: 0o600 });
  await fs.writeFile(
    at('slurm.conf'),
    `ClusterName=test
SlurmctldHost=${host}(127.0.0.1)
SlurmUser=${user}
SlurmdUser=${user}
AuthType=auth/munge
# a task that is requeued waits until the credential of its last run is over
AuthInfo=socket=${at('run/munge')},cred_expire=5
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
JobCompType=jobcomp/filetxt
JobCompLoc=${at('log/completed')}
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
# what a job waits for is looked at every other second, not every minute
SchedulerParameters=sched_interval=2,bf_interval=2
ReturnToService=2
KillWait=5
SlurmctldPort=${controller}
SlurmdPort=${node}
StateSaveLocation=${at('state')}
SlurmdSpoolDir=${at('spool')}
SlurmctldPidFile=${at('run/slurmctld.pid')}
SlurmdPidFile=${at('run/slurmd.pid')}
SlurmctldLogFile=${at('log/slurmctld.log')}
SlurmdLogFile=${at('log/slurmd.log')}
NodeName=${host} NodeAddr=127.0.0.1 CPUs=${CORES} RealMemory=65536 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
`,
  );
  const env = { ...process.env, SLURM_CONF: at('slurm.conf') };
  // biome-ignore format: an option and its value a line
  await run('munged', [
    '--force', // the folder is for one user alone
    '--key-file', at('munge.key'),
    '--socket', at('run/munge'),
    '--pid-file', at('run/munged.pid'),
    '--log-file', at('log/munged.log'),
    '--seed-file', at('run/munged.seed'),
  ]);
  try {
    await run('slurmctld', [], { env });
    await run('slurmd', [], { env });
    await eventually('idle node', 60, async () => {
      const { stdout } = await run('sinfo', ['--noheader', '--format=%T'], { env });
      if (stdout.trim() !== 'idle') throw new Error(`it is ${stdout.trim()}`);
    });
  } catch (error) {
    await stop(folder);
    throw error;
  }
  return env;
}

/** Stops what `start` started; the folder stays. */
export async function stop(folder) {
  for (const daemon of ['slurmd', 'slurmctld', 'munged']) {
    const file = path.join(folder, 'run', `${daemon}.pid`);
    const pid = Number(await fs.readFile(file, 'utf8').catch(() => 0));
    if (pid === 0) continue;
    try {
      process.kill(pid);
      await eventually(`end of ${daemon}`, 30, async () => {
        if (await fs.stat(file).catch(() => undefined)) throw new Error('it runs');
      });
    } catch (error) {
      if (error.code !== 'ESRCH') process.kill(pid, 'SIGKILL');
    }
  }
}

if (isScript(import.meta.filename)) {
  const [action, folder] = process.argv.slice(2);
  if (action === 'install') install();
  else if (action === 'start' && folder) {
    const { SLURM_CONF } = await start(folder);
    console.log(`export SLURM_CONF=${SLURM_CONF}`);
  } else if (action === 'stop' && folder) await stop(folder);
  else {
    console.error('usage: node test/helpers/slurm.mjs install | start FOLDER | stop FOLDER');
    process.exitCode = 1;
  }
}
