// Small dissections for bench/cuda.mjs whose shapes are as awkward as can be: random images and label maps, the same in every run.
import { modelFile } from '../test/fixtures/models.mjs';
import { randomSource, VALUES } from '../test/helpers/random.mjs';

/** Of a model that gives back its input: activations are the same on every device, to the bit. */
const same = (size, values, more) => ({
  name: `maps of ${size.join('×')}, ${values ?? 'of images of bytes'}`,
  ...{ model: modelFile('identity_s.pt'), layers: ['units'], same: true, size, values, ...more },
});
/** Of layers that compute: maps of 1 cell, of one row, with negative values, of tokens, with the units last. */
const other = (model, size, layers, more) => ({
  name: `${model} on ${size.join('×')}`,
  ...{ model: modelFile(`${model}.pt`), layers, size, ...more },
});

export const AWKWARD = [
  same([1, 1], 'normal'),
  same([1, 70], 'few different values', { quantile: 0.3 }),
  same([67, 1], 'after a ReLU'),
  same([33, 57], 'normal', { labels: 90, name: 'maps of 33×57, 90 labels' }),
  same([33, 57], 'normal', { labels: 0, name: 'maps of 33×57, no labels' }),
  same([33, 57]),
  same([9, 14], 'after a ReLU', { quantile: 0.7, name: 'maps of 9×14, levels of 0' }),
  same([5, 7], 'all negative', { retain: { addScaleOffset: true } }),
  same([4, 4], 'all zero'),
  same([1, 2], 'zeros of both signs'),
  same([12, 31], 'tiny and huge'),
  other('alexnet_t', [63, 89], ['features.0', 'features.9', 'features.12', 'classifier.1']),
  other('resnet_t', [33, 57], ['conv1', 'layer2', 'fc']),
  other('vit_t', [32, 24], ['embed', 'blocks.0.attn.qkv', 'blocks.1']),
  other('units_last_t', [32, 24], ['embed', 'linear', 'conv']),
  other('grey_s', [33, 57], ['conv', 'relu'], { channels: 1, values: 'normal' }),
  other('alpha_s', [33, 57], ['conv', 'relu'], { channels: 4, values: 'normal' }),
].map((one, seed) => ({ images: 40, piece: 32, quantile: 0.05, labels: 12, ...one, seed }));

/** Images of floats, or of bytes where no kind of values is said; label maps of another size for each image. */
export function awkwardData({ seed, size, images, values, labels, channels = 3 }) {
  const categories = labels ? ['one', 'two', 'three'] : [];
  return {
    ...{ length: images, imageSize: size, categories, fingerprint: `awkward ${seed}` },
    labels: Array.from({ length: labels }, (_, i) => ({
      ...{ number: i + 1, name: `label ${i + 1}`, category: categories[i % 3] },
    })),
    async get(index) {
      const random = randomSource(1000 * seed + index);
      const array = new (values ? Float32Array : Uint8Array)(channels * size[0] * size[1]);
      const pixels = array.map(() => (values ? VALUES[values](random) : random.below(256)));
      if (index % 5 === 4) return { pixels };
      const [height, width] = [1 + random.below(90), 1 + random.below(140)];
      const any = () => random.below(labels + 4); // some are no labels
      const rows = Array.from({ length: height }, any);
      const noise = new Uint16Array(height * width).map(any);
      const bands = noise.map((_, i) => rows[Math.floor(i / width)]);
      return { pixels, segmentation: { height, width, maps: [noise, bands, any()] } };
    },
  };
}
