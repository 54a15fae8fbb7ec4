// Random input that is the same in every run.

/** Random numbers (mulberry32). */
export function randomSource(seed) {
  let state = seed >>> 0;
  const uniform = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  return {
    uniform,
    /** A whole number from 0 to n - 1. */
    below: n => Math.floor(uniform() * n),
    normal: () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform()),
  };
}

/** Label 0 and the gap 4 are no labels; 300 is over a byte. */
const LABELS = [1, 2, 3, 5, 6, 300];
const labelCategory = new Int32Array(301).fill(-1);
LABELS.forEach((label, i) => {
  labelCategory[label] = i % 3;
});

/** Kinds of activations. */
export const VALUES = {
  normal: random => random.normal(),
  'after a ReLU': random => Math.max(0, random.normal()),
  'all negative': random => -1 - random.uniform(),
  'few different values': random => random.below(4) - 1,
  saturated: random => Math.min(6, Math.max(0, 8 * random.normal())),
  'all equal': () => 0.3,
  'all zero': () => 0,
  'zeros of both signs': random => (random.below(2) ? 0 : -0),
  'tiny and huge': random => random.normal() * 10 ** (random.below(60) - 30),
};

/** A smooth map: neighbours are alike, as in a network. */
function smooth(values, [units, h, w]) {
  const out = new Float32Array(values.length);
  for (let u = 0; u < units; u++)
    for (let y = 0; y < h; y++)
      for (let x = 0; x < w; x++) {
        let sum = -0; // so that a sum of -0 is one
        for (let dy = 0; dy < 3; dy++)
          for (let dx = 0; dx < 3; dx++)
            sum += values[u * h * w + Math.min(h - 1, y + dy) * w + Math.min(w - 1, x + dx)];
        out[u * h * w + y * w + x] = sum / 9;
      }
  return out;
}

/** Activations and label maps for `referenceDissect`; odd seeds give noise, even ones smooth maps. */
export function randomInput(seed, { shape, images, size, value, quantile = 0.05, topImages = 5 }) {
  const random = randomSource(seed);
  const cells = shape[0] * shape[1] * shape[2];
  const map = (sh, sw) => {
    // rectangles of labels, with what is no label among them
    const labels = new Uint16Array(sh * sw);
    for (let n = 0; n < 4; n++) {
      const label = [...LABELS, 0, 4, 299, 40000][random.below(LABELS.length + 4)];
      const top = random.below(sh);
      const left = random.below(sw);
      for (let y = top; y < Math.min(sh, top + 1 + random.below(sh)); y++)
        for (let x = left; x < sw; x++) labels[y * sw + x] = label;
    }
    return labels;
  };
  const activations = [];
  const segmentations = [];
  const segSize = [];
  for (let i = 0; i < images; i++) {
    const values = Float32Array.from({ length: cells }, () => value(random));
    activations.push(seed % 2 ? values : smooth(values, shape));
    const [sh, sw] = typeof size === 'function' ? size(i) : size;
    segSize.push([sh, sw]);
    const maps = random.below(5); // none: an image without labels
    segmentations.push(
      Array.from({ length: maps }, () =>
        random.below(4) ? map(sh, sw) : LABELS[random.below(LABELS.length)],
      ),
    );
  }
  return { activations, shape, segmentations, segSize, labelCategory, categories: 3, quantile, topImages };
}
