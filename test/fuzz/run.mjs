// Runs a stretch of cases in a process of its own, and finds out where it crashes, hangs or grows.
import { spawn } from 'node:child_process';
import path from 'node:path';
import readline from 'node:readline';

/** A case that takes longer hangs: most take some milliseconds. */
const PATIENCE = 30_000;
/** The largest image that is read takes as much. */
const MOST_MEBIBYTES = 2048;

/** Resolves to `{read, refused, problems}`; a problem is `{number, problem}`. */
export async function runCases(kind, seed, from, to) {
  const counts = { read: 0, refused: 0, problems: [] };
  for (let next = from; next < to; ) next = await stretch(kind, seed, next, to, counts);
  return counts;
}

/** Resolves to the number to go on with after a crash, or `to`. */
function stretch(kind, seed, from, to, counts) {
  return new Promise((resolve, reject) => {
    const child = spawn(
      process.execPath,
      [path.join(import.meta.dirname, 'child.mjs'), kind, seed, from, to],
      {
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    let at = from - 1;
    let open = true; // a case is begun, and not over
    let hung = false;
    let errors = '';
    let timer;
    const wait = () => {
      clearTimeout(timer);
      timer = setTimeout(() => {
        hung = true;
        child.kill('SIGKILL');
      }, PATIENCE);
    };
    wait();
    const problem = text => counts.problems.push({ number: at, problem: text });
    readline.createInterface({ input: child.stdout }).on('line', line => {
      const { number, begun, outcome, problem: found, mebibytes = 0 } = JSON.parse(line);
      wait();
      at = number;
      open = begun === true;
      if (outcome === 'fault') problem(found);
      else if (mebibytes > MOST_MEBIBYTES) {
        problem(`${mebibytes} MiB were taken`);
        child.kill('SIGKILL'); // the others are to be measured anew
      } else if (outcome) counts[outcome]++;
    });
    child.stderr.on('data', data => {
      errors = `${errors}${data}`.slice(-1000);
    });
    child.once('error', reject);
    child.once('close', (code, signal) => {
      clearTimeout(timer);
      if (open && at < from) return reject(new Error(`no case was begun: ${errors}`));
      if (open)
        problem(hung ? `hangs for over ${PATIENCE / 1000} s` : `crashes (${signal ?? code}): ${errors}`);
      resolve(code === 0 ? to : at + 1);
    });
  });
}
