// Runs the command on the sample in a process of its own, with variables that the engine reads.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

const root = path.join(import.meta.dirname, '../..');

export const SAMPLE = [
  ...['--model', 'sample/model.pt', '--broden', 'sample/broden', '--imgsize', '224', '--netname', 'sample'],
  ...['--split', 'all', '--size', '20', '--decoys', '1', '--bootstrap', '10', '--threads', '1'],
];

/** Resolves to `{code, stdout, stderr}`. */
export function runCommand(args, env = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [path.join(root, 'lib/cli.js'), ...args], {
      cwd: root,
      env: { ...process.env, ...env },
    });
    const result = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'])
      child[name].setEncoding('utf8').on('data', text => {
        result[name] += text;
      });
    child.once('error', reject);
    child.once('close', code => resolve({ code, ...result }));
  });
}

/** The files of a folder that differ from another's, or are in one of them only. */
export function differingFiles(a, b) {
  const files = folder =>
    fs
      .readdirSync(folder, { recursive: true })
      .filter(name => fs.statSync(path.join(folder, name)).isFile())
      .sort();
  const all = new Set([...files(a), ...files(b)]);
  return [...all].filter(name => {
    const [one, other] = [a, b].map(folder => path.join(folder, name));
    return (
      !fs.existsSync(one) || !fs.existsSync(other) || !fs.readFileSync(one).equals(fs.readFileSync(other))
    );
  });
}
