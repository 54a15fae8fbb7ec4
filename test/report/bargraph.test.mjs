import test from 'ava';
import bars from '../../lib/report/bargraph.js';
import colors from '../../lib/report/categories.js';
import { categories, report } from '../helpers/report.mjs';
import { elements, parseXml, textOf } from '../helpers/xml.mjs';

const { bargraph, integerTicks } = bars;
const { CATEGORY_COLORS, categoryColor } = colors;

/** A layer with labels given as `[name, category, number of units]`. */
function layer(labels, more) {
  return {
    layer: 'conv5',
    iou_threshold: 0.04,
    labels: labels.map(([label, cat, units], i) => ({
      label,
      cat,
      labelnum: i + 1,
      units: Array.from({ length: units }, (_, u) => u),
    })),
    ...more,
  };
}

function draw(labels, more) {
  return parseXml(bargraph(layer(labels, more), categories));
}

/** The bars: what their tooltip says, their colour and their rectangle. */
function barsOf(svg) {
  return elements(svg, 'g').map(group => {
    const [{ attributes }] = elements(group, 'rect');
    return { says: textOf(elements(group, 'title')[0]), color: attributes.fill, ...attributes };
  });
}

const SOME = [
  ['sky', 'object', 4],
  ['car', 'object', 1],
  ['street', 'scene', 2],
];

test('a bar a label, in the order of the report, as high as its units', t => {
  const drawn = barsOf(draw(SOME));
  t.deepEqual(
    drawn.map(({ says }) => says),
    ['sky (object): 4 units', 'car (object): 1 unit', 'street (scene): 2 units'],
  );
  const [sky, car, street] = drawn.map(({ height }) => Number(height));
  t.is(sky, 4 * car);
  t.is(street, 2 * car);
  const x = drawn.map(bar => Number(bar.x));
  t.true(x[0] < x[1] && x[1] < x[2]);
});

test('bars of a category share its colour and stand apart from the next category', t => {
  const [sky, car, street] = barsOf(draw(SOME));
  t.is(sky.color, car.color);
  t.not(sky.color, street.color);
  t.true(street.x - car.x > car.x - sky.x);
});

test('the legend counts the units of each category', t => {
  const texts = elements(draw(SOME), 'text').map(textOf);
  t.true(texts.includes('object 5'));
  t.true(texts.includes('scene 2'));
});

test('a category has one colour in every layer, whatever else is there', t => {
  const only = barsOf(draw([['calm', 'mood', 1]]))[0];
  const beside = barsOf(draw([...SOME, ['old', 'era', 1], ['calm', 'mood', 1]])).at(-1);
  t.is(only.color, beside.color);
});

test('categories have colours of their own until all are used', t => {
  const others = Array.from({ length: 7 }, (_, i) => `other ${i}`);
  const used = ['object', 'scene', 'part', 'material', 'texture', 'color', ...others].map(category =>
    categoryColor(category, others),
  );
  t.deepEqual(used, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 6]);
  t.is(new Set(CATEGORY_COLORS).size, 12);
});

test('the title names the layer and the description says all that is drawn', t => {
  const svg = draw(SOME);
  const [title, desc] = svg.children.filter(child => typeof child !== 'string');
  t.is(svg.attributes.role, 'img');
  t.deepEqual([title.name, textOf(title)], ['title', 'Units per label, conv5']);
  t.deepEqual(
    [desc.name, textOf(desc)],
    ['desc', 'object, 5 units: sky 4, car 1. scene, 2 units: street 2.'],
  );
});

test('ticks are whole numbers from 0 to the highest bar or the next step', t => {
  t.deepEqual(integerTicks(1), [0, 1]);
  t.deepEqual(integerTicks(5), [0, 1, 2, 3, 4, 5]);
  t.deepEqual(integerTicks(6), [0, 2, 4, 6]);
  t.deepEqual(integerTicks(11), [0, 5, 10, 15]);
  t.deepEqual(integerTicks(26), [0, 10, 20, 30]);
  t.deepEqual(integerTicks(512), [0, 200, 400, 600]);
});

test('many labels lie inside the drawing', t => {
  const svg = draw(Array.from({ length: 60 }, (_, i) => [`a rather long label ${i}`, 'object', 60 - i]));
  const width = Number(svg.attributes.width);
  const drawn = barsOf(svg);
  t.is(drawn.length, 60);
  t.true(drawn.every(bar => Number(bar.x) > 0 && Number(bar.x) + Number(bar.width) < width));
});

test('a hundred and fifty labels stand on lines of their own, each over its axis, no wider than a page', t => {
  const svg = draw(
    Array.from({ length: 150 }, (_, i) => [`label ${i}`, i < 100 ? 'object' : 'scene', 1 + (i % 9)]),
  );
  t.true(Number(svg.attributes.width) < 1100);
  const drawn = barsOf(svg);
  t.is(drawn.length, 150);
  const axes = elements(svg, 'path').filter(({ attributes }) => attributes.class === 'axis');
  t.is(axes.length, 4);
  const bottoms = axes.map(({ attributes }) => Number(/ ([\d.]+)H/.exec(attributes.d)[1]));
  for (const [i, bar] of drawn.entries())
    t.is(Number(bar.y) + Number(bar.height), bottoms[Math.floor(i / 38)], `bar ${i}`);
  // equal counts are equally high on every line
  t.is(drawn[0].height, drawn[9 * 12].height);
});

test('a long name is shortened where it is drawn and whole where it is read out', t => {
  const name = `${'長'.repeat(40)}!`;
  const svg = draw([[name, 'object', 1]]);
  t.true(
    elements(svg, 'text')
      .map(textOf)
      .includes(`${'長'.repeat(27)}…`),
  );
  t.is(barsOf(svg)[0].says, `${name} (object): 1 unit`);
});

test('no detector: the drawing says so', t => {
  const svg = draw([]);
  const message = 'No unit has an IoU over 0.04 with any label.';
  t.is(elements(svg, 'text').map(textOf).at(-1), message);
  t.is(textOf(elements(svg, 'desc')[0]), message);
});

test('any name makes valid XML and arrives as it is', t => {
  for (const name of ['<script>alert(1)</script>', `"'&<>`, ']]>', '--><!--', '&amp;', '../x', 'é層🎈', '']) {
    const svg = draw([[name, name, 1]], { layer: name });
    t.is(barsOf(svg)[0].says, `${name} (${name}): 1 unit`);
    t.is(elements(svg, 'script').length, 0);
  }
});

test('what XML cannot hold is replaced', t => {
  t.is(
    barsOf(draw([['a\u0000b\uD800c\uFFFF', 'object', 1]]))[0].says,
    'a\uFFFDb\uFFFDc\uFFFD (object): 1 unit',
  );
});

test('the drawing brings its own style for light and dark, and nothing from elsewhere', t => {
  const text = bargraph(layer(SOME), categories);
  t.regex(text, /prefers-color-scheme: dark/);
  t.deepEqual(text.match(/https?:[^"]*/g), ['http://www.w3.org/2000/svg']);
  t.notRegex(text, /href|url\(|@import|style="/);
});

test('the layer of a report is drawn as it comes', t => {
  const whole = report([{ 2: 50 }, { 1: 50 }, { 2: 90 }]);
  t.deepEqual(
    barsOf(parseXml(bargraph(whole.layers[0], whole.categories))).map(({ says }) => says),
    ['sky (object): 2 units', 'red (color): 1 unit'],
  );
});
