// A plain bootstrap over images, for comparison; it shares no code with src/ or binding/.

const WORD = 2n ** 32n;

/** Philox4x32-10 (Salmon and others, SC 2011), in whole numbers without end. */
export function philox(counter, key) {
  let [a, b, c, d] = counter.map(BigInt);
  let [k, l] = key.map(BigInt);
  for (let round = 0; round < 10; round++) {
    const p = a * 0xd2511f53n;
    const q = c * 0xcd9e8d57n;
    [a, b, c, d] = [(q / WORD) ^ b ^ k, q % WORD, (p / WORD) ^ d ^ l, p % WORD];
    k = (k + 0x9e3779b9n) % WORD;
    l = (l + 0xbb67ae85n) % WORD;
  }
  return [a, b, c, d].map(Number);
}

/** How often image `x` is drawn in replicate `b`. */
export function weight(seed, b, x) {
  const u = philox([Math.floor(b / 4), x, 0, 0], [seed, 0])[b % 4] / 2 ** 32;
  let k = 0;
  let chance = Math.exp(-1);
  for (let sum = chance; u >= sum && k < 12; sum += chance) chance /= ++k;
  return k;
}

/** A percentile by the linear rule. */
export function percentile(values, part) {
  const sorted = [...values].sort((a, b) => a - b);
  const place = part * (sorted.length - 1);
  const below = Math.floor(place);
  return sorted[below] + (place - below) * ((sorted[below + 1] ?? sorted[below]) - sorted[below]);
}

/**
 * The IoUs of each replicate.
 * @param images `[i, U]` of each image
 */
export function replicates(images, count, seed = 1) {
  return Array.from({ length: count }, (_, b) => {
    let both = 0;
    let either = 0;
    for (const [x, [i, u]] of images.entries()) {
      const w = weight(seed, b, x);
      both += w * i;
      either += w * u;
    }
    return either > 0 ? both / either : 0;
  });
}
