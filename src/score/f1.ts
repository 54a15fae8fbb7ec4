/** The harmonic mean of precision and recall of a mask for a label, which is Dice's coefficient. */

import { countScorer } from './scorer';

export const f1 = countScorer('f1', ({ lc, cc, ic }) => (2 * ic) / (lc + cc));
