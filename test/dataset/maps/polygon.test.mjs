import test from 'ava';
import { fine, outline } from '../../../lib/dataset/maps/polygon.js';
import { LabelMaps } from '../../../lib/dataset/maps/region.js';
import { fixtureInstances, fixtureMasks, maskOf } from '../../helpers/coco.mjs';
import { randomSource } from '../../helpers/random.mjs';

/** The pixels of a polygon, or of several as one. */
function draw(polygons, height, width) {
  const maps = new LabelMaps(height, width);
  for (const polygon of polygons) {
    outline(Int32Array.from(polygon, fine), maps);
    maps.paint(1);
  }
  return Uint8Array.from(maps.segmentation().maps[0]);
}

/** By the definition: whether a ray from the pixel's middle to the left crosses the outline an odd number of times. */
function evenOdd(polygon, height, width) {
  const n = polygon.length / 2;
  return Uint8Array.from({ length: height * width }, (_, i) => {
    const [x, y] = [(i % width) + 0.5, Math.floor(i / width) + 0.5];
    let crossings = 0;
    for (let a = 0; a < n; a++) {
      const [ax, ay] = [polygon[2 * a], polygon[2 * a + 1]];
      const b = (a + 1) % n;
      const [bx, by] = [polygon[2 * b], polygon[2 * b + 1]];
      if (ay <= y !== by <= y && ax + ((y - ay) / (by - ay)) * (bx - ax) < x) crossings++;
    }
    return crossings % 2;
  });
}

test('polygons have the pixels that pycocotools gives them, all of them and no others', t => {
  const { images, annotations } = fixtureInstances();
  const masks = fixtureMasks();
  let polygons = 0;
  for (const { id, image_id, segmentation } of annotations) {
    if (!Array.isArray(segmentation)) continue;
    const { height, width } = images.find(image => image.id === image_id);
    const drawn = draw(segmentation, height, width);
    t.deepEqual(drawn, maskOf(masks[id].counts, height, width), `annotation ${id}`);
    t.is(
      drawn.reduce((sum, pixel) => sum + pixel, 0),
      masks[id].area,
    );
    polygons++;
  }
  t.true(polygons > 100);
});

test('a polygon covers the pixels whose middles lie in it, but for those that its outline touches', t => {
  const random = randomSource(8);
  for (let n = 0; n < 60; n++) {
    const [height, width] = [1 + random.below(60), 1 + random.below(60)];
    const polygon = Array.from({ length: 6 + 2 * random.below(8) }, () => random.uniform() * 90 - 15);
    const drawn = draw([polygon], height, width);
    const expected = evenOdd(polygon, height, width);
    // rounding and walking on the fine grid move an outline by less than a step and a half, of a fifth of a pixel
    const near = (x, y) => {
      for (let a = 0; a < polygon.length; a += 2) {
        const b = (a + 2) % polygon.length;
        const [dx, dy] = [polygon[b] - polygon[a], polygon[b + 1] - polygon[a + 1]];
        const along = ((x - polygon[a]) * dx + (y - polygon[a + 1]) * dy) / (dx * dx + dy * dy);
        const clamped = Math.max(0, Math.min(1, along));
        if (Math.hypot(x - polygon[a] - clamped * dx, y - polygon[a + 1] - clamped * dy) < 0.3) return true;
      }
      return false;
    };
    for (let i = 0; i < drawn.length; i++)
      if (drawn[i] !== expected[i])
        t.true(near((i % width) + 0.5, Math.floor(i / width) + 0.5), `polygon ${n}, pixel ${i}`);
  }
});

test('an outline that reaches far beyond the image is drawn without walking there', t => {
  const drawn = draw([[-1e8, -1e8, 1e8, -1e8, 1e8, 1e8, -1e8, 1e8]], 5, 7);
  t.deepEqual(drawn, new Uint8Array(35).fill(1));
  t.deepEqual(draw([[1e8, 1, 1e8, 3, 9e7, 2]], 5, 7), new Uint8Array(35));
});
