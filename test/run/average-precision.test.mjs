// Images ranked by a unit's largest activation, against plain ranking.
import test from 'ava';
import { identityModel, nativeDissect, nativeOptions } from '../helpers/native.mjs';
import { randomInput, VALUES } from '../helpers/random.mjs';

const kinds = ['normal', 'few different values', 'all equal'];
const numbersOf = ({ labelCategory }) =>
  [...labelCategory.keys()].filter(number => labelCategory[number] >= 0);

/** Average precision by its definition: at each activation, the precision of all images that have as much. */
function plain(input, unit, number, numbers) {
  const cells = input.shape[1] * input.shape[2];
  const images = input.activations.flatMap((activation, x) => {
    const found = new Set(
      input.segmentations[x].flatMap(map => (typeof map === 'number' ? [map] : [...map])),
    );
    const category = input.labelCategory[number];
    if (!numbers.some(other => found.has(other) && input.labelCategory[other] === category)) return [];
    const values = activation.subarray(unit * cells, (unit + 1) * cells);
    return [{ largest: Math.max(...values), has: found.has(number) }];
  });
  const positives = images.filter(({ has }) => has).length;
  if (positives === 0 || positives === images.length) return 0;
  let sum = 0;
  for (const level of [...new Set(images.map(({ largest }) => largest))]) {
    const chosen = images.filter(({ largest }) => largest >= level);
    const precision = chosen.filter(({ has }) => has).length / chosen.length;
    sum += images.filter(({ largest, has }) => has && largest === level).length * precision;
  }
  return sum / positives;
}

for (const kind of kinds)
  for (const [name, options] of Object.entries({
    'in memory': {},
    'image by image, spilled': { piece: 1, memory: 3000 },
  }))
    test(`average precision is the definition's: ${kind}, ${name}`, async t => {
      const model = await identityModel(t);
      const input = randomInput(23, { shape: [3, 4, 4], images: 60, size: [6, 5], value: VALUES[kind] });
      const { dissection } = await nativeDissect(model, input, { keep: true, keepMaxima: true, ...options });
      const scores = await dissection.averagePrecision(0);
      const numbers = numbersOf(input);
      t.is(scores.length, numbers.length * 3);
      for (const [row, number] of numbers.entries())
        for (let unit = 0; unit < 3; unit++) {
          const [found, expected] = [scores[row * 3 + unit], plain(input, unit, number, numbers)];
          t.true(
            Math.abs(found - expected) < 1e-12,
            `label ${number}, unit ${unit}: ${found}, not ${expected}`,
          );
        }
    });

test('activations that are not kept, or take more than the memory, are refused', async t => {
  const model = await identityModel(t);
  const input = randomInput(2, { shape: [3, 4, 4], images: 10, size: [6, 5], value: VALUES.normal });
  const { dissection } = await nativeDissect(model, input, { keep: true });
  await t.throwsAsync(dissection.averagePrecision(0), {
    code: 'ERR_NETDISSECT_USAGE',
    message: /were not kept/,
  });
  await t.throwsAsync(model.dissect(nativeOptions(input, { keepMaxima: true, memory: 200 })), {
    code: 'ERR_NETDISSECT_OPTION',
    message: /takes 1 MiB, more than a half of the memory/,
  });
});
