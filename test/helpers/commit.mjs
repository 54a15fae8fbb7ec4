// Writes a report of small files and kills itself at the k-th renaming or removal: `node commit.mjs OUTDIR TEXT K`.
import fs from 'node:fs/promises';
import path from 'node:path';

const [outdir, text, at] = process.argv.slice(2);
let steps = 0;
for (const name of ['rename', 'rm', 'unlink']) {
  const real = fs[name];
  fs[name] = async (...args) => {
    if (++steps === Number(at)) {
      process.kill(process.pid, 'SIGKILL');
      await new Promise(() => {});
    }
    return real.apply(fs, args);
  };
}

const { StagedFolder } = await import('../../lib/report/outdir.js');
const staged = await StagedFolder.open(outdir, ['conv1', 'conv2']);
for (const name of [
  'dissect.json',
  'index.html',
  'conv1/dissect.json',
  'conv1/image/0-top.jpg',
  'conv2/dissect.json',
]) {
  await fs.mkdir(path.dirname(path.join(staged.path, name)), { recursive: true });
  await fs.writeFile(path.join(staged.path, name), text);
}
await staged.commit('dissect.json');
