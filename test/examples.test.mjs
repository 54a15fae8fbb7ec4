// examples/, without a scheduler: what one puts into the environment is put there.
import { execFile } from 'node:child_process';
import fs from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import { temporaryFolder } from './helpers/broden.mjs';
import { commandOnPath, filesIn, repeatedSample } from './helpers/examples.mjs';

const run = promisify(execFile);
const examples = path.join(import.meta.dirname, '../examples');

test('the scripts for Slurm, the arguments for Kubernetes and the line for xargs give the report of a single run', async t => {
  t.timeout(5 * 60_000);
  const folder = await temporaryFolder(t);
  const at = name => path.join(folder, name);
  const PATH = await commandOnPath(at('bin'));
  const inFolder = (env, ...words) =>
    run(words[0], words.slice(1), { cwd: folder, env: { ...process.env, PATH, ...env } });
  const options = [...(await repeatedSample(at('data'), 1)), '--size', '24', '--no-cuda'];
  await inFolder({}, 'netdissect-native', ...options, '--outdir', 'single');
  const single = await filesIn(at('single'));
  t.true(Object.keys(single).length > 3);

  const observe = path.join(examples, 'slurm/observe.sh');
  for (const task of ['1', '2'])
    await inFolder(
      { SLURM_ARRAY_TASK_ID: task, SLURM_ARRAY_TASK_MIN: '1', SLURM_ARRAY_TASK_COUNT: '2' },
      ...[observe, 'slurm', ...options],
    );
  await inFolder({}, path.join(examples, 'slurm/analyse.sh'), 'slurm', 'report-slurm', '--threads', '1').then(
    () => t.fail('threads are given twice'),
    error => t.regex(error.stderr, /--threads is given 2 times/),
  );
  await inFolder({}, path.join(examples, 'slurm/analyse.sh'), 'slurm', 'report-slurm');
  t.deepEqual(await filesIn(at('report-slurm')), single);

  const manifest = await fs.readFile(path.join(examples, 'kubernetes/observe.yaml'), 'utf8');
  const args = Array.from(manifest.matchAll(/^ {12}- (\S+)$/gm), ([, argument]) => argument);
  const [, completions] = /^ {2}completions: (\d+)$/m.exec(manifest);
  t.is(args.at(-1), `--shard=auto/${completions}`);
  const own = args
    .slice(args.indexOf('--no-cuda') + 1)
    .map(argument => argument.replace(/^--store=.*/, '--store=kubernetes'));
  t.deepEqual(own.slice(-2), ['--store=kubernetes', '--shard=auto/8']);
  for (let index = 0; index < 8; index++)
    await inFolder({ JOB_COMPLETION_INDEX: `${index}` }, 'netdissect-native', ...options, ...own);
  await inFolder({}, 'netdissect-native', 'analyse', 'kubernetes', '--outdir', 'report-kubernetes');
  t.deepEqual(await filesIn(at('report-kubernetes')), single);

  const readme = await fs.readFile(path.join(examples, 'slurm/README.md'), 'utf8');
  const [, line] = /^ {4}(seq .*xargs .*)$/m.exec(readme);
  await inFolder({}, 'sh', '-euc', line, 'sh', ...options);
  await inFolder({}, 'netdissect-native', 'analyse', 'kept', '--outdir', 'report-xargs');
  t.deepEqual(await filesIn(at('report-xargs')), single);
});

test('the scripts for Slurm say how they are called', async t => {
  for (const name of ['observe', 'analyse']) {
    const error = await t.throwsAsync(run(path.join(examples, `slurm/${name}.sh`), ['kept']));
    t.regex(error.stderr, new RegExp(`^usage: sbatch --.* ${name}.sh STORE .*\\n$`));
  }
});
