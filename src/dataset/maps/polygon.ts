/**
 * Polygons drawn as COCO's own tools draw them, pixel for pixel: the outline goes over a grid that is five times
 * as fine as the image's, each edge in whole steps along its longer axis, and a column changes between
 * outside and inside where the outline passes the middle of the column. The steps themselves are not walked:
 * where an edge passes a column's middle is computed.
 */

import type { LabelMaps } from './region';

const FINE = 5;
const MIDDLE = 2; // the fine column in the middle of a column

/** A coordinate in pixels on the fine grid. */
export function fine(coordinate: number): number {
  return Math.trunc(FINE * coordinate + 0.5);
}

/** Flips the columns where the closed outline through the vertices `x, y, x, y, ...` of the fine grid passes them. */
export function outline(vertices: Int32Array, into: LabelMaps): void {
  const n = vertices.length;
  for (let i = 0; i < n; i += 2) {
    const j = (i + 2) % n;
    edge(vertices[i], vertices[i + 1], vertices[j], vertices[j + 1], into);
  }
}

function edge(ax: number, ay: number, bx: number, by: number, into: LabelMaps): void {
  // the columns of which the edge has both the middle and the step after it
  const first = Math.max(0, Math.ceil((Math.min(ax, bx) - MIDDLE) / FINE));
  const last = Math.min(into.width - 1, Math.floor((Math.max(ax, bx) - MIDDLE - 1) / FINE));
  const steep = Math.abs(by - ay) > Math.abs(bx - ax);
  const forth = steep ? ay <= by : ax <= bx;
  const [x, y] = forth ? [ax, ay] : [bx, by];
  const slope = steep ? (bx - ax) / (by - ay) : (by - ay) / (bx - ax);
  for (let column = first; column <= last; column++) {
    const middle = FINE * column + MIDDLE;
    const before = steep ? y + stepsTo(x, slope, middle) - 1 : lower(y, slope, middle - x);
    // the pixels whose middle row comes after the step
    const row = Math.ceil((before - MIDDLE) / FINE);
    into.flip(column, Math.max(0, Math.min(into.height, row)));
  }
}

/** The lower one of a shallow edge's rows `steps` and `steps + 1` steps along it. */
function lower(start: number, slope: number, steps: number): number {
  return Math.trunc(start + slope * (slope < 0 ? steps + 1 : steps) + 0.5);
}

/** How many steps along a steep edge lead over the line between the fine columns `middle` and `middle + 1`. */
function stepsTo(start: number, slope: number, middle: number): number {
  const over = (steps: number) => start + slope * steps + 0.5 >= middle + 1 === slope > 0;
  let steps = Math.ceil((middle + 0.5 - start) / slope);
  // what rounding leaves to do
  while (over(steps - 1)) steps--;
  while (!over(steps)) steps++;
  return steps;
}
