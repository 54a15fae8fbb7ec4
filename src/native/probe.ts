/**
 * A process of its own that loads the addon with the LibTorch of the variable LIBTORCH, runs the sample's model, and
 * prints what came of it as JSON: `node probe.js`.
 */

import path from 'node:path';
import { root } from './libtorch';
import { type Addon, cudaProblem, native } from './native';

export interface Probed {
  /** The version that LibTorch itself tells. */
  version: string;
  /** Instructions of the engine's kernels. */
  simd: string;
  /** Whether a CUDA device can be used, and why not. */
  cuda: boolean;
  cudaProblem: string | null;
}

const SIZE = 32;
/**
 * The first units of the sample's conv5, at row 1 and column 1, where value i of the image is (i mod 17) / 16 - 0.5; from
 * PyTorch 2.13.0.
 */
const EXPECTED = [
  0.64683, 0, 0, 0, 1.0513, 0.21218, 0.75438, 1.64149, 0.12931, 1.74196, 0, 0, 1.13645, 0, 0.42571,
];
const TOLERANCE = 1e-4;

async function check(addon: Addon): Promise<void> {
  const model = new addon.NativeModel(1);
  await model.load(path.join(root, 'sample/model.pt'), 'cpu');
  const pixels = Float32Array.from({ length: 3 * SIZE * SIZE }, (_, i) => (i % 17) / 16 - 0.5);
  const [{ shape, values }] = await model.forward(['conv5'], pixels, [1, 3, SIZE, SIZE]);
  const [, , height, width] = shape;
  const wrong = EXPECTED.findIndex(
    (value, unit) => !(Math.abs(values[(unit * height + 1) * width + 1] - value) <= TOLERANCE),
  );
  await model.close();
  if (wrong >= 0)
    throw new Error(`it gives wrong numbers: unit ${wrong} of the sample's conv5 is not as it should be`);
}

async function main(): Promise<void> {
  try {
    const addon = native();
    await check(addon);
    const { libtorch, simd, cuda } = addon.describe();
    print({ version: libtorch, simd, cuda, cudaProblem: cuda ? null : cudaProblem() });
  } catch (error) {
    print({ problem: (error as Error).message });
  }
}

const print = (answer: Probed | { problem: string }) => process.stdout.write(`${JSON.stringify(answer)}\n`);

if (require.main === module) main();
