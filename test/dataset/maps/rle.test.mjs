import test from 'ava';
import { LabelMaps } from '../../../lib/dataset/maps/region.js';
import { decompressRuns, flipRuns } from '../../../lib/dataset/maps/rle.js';
import { fixtureInstances, fixtureMasks, maskOf } from '../../helpers/coco.mjs';
import { randomSource } from '../../helpers/random.mjs';

test('compressed run lengths are what pycocotools compressed', t => {
  const masks = fixtureMasks();
  let texts = 0;
  for (const { id, segmentation } of fixtureInstances().annotations) {
    if (typeof segmentation.counts !== 'string') continue;
    t.deepEqual(decompressRuns(segmentation.counts), masks[id].counts, `annotation ${id}`);
    texts++;
  }
  t.true(texts > 10);
});

test('five bits a character, low ones first; the fourth number on are differences to the one before the last', t => {
  t.deepEqual(decompressRuns(''), []);
  t.deepEqual(decompressRuns('05?'), [0, 5, 15]);
  t.deepEqual(decompressRuns('P1'), [32]);
  t.deepEqual(decompressRuns('P`0'), [512], 'a number that ends with a zero keeps its sign');
  t.deepEqual(decompressRuns('3456'), [3, 4, 5, 4 + 6]);
  t.deepEqual(decompressRuns('345N'), [3, 4, 5, 4 - 2]);
});

test('a damaged text is refused with the place', t => {
  t.throws(() => decompressRuns('3P'), { message: 'the string ends within a number' });
  t.throws(() => decompressRuns('3 4'), { message: "the string has ' ' as character 2" });
  t.throws(() => decompressRuns('34é'), { message: "the string has 'é' as character 3" });
});

test('run lengths cover their pixels, column by column', t => {
  const random = randomSource(4);
  for (let n = 0; n < 100; n++) {
    const [height, width] = [1 + random.below(12), 1 + random.below(12)];
    const runs = [];
    for (let left = height * width; left > 0; ) {
      const run = Math.min(left, random.below(3 * height)); // runs of length zero, and over several columns
      runs.push(run);
      left -= run;
    }
    const maps = new LabelMaps(height, width);
    flipRuns(Int32Array.from(runs), maps);
    maps.paint(9);
    const painted = Uint8Array.from(maps.segmentation().maps[0], label => label / 9);
    t.deepEqual(painted, maskOf(runs, height, width), `${height}×${width}: ${runs}`);
  }
});
