// Keeps an engine busy, or the pool's threads: node endless.mjs exit|throw|leave|loop|resize
import { native } from '../../lib/native/native.js';
import { identityModel } from './native.mjs';

const mode = process.argv[2];
const model = await identityModel({ teardown() {} });
const pixels = new Float32Array(64 * 500 * 500);
const forward = () => model.forward(['units'], pixels, [1, 64, 500, 500]);
await model.forward(['units'], new Float32Array(1), [1, 1, 1, 1]);
console.log('running');
if (mode === 'exit') {
  for (let i = 0; i < 5; i++) forward();
  setTimeout(() => process.exit(7), 20);
} else if (mode === 'throw') {
  for (let i = 0; i < 5; i++) forward();
  setTimeout(() => {
    throw new Error('thrown on purpose');
  }, 20);
} else if (mode === 'loop') for (;;) await forward();
else if (mode === 'resize') {
  const window = { top: 0, left: 0, height: 1000, width: 1000 };
  const source = new Uint8Array(3 * 1000 * 1000);
  const resize = () =>
    native().resample(source, [1000, 1000], window, [900, 900], new Uint8Array(3 * 900 * 900));
  for (;;) await Promise.all([resize(), resize(), resize()]);
}
