/** A headless Chromium driven over its debugging pipe, for what only a browser can tell. */

import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';

/** The command of an installed Chromium, or undefined. */
export const chromium = ['chromium', 'chromium-browser', 'google-chrome'].find(
  command => spawnSync(command, ['--version']).status === 0,
);

/** Starts a browser: `{open(url), run(expression), problems, close()}`. */
export async function openBrowser() {
  const profile = await fs.mkdtemp(path.join(os.tmpdir(), 'netdissect-chromium-'));
  const flags = ['--headless', '--no-sandbox', '--disable-gpu', '--remote-debugging-pipe'];
  const child = spawn(chromium, [...flags, `--user-data-dir=${profile}`, 'about:blank'], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
  });
  const exited = new Promise(resolve => child.once('exit', resolve));
  const answers = new Map();
  const loads = [];
  const problems = [];

  function receive({ id, method, params, result, error }) {
    if (id) answers.get(id)(error ? { error } : { result });
    else if (method === 'Page.loadEventFired') loads.shift()?.();
    else if (method === 'Log.entryAdded') problems.push(params.entry.text);
    else if (method === 'Runtime.exceptionThrown') problems.push(params.exceptionDetails.text);
  }
  let rest = '';
  child.stdio[4].setEncoding('utf8').on('data', text => {
    const messages = (rest + text).split('\0');
    rest = messages.pop();
    for (const message of messages) receive(JSON.parse(message));
  });

  async function send(method, params, sessionId) {
    const id = answers.size + 1;
    const answer = new Promise(resolve => answers.set(id, resolve));
    child.stdio[3].write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    const { result, error } = await answer;
    if (error) throw new Error(`${method}: ${error.message}`);
    return result;
  }

  const { targetInfos } = await send('Target.getTargets');
  const { targetId } = targetInfos.find(({ type }) => type === 'page');
  const { sessionId } = await send('Target.attachToTarget', { targetId, flatten: true });
  for (const domain of ['Page', 'Runtime', 'Log']) await send(`${domain}.enable`, {}, sessionId);

  return {
    /** What the console complained of, broken policies included. */
    problems,
    async open(url) {
      const loaded = new Promise(resolve => loads.push(resolve));
      await send('Page.navigate', { url }, sessionId);
      await loaded;
    },
    async run(expression) {
      const parameters = { expression, returnByValue: true, awaitPromise: true };
      const { result, exceptionDetails } = await send('Runtime.evaluate', parameters, sessionId);
      if (exceptionDetails) throw new Error(exceptionDetails.exception.description);
      return result.value;
    },
    async close() {
      await send('Browser.close');
      await exited;
      // Its helpers may outlive it by a moment and write once more.
      await fs.rm(profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
    },
  };
}
