/** The area under precision over recall, of images ranked by a unit's largest activation, for a label's presence. */

import type { Scorer } from './scorer';

export const auprc: Scorer = {
  name: 'auprc',
  score: ({ averagePrecision, intersections }) => averagePrecision ?? new Float64Array(intersections.length),
  /** The part of the images that has the label; one that all have is not scored. */
  baseline: ({ labelImages, categoryImages }, concepts, categories) =>
    Float64Array.from(concepts, ({ category }, row) => {
      const images = categoryImages[categories.indexOf(category)];
      return labelImages[row] < images ? labelImages[row] / images : 0;
    }),
};
