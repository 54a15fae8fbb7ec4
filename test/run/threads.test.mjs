// Threads belong to a model: what it computes is what it computes alone, whatever models a process loads besides.
import { execFile } from 'node:child_process';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';

const root = path.join(import.meta.dirname, '../..');

/** Loads the sample model once for each number of threads, then runs each: a digest of its output by threads. */
const SCRIPT = `
  const { createHash } = require('node:crypto');
  const { loadModel, retainLayers } = require(process.argv[1]);
  (async () => {
    const order = JSON.parse(process.argv[2]);
    const models = [];
    for (const threads of order) models.push(await loadModel('sample/model.pt', { threads, device: 'cpu' }));
    let seed = 1;
    const pixels = Float32Array.from({ length: 3 * 64 * 64 }, () => {
      seed = (seed * 1103515245 + 12345) % 2147483648;
      return seed / 1073741824 - 1;
    });
    const found = {};
    for (const [i, model] of models.entries()) {
      retainLayers(model, ['conv5']);
      // the executor's first runs go other ways than those after them
      for (let run = 0; run < 2; run++) await model.forward(pixels, [1, 3, 64, 64]);
      const [{ values }] = await model.forward(pixels, [1, 3, 64, 64]);
      found[order[i]] = createHash('sha256').update(values).digest('hex');
      model.close();
    }
    console.log(JSON.stringify(found));
  })();
`;

async function outputs(...order) {
  const args = ['-e', SCRIPT, path.join(root, 'lib/index.js'), JSON.stringify(order)];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: root });
  return JSON.parse(stdout);
}

test('models of one process with different numbers of threads give what each gives alone', async t => {
  const alone = { ...(await outputs(1)), ...(await outputs(2)) };
  if (os.availableParallelism() === 1 || alone[1] === alone[2])
    t.log('1 and 2 threads agree to the last bit here');
  t.deepEqual(await outputs(1, 2), alone);
  t.deepEqual(await outputs(2, 1), alone);
});
