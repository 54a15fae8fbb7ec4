// A data set in memory: noise, whose images belong to nothing.
import { randomSource } from './random.mjs';

export const LENGTH = 45;

/** Noise with labels of two categories that overlap; counts how often images are asked for. */
export function noise(length = LENGTH, seed = 3) {
  const random = randomSource(seed);
  const items = Array.from({ length }, () => {
    const map = first =>
      Uint16Array.from({ length: 30 }, (_, p) =>
        p % 6 < 3 ? first + random.below(3) : random.below(2) * first,
      );
    return {
      pixels: Uint8Array.from({ length: 192 }, () => random.below(256)),
      segmentation: { height: 5, width: 6, maps: random.below(9) ? [map(1), map(11)] : [] },
    };
  });
  const dataset = {
    length,
    imageSize: [8, 8],
    labels: [1, 2, 3, 11, 12, 13].map(number => ({
      number,
      name: `l${number}`,
      category: number < 10 ? 'low' : 'high',
    })),
    categories: ['low', 'high'],
    asked: 0,
    nameOf: i => `image ${i}`,
    fingerprint: `noise ${seed}`,
    async get(i) {
      dataset.asked++;
      return items[i];
    },
  };
  return dataset;
}
