// Keeps an engine busy: node endless.mjs exit|throw|leave|loop
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
