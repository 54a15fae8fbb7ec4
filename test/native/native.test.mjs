// The engine's life: it ends cleanly wherever it is.
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { setTimeout } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import test from 'ava';
import {
  BrodenDataset,
  dissect,
  loadModel,
  NetdissectError,
  ReverseNormalize,
  retainLayers,
} from '../../lib/index.js';
import { native } from '../../lib/native/native.js';
import { identityModel } from '../helpers/native.mjs';

const endless = new URL('./../helpers/endless.mjs', import.meta.url);

const run = (mode, signal) =>
  new Promise(resolve => {
    const child = spawn(process.execPath, [endless.pathname, mode], { stdio: ['ignore', 'pipe', 'pipe'] });
    let text = '';
    child.stdout.on('data', data => {
      text += data;
      if (signal && text.includes('running')) child.kill(signal);
    });
    child.stderr.on('data', data => {
      text += data;
    });
    child.on('close', (code, killed) => resolve({ code, killed, text }));
  });

test('process.exit() during a forward ends the process with its code', async t => {
  t.like(await run('exit'), { code: 7, killed: null });
});

test('an uncaught exception during a forward ends the process as ever', async t => {
  const { code, killed, text } = await run('throw');
  t.is(killed, null);
  t.is(code, 1);
  t.regex(text, /thrown on purpose/);
});

test('a process ends by itself when a model is left open', async t => {
  t.like(await run('leave'), { code: 0, killed: null });
});

test('a worker thread can be terminated during a forward or while it resizes, and another one started', async t => {
  for (const mode of ['loop', 'resize', 'loop', 'resize', 'resize']) {
    const worker = new Worker(endless, { argv: [mode], stdout: true });
    await new Promise(resolve => worker.stdout.once('data', resolve));
    await setTimeout(20);
    await worker.terminate();
  }
  const model = await identityModel(t);
  t.is((await model.forward(['units'], new Float32Array(4), [1, 1, 2, 2])).length, 1);
});

test('closing a model during a forward waits for it', async t => {
  const model = await identityModel(t);
  const forward = model.forward(['units'], new Float32Array(1000 * 1000), [1, 1, 1000, 1000]);
  model.close();
  t.is((await forward)[0].values.length, 1000 * 1000);
});

// A forward that never returns cannot be interrupted: it is left behind.
const stuck = new URL('./../helpers/stuck.mjs', import.meta.url);

for (const mode of ['exit', 'throw', 'worker', 'close'])
  test(`a forward that never returns: ${mode} within two seconds`, async t => {
    const child = spawn(process.execPath, [stuck.pathname, mode], { stdio: ['ignore', 'pipe', 'pipe'] });
    let text = '';
    let ending;
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', data => {
        text += data;
        if (text.includes('ending')) ending ??= Date.now();
      });
    const [code, signal] = await new Promise(resolve => child.on('close', (...end) => resolve(end)));
    t.is(signal, null, text);
    t.is(code, { exit: 7, throw: 1, worker: 0, close: 5 }[mode], text);
    const took = mode === 'worker' ? Number(/terminated in (\d+)/.exec(text)[1]) : Date.now() - ending;
    // much longer than it takes on a machine that does nothing else, without a sanitizer
    t.true(took < (process.env.ASAN_OPTIONS ? 60_000 : 20_000), `${took} ms: ${text}`);
    t.log(`${took} ms`);
    if (mode === 'worker') t.regex(text, /another model: 4 values/);
  });

test('the addon says what it runs on', t => {
  const { libtorch, cuda, simd } = native().describe();
  t.regex(libtorch, /^\d+\.\d+\.\d+/);
  t.is(typeof cuda, 'boolean');
  t.true(['portable', 'avx2', 'avx512'].includes(simd));
});

test('the package can be required and imported, with the same members', t => {
  const required = createRequire(import.meta.url)('../../lib/index.js');
  t.is(loadModel, required.loadModel);
  t.is(retainLayers, required.retainLayers);
  t.is(BrodenDataset, required.BrodenDataset);
  t.is(ReverseNormalize, required.ReverseNormalize);
  t.is(dissect, required.dissect);
  t.is(NetdissectError, required.NetdissectError);
});
