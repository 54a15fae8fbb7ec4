/**
 * The IoU of network dissection, `ic / (cc + lc - ic)`, with cc of the concept's category. Source: Bau, Zhou, Khosla, Oliva,
 * Torralba, *Network Dissection* (CVPR 2017). Sums were made in whole numbers before; all arithmetic here is float64.
 */

import type { Counts } from './results';
import type { Scorer } from './scorer';

export const iou: Scorer<Counts> = {
  name: 'iou',
  score({ labelPixels, categoryPixels, intersections }, concepts, categories) {
    const units = intersections.length / labelPixels.length;
    const scores = new Float64Array(intersections.length);
    for (const [row, { category }] of concepts.entries()) {
      const pixels = labelPixels[row];
      if (!(pixels > 0)) continue;
      const present = categories.indexOf(category) * units;
      for (let at = row * units, unit = 0; unit < units; at++, unit++) {
        const both = intersections[at];
        const either = categoryPixels[present + unit] + pixels - both;
        scores[at] = either > 0 ? both / either : 0;
      }
    }
    return scores;
  },
};
