/**
 * What the scripts share: plain messages, running programs, folders that vanish when a script is interrupted,
 * and fingerprints of files. Node built-ins alone, since a fresh clone has no node_modules.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';

export const root = path.dirname(import.meta.dirname);

/** A failure whose message is meant for the person at the terminal: shown without a stack. */
export class Failure extends Error {}

export const say = line => console.log(`setup: ${line}`);

const children = new Set();
const temporary = new Set();

/** An empty folder in build/ that is removed by `discard`, and when this process is interrupted. */
export function temporaryFolder(purpose) {
  const folder = path.join(root, 'build', `part-${purpose}-${process.pid}`);
  fs.mkdirSync(folder, { recursive: true });
  temporary.add(folder);
  return folder;
}

/** Has a folder that a program is making removed when this process is interrupted, until `kept`. */
export const doubtful = folder => temporary.add(folder);
export const kept = folder => temporary.delete(folder);

export function discard(folder) {
  fs.rmSync(folder, { recursive: true, force: true });
  temporary.delete(folder);
}

/** Removes what an earlier run that was killed outright could not. */
export function discardLeftovers() {
  const build = path.join(root, 'build');
  if (!fs.existsSync(build)) return;
  const anHourAgo = Date.now() - 3_600_000;
  for (const name of fs.readdirSync(build)) {
    const folder = path.join(build, name);
    if (!name.startsWith('part-') || temporary.has(folder)) continue;
    if (fs.statSync(folder).mtimeMs < anHourAgo) discard(folder);
  }
}

let stopping = null;

async function stop(signal, number) {
  if (stopping) return;
  stopping = signal;
  for (const child of children) child.kill(signal);
  // A program that ignores the signal must not keep the terminal for good.
  setTimeout(() => children.forEach(child => void child.kill('SIGKILL')), 10_000).unref();
  await Promise.all([...children].map(child => new Promise(resolve => child.once('close', resolve))));
  for (const folder of temporary) discard(folder);
  console.error(`\nStopped by ${signal}; nothing half-made was left behind.`);
  process.exit(128 + number);
}

process.on('SIGHUP', () => stop('SIGHUP', 1));
process.on('SIGINT', () => stop('SIGINT', 2));
process.on('SIGTERM', () => stop('SIGTERM', 15));

/** Starts a program that is stopped when this one is. */
export function start(command, args, options) {
  const child = spawn(command, args, { cwd: root, ...options });
  children.add(child);
  child.once('close', () => children.delete(child));
  return child;
}

/** Once a signal has come nothing may go on, not even to report the failure of the program it stopped. */
const settled = value => (stopping ? new Promise(() => {}) : value);

/** Runs a program with its output shown; its exit status. */
export function run(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = start(command, args, { stdio: 'inherit', ...options });
    child.once('error', reject);
    child.once('close', code => resolve(settled(code ?? 1)));
  });
}

/** Runs a program and keeps what it prints. A program that is not there has status 127. */
export function capture(command, args, options = {}) {
  return new Promise(resolve => {
    const child = start(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', text => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', text => {
      stderr += text;
    });
    child.once('error', error => resolve({ status: 127, stdout, stderr: error.message }));
    child.once('close', code => resolve(settled({ status: code ?? 1, stdout, stderr })));
  });
}

/** Where the sources are, which npm compares with what a package's provenance says; none where the clone is of a folder. */
export function repositoryOf(origin) {
  const [, host, place] =
    /^(?:(?:git\+)?https?:\/\/(?:[^@/]*@)?|ssh:\/\/git@|git@)([\w.-]+)[/:]([\w./-]+?)(?:\.git)?\/?$/.exec(
      origin.trim(),
    ) ?? [];
  return host && { type: 'git', url: `git+https://${host}/${place}.git` };
}

/** Of this clone. */
export async function ownRepository() {
  const { stdout } = await capture('git', ['remote', 'get-url', 'origin'], { cwd: root });
  return repositoryOf(stdout);
}

/** The path of a program that PATH leads to, or null. */
export function which(program) {
  for (const folder of (process.env.PATH ?? '').split(path.delimiter)) {
    const file = path.join(folder, program);
    try {
      fs.accessSync(file, fs.constants.X_OK);
      if (fs.statSync(file).isFile()) return file;
    } catch {
      // Not in this folder.
    }
  }
  return null;
}

export function readJson(file, otherwise = null) {
  try {
    return JSON.parse(fs.readFileSync(file, 'utf8'));
  } catch {
    return otherwise;
  }
}

/** Writes a file so that no reader ever sees half of it. */
export function writeJson(file, value) {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  const part = `${file}.${process.pid}.part`;
  fs.writeFileSync(part, `${JSON.stringify(value, null, 2)}\n`);
  fs.renameSync(part, file);
}

/** All files under a folder (or the file itself), sorted, as paths from the project's folder. */
export function filesUnder(name) {
  const top = path.join(root, name);
  if (!fs.existsSync(top)) return [];
  if (fs.statSync(top).isFile()) return [name];
  return fs
    .readdirSync(top, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => path.relative(root, path.join(entry.parentPath ?? entry.path, entry.name)))
    .sort();
}

/** One fingerprint of the contents of files and of further text. */
export function fingerprint(names, ...further) {
  const hash = createHash('sha256');
  for (const name of names.flatMap(filesUnder)) {
    const bytes = fs.readFileSync(path.join(root, name));
    hash.update(`${name}\0${bytes.length}\0`).update(bytes);
  }
  return hash.update(JSON.stringify(further)).digest('hex');
}

/** Runs a script's main function: a Failure is one message and exit status 1, anything else a stack. */
export async function main(body) {
  try {
    process.exitCode = (await body()) ?? 0;
  } catch (error) {
    for (const folder of temporary) discard(folder);
    if (!(error instanceof Failure)) throw error;
    console.error(error.message);
    process.exitCode = 1;
  }
}

/** Whether a module is the script that Node was started with. */
export const isScript = file => Boolean(process.argv[1]) && fs.realpathSync(process.argv[1]) === file;
