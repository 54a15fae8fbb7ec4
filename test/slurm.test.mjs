// examples/slurm/ on a real Slurm of one node. Skipped where Slurm is not installed; test/helpers/slurm.mjs installs it.
import { execFile } from 'node:child_process';
import fs from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import test from 'ava';
import { temporaryFolder } from './helpers/broden.mjs';
import { commandOnPath, filesIn, repeatedSample } from './helpers/examples.mjs';
import { missing, start, stop } from './helpers/slurm.mjs';

const run = promisify(execFile);
const examples = path.join(import.meta.dirname, '../examples/slurm');
const slurm = missing() ? test.skip : test;

/** A Slurm that ends with the test, and what is asked of it, in a folder. */
async function cluster(t) {
  const folder = await temporaryFolder(t);
  const own = path.join(folder, 'slurm');
  await fs.mkdir(own);
  t.teardown(() => stop(own));
  const env = { ...(await start(own)), PATH: await commandOnPath(path.join(folder, 'bin')) };
  const command = async (...words) =>
    (await run(words[0], words.slice(1), { env, cwd: folder })).stdout.trim();
  const job = async id => {
    const text = await command('scontrol', '--oneliner', 'show', 'job', id);
    return Object.fromEntries(Array.from(text.matchAll(/(\w+)=(\S*)/g), ([, key, value]) => [key, value]));
  };
  /** Waits until something comes of it. */
  const until = async (what, attempt) => {
    for (const end = Date.now() + 120_000; ; await sleep(50)) {
      const result = await attempt();
      if (result) return result;
      if (Date.now() > end)
        throw new Error(`no ${what}\n${await command('squeue', '--all', '--states=all')}`);
    }
  };
  const submit = (options, script, ...args) =>
    command('sbatch', '--parsable', '--cpus-per-task=1', ...options, path.join(examples, script), ...args);
  const inState = (id, state) => until(`${state} of ${id}`, async () => (await job(id)).JobState === state);
  /** The state that a job ended in, with what it printed. */
  const ended = async id => {
    const last = await until(`end of ${id}`, async () => {
      const now = await job(id);
      return /^(PENDING|CONFIGURING|RUNNING|COMPLETING)$/.test(now.JobState) ? undefined : now;
    });
    return `${last.JobState}\n${await fs.readFile(last.StdOut, 'utf8').catch(() => '')}`;
  };
  return { at: name => path.join(folder, name), command, ended, inState, job, submit, until };
}

slurm('a task that is killed goes on when it is requeued, to the report of a single run', async t => {
  t.timeout(5 * 60_000);
  const { at, command, ended, inState, job, submit, until } = await cluster(t);
  const options = await repeatedSample(at('data'), 4);
  const part = at('store/shard-2-of-4');
  const array = await submit(
    ['--array=1-4'],
    'observe.sh',
    at('store'),
    ...options,
    ...['--batch_size', '8', '--checkpoint', '0'],
  );
  await until('checkpoint', () => fs.stat(path.join(part, 'state')).catch(() => null));
  const [pid] = (await fs.readFile(path.join(part, 'writer'), 'utf8')).split('.');
  process.kill(Number(pid), 'SIGKILL');
  await inState(`${array}_2`, 'FAILED');
  t.is((await job(`${array}_2`)).ExitCode, '0:9');
  const before = await fs.stat(path.join(part, 'blocks'));
  await command('scontrol', 'requeue', `${array}_2`);

  const analysis = await submit([`--dependency=afterany:${array}`], 'analyse.sh', at('store'), at('report'));
  t.is((await job(analysis)).Reason, 'Dependency');
  t.regex(await ended(analysis), /^COMPLETED\n/);
  const { JobState, Restarts } = await job(`${array}_2`);
  t.deepEqual({ JobState, Restarts }, { JobState: 'COMPLETED', Restarts: '1' });
  const after = await fs.stat(path.join(part, 'blocks'));
  t.is(after.ino, before.ino, 'it went on with what it had');
  t.true(after.size > before.size && before.size > 0);

  await command('netdissect-native', ...options, '--outdir', 'single', '--quiet');
  t.deepEqual(await filesIn(at('report')), await filesIn(at('single')));
});

slurm('two rounds of an array, for two passes, give it, too; a task is requeued while it runs', async t => {
  t.timeout(5 * 60_000);
  const { at, command, ended, inState, job, submit } = await cluster(t);
  // so much is kept of so few units that the memory is too short for one pass, and long enough for two
  const options = [
    ...(await repeatedSample(at('data'), 1, ['conv1'])),
    ...['--quantile', '0.5', '--memory', '18'],
  ];
  const observe = ['observe.sh', at('store'), ...options];
  const first = await submit(['--array=0-9:3'], ...observe);
  const second = await submit(['--array=0-9:3', `--dependency=afterok:${first}`], ...observe);
  const analysis = await submit([`--dependency=afterok:${second}`], 'analyse.sh', at('store'), at('report'));
  await inState(`${first}_6`, 'RUNNING');
  await command('scontrol', 'requeue', `${first}_6`);
  t.regex(await ended(analysis), /^COMPLETED\n/);
  t.is((await job(`${first}_6`)).Restarts, '1');
  t.regex(
    await fs.readFile(at(`observe-${first}-0.log`), 'utf8'),
    /^observed, pass 1: .*\n.*run this again/m,
  );

  await command('netdissect-native', ...options, '--outdir', 'single', '--quiet');
  t.deepEqual(await filesIn(at('report')), await filesIn(at('single')));
});
