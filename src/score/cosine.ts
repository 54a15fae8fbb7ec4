/** The cosine of two sets of pixels, mask and label: of those in both, over the geometric mean of their sizes. */

import { countScorer } from './scorer';

export const cosine = countScorer('cosine', ({ lc, cc, ic }) => ic / Math.sqrt(lc * cc));
