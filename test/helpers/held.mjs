// Prints what V8 is told of memory that is held natively, from step to step.
import { native } from '../../lib/native/native.js';
import { modelFile } from '../fixtures/models.mjs';
import { nativeOptions } from './native.mjs';

const external = () => native().describe().external;
const settle = async work => {
  const before = external();
  const result = await work();
  return [result, external() - before];
};

const addon = native();
for (let i = 0; i < 2; i++) {
  const first = new addon.NativeModel(1); // what else is made once
  await first.load(modelFile('alexnet_s.pt'), 'cpu');
  await first.close();
}
const big = new addon.NativeModel(1);
const [, loaded] = await settle(() => big.load(modelFile('alexnet_s.pt'), 'cpu'));
const parameters = await big.parameters();
const weights = parameters.reduce(
  (sum, { shape }) => sum + 4 * shape.reduce((product, side) => product * side, 1),
  0,
);
const [, freed] = await settle(() => big.close());

const model = new addon.NativeModel(1);
await model.load(modelFile('identity_s.pt'), 'cpu');
const images = 8;
const input = {
  shape: [64, 16, 16],
  activations: Array.from({ length: images }),
  quantile: 0.9,
  topImages: 2,
};
const pixels = Float32Array.from({ length: images * 64 * 256 }, (_, i) => Math.sin(i));
const dissection = await model.dissect(nativeOptions(input));
const [, observed] = await settle(() => dissection.observe({ first: 0, count: images, pixels }));
const [, closed] = await settle(() => dissection.close());
await model.close();
console.log(
  JSON.stringify({
    loaded: loaded,
    weights,
    observed: loaded + observed,
    kept: Math.round(0.8 * pixels.byteLength),
    closed: loaded + freed + observed + closed,
  }),
);
