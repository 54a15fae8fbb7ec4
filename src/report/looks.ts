/** What pictures look like, for whoever draws them and whoever shows them. */

/** White pixels between the images of a strip. */
export const STRIP_GAP = 5;

/** How many colours labels have, which are those of their numbers; numbers that differ by a multiple of it share one. */
export const LABEL_COLORS = 254;

export function labelColorIndex(labelnum: number): number {
  return (labelnum - 1) % LABEL_COLORS;
}

/** Red, green and blue; neighbours differ most. */
export function labelColor(index: number): [red: number, green: number, blue: number] {
  return hsl((index * 137.508) % 360, 0.85 - 0.3 * ((index >> 2) % 2), [0.55, 0.4, 0.7, 0.28][index % 4]);
}

function hsl(hue: number, saturation: number, lightness: number): [number, number, number] {
  const channel = (n: number) => {
    const k = (n + hue / 30) % 12;
    const swing = saturation * Math.min(lightness, 1 - lightness);
    return Math.round(255 * (lightness - swing * Math.max(-1, Math.min(k - 3, 9 - k, 1))));
  };
  return [channel(0), channel(8), channel(4)];
}
