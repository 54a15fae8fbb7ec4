// Prints a digest of many results and the instruction set that gave them.
import { createHash } from 'node:crypto';
import resampling from '../../lib/dataset/images/resample.js';
import { native } from '../../lib/native/native.js';
import { identityModel, nativeDissect } from './native.mjs';
import { randomInput, randomSource, VALUES } from './random.mjs';

const { resample } = resampling;
const ends = [];
const model = await identityModel({ teardown: end => ends.push(end) });
const hash = createHash('sha256');
let seed = 1000;
for (const value of Object.values(VALUES))
  for (const shape of [
    [9, 13, 13],
    [3, 1, 1],
    [4, 33, 70],
    [2, 56, 56],
  ]) {
    const result = await nativeDissect(
      model,
      randomInput(seed++, { shape, images: 20, size: [50, 113], value }),
    );
    for (const values of Object.values(result)) if (ArrayBuffer.isView(values)) hash.update(values);
  }
for (const [height, width] of [
  [61, 47],
  [200, 300],
]) {
  const random = randomSource(seed++);
  const pixels = Uint8Array.from({ length: height * width * 3 }, () => random.below(256));
  const window = { top: 0.3, left: 1.7, height: height - 4.1, width: width - 2.6 };
  hash.update(await resample(pixels, [height, width], window, [97, 113]));
}
console.log(JSON.stringify({ simd: native().describe().simd, digest: hash.digest('hex') }));
for (const end of ends) end();
