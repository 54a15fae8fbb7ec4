/**
 * The order and the colours of categories, the same in the JSON, the bar graph and the page.
 */

const KNOWN = ['object', 'scene', 'part', 'material', 'texture', 'color'];

/**
 * The known categories' colours in their order, then those that other categories take in turn. Each has a
 * contrast of at least 3.6 against the white and against the dark card.
 */
export const CATEGORY_COLORS = [
  ...['#3f7fd6', '#2e9458', '#d0661b', '#94761c', '#9163cf', '#cf4b86'],
  ...['#178f9b', '#7c8591', '#d24a43', '#6a8a22', '#a9705a', '#5d72c9'],
];

/**
 * A category's place in the report: object, scene, part, material, texture, color, then the others in the
 * data set's own order.
 */
export function categoryRank(category: string, categories: readonly string[]): number {
  const known = KNOWN.indexOf(category);
  if (known >= 0) return known;
  const others = categories.filter(name => !KNOWN.includes(name));
  return KNOWN.length + (others.includes(category) ? others.indexOf(category) : others.length);
}

/** The index of a category's colour in `CATEGORY_COLORS`. */
export function categoryColor(category: string, categories: readonly string[]): number {
  const rank = categoryRank(category, categories);
  const spare = CATEGORY_COLORS.length - KNOWN.length;
  return rank < KNOWN.length ? rank : KNOWN.length + ((rank - KNOWN.length) % spare);
}
