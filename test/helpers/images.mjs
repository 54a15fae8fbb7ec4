// The image fixtures, and pixels compared.
import path from 'node:path';
import sharp from 'sharp';

export const IMAGES = path.join(import.meta.dirname, '../fixtures/images');

/** The RGB bytes of an 8-bit PNG fixture. */
export async function reference(name) {
  const { data, info } = await sharp(path.join(IMAGES, name)).raw().toBuffer({ resolveWithObject: true });
  return { data, height: info.height, width: info.width };
}

/** Mean and largest absolute difference. */
export function difference(a, b) {
  if (a.length !== b.length) return { mean: Infinity, most: Infinity };
  let sum = 0;
  let most = 0;
  for (let i = 0; i < a.length; i++) {
    const apart = Math.abs(a[i] - b[i]);
    sum += apart;
    most = Math.max(most, apart);
  }
  return { mean: sum / a.length, most };
}
