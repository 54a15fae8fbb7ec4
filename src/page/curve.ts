/** Curves: how many units are found at each IoU threshold, and a unit's IoU at other levels. */

import { svg } from './dom';
import type { PageLayer } from './model';

const WIDTH = 260;
const HEIGHT = 96;
const LEFT = 30;
const BOTTOM = 18;

const heightOf = (most: number) => (value: number) => 6 + (1 - value / most) * (HEIGHT - BOTTOM - 6);

const pathOf = (points: readonly number[][]) =>
  points.map(([x, y], i) => `${i === 0 ? 'M' : 'L'}${x.toFixed(1)} ${y.toFixed(1)}`).join('');

/** A curve with its axes, from 0 up to `most`. */
function frame(label: string, most: number | string, ...parts: Parameters<typeof svg>[2][]): SVGElement {
  return svg(
    'svg',
    {
      class: 'curve',
      role: 'img',
      'aria-label': label,
      viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
      width: WIDTH,
      height: HEIGHT,
    },
    svg('path', { class: 'axis', d: `M${LEFT} 6V${HEIGHT - BOTTOM}H${WIDTH - 6}` }),
    svg('text', { x: LEFT - 4, y: 14, 'text-anchor': 'end' }, most),
    svg('text', { x: LEFT - 4, y: HEIGHT - BOTTOM, 'text-anchor': 'end' }, 0),
    ...parts,
  );
}

/** How many units of a layer are found, and how many by chance. @param marks IoUs that are marked */
export function curve({ thresholds }: PageLayer, marks: [iou: number, what: string][]): SVGElement | null {
  if (thresholds.length === 0) return null;
  const right = thresholds.at(-1)![0];
  const most = Math.max(1, ...thresholds.map(([, units, , chance = 0]) => Math.max(units, chance)));
  const x = (threshold: number) => LEFT + (Math.min(threshold, right) / right) * (WIDTH - LEFT - 6);
  const y = heightOf(most);
  const line = (values: [number, number | undefined][]) =>
    pathOf(values.flatMap(([at, value]) => (value === undefined ? [] : [[x(at), y(value)]])));
  const chance = line(thresholds.map(([at, , , expected]) => [at, expected]));
  const label = `Units found by IoU threshold: ${thresholds
    .filter((_, i) => i % 4 === 3)
    .map(
      ([at, units, , expected]) =>
        `${units} at ${at}${expected === undefined ? '' : ` (${expected.toFixed(1)} by chance)`}`,
    )
    .join(', ')}`;
  return frame(
    label,
    Math.round(most),
    svg('text', { x: LEFT, y: HEIGHT - 4 }, 'IoU over 0'),
    svg('text', { x: WIDTH - 6, y: HEIGHT - 4, 'text-anchor': 'end' }, right),
    ...marks.map(([iou, what]) =>
      svg('path', { class: `mark ${what}`, d: `M${x(iou).toFixed(1)} 6V${HEIGHT - BOTTOM}` }),
    ),
    chance && svg('path', { class: 'chance', d: chance }),
    svg('path', { class: 'found', d: line(thresholds.map(([at, units]) => [at, units])) }),
    svg(
      'text',
      { class: 'key', x: WIDTH - 6, y: 16, 'text-anchor': 'end' },
      chance ? '— found  ··· by chance' : '— found',
    ),
  );
}

/** A unit's IoU with a label at levels that leave other parts of its activations above themselves. */
export function levelCurve(
  quantiles: readonly number[],
  ious: readonly number[],
  threshold: number,
): SVGElement {
  const most = Math.max(...ious, threshold) * 1.1;
  const x = (i: number) => LEFT + 22 + (i / (quantiles.length - 1)) * (WIDTH - LEFT - 50);
  const y = heightOf(most);
  const part = (quantile: number) => `${Number((100 * quantile).toPrecision(3))} %`;
  const points = ious.map((iou, i) => [x(i), y(iou)]);
  return frame(
    `IoU by quantile: ${ious.map((iou, i) => `${iou.toFixed(3)} at ${part(quantiles[i])}`).join(', ')}`,
    most.toFixed(2),
    ...quantiles.map((quantile, i) =>
      svg('text', { x: x(i), y: HEIGHT - 4, 'text-anchor': 'middle' }, part(quantile)),
    ),
    svg('path', { class: 'mark at', d: `M${LEFT} ${y(threshold).toFixed(1)}H${WIDTH - 6}` }),
    svg('path', { class: 'found', d: pathOf(points) }),
    ...points.map(([x, y]) => svg('circle', { class: 'point', cx: x, cy: y, r: 2.5 })),
  );
}
