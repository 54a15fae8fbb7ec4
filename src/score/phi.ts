/** The correlation of two sets of pixels, mask and label: Pearson's, of numbers that are 0 or 1. */

import { countScorer } from './scorer';

export const phi = countScorer('phi', ({ lc, cc, ic, area }) => {
  const [label, mask] = [lc / area, cc / area];
  const spread = label * (1 - label) * mask * (1 - mask);
  return spread > 0 ? (ic / area - label * mask) / Math.sqrt(spread) : 0;
});
