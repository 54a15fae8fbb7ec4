import { createHash } from 'node:crypto';
import test from 'ava';
import jsonModule from '../../lib/report/json.js';
import pageModule from '../../lib/report/page.js';
import {
  categories,
  context,
  DECOYS,
  labels,
  report,
  statistics,
  tally,
  unlabelled,
} from '../helpers/report.mjs';

const { buildReport, singleLayerReport } = jsonModule;
const { renderPage } = pageModule;

function page(units, more, pictures = true) {
  return renderPage(report(units, more), { pictures });
}

/** What lies between the start and the end tags of every element of a name. */
function insides(html, name) {
  return [...html.matchAll(new RegExp(`<${name}[^>]*>([\\s\\S]*?)</${name}>`, 'g'))].map(
    ([, inside]) => inside,
  );
}

function policy(html) {
  const [, content] = html.match(/<meta http-equiv="Content-Security-Policy" content="([^"]*)">/);
  const directives = content.replaceAll('&#39;', "'").split('; ');
  return new Map(directives.map(directive => directive.split(/ (.*)/s).slice(0, 2)));
}

function sha256(text) {
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
}

/** The unit numbers in the order in which they stand on the page. */
function written(html) {
  return [...html.matchAll(/<article [^>]*data-unit="(\d+)"/g)].map(([, unit]) => Number(unit));
}

test("the policy forbids all but the page's own styles, its script and the pictures beside it", t => {
  const html = page([{ 1: 50 }]);
  const directives = policy(html);
  t.is(directives.get('default-src'), "'none'");
  t.is(directives.get('img-src'), "'self' file:");
  t.deepEqual(directives.get('style-src').split(' '), insides(html, 'style').map(sha256));
  t.is(directives.get('script-src'), sha256(insides(html, 'script').at(-1)));
  t.deepEqual([directives.get('base-uri'), directives.get('form-action')], ["'none'", "'none'"]);
  t.notRegex([...directives.values()].join(' '), /unsafe|\*|http|data:/);
});

test('styles and script are the same for every report, so that no data can come into them', t => {
  t.deepEqual([...policy(page([{ 1: 50 }]))], [...policy(page([{ 2: 10 }, {}], { layer: '<b>' }, false))]);
});

test('nothing on the page comes from a network', t => {
  const html = page([{ 1: 50 }]);
  t.deepEqual([...new Set(html.match(/https?:[^"]*/g))], ['http://www.w3.org/2000/svg']);
  const links = [...html.matchAll(/(?:src|href)="([^"]*)"/g)].map(([, link]) => link);
  t.true(
    links.every(link => /^(#|\.\/conv1\/|dissect\.json$)/.test(link)),
    links.join(' '),
  );
  t.notRegex(html, /<link|@import|url\(| on\w+=| style="/);
});

test('every layer is a section with its summary', t => {
  const whole = buildReport(
    [
      statistics([{ 1: 50 }, { 1: 7 }, { 3: 90 }]),
      statistics([{}], { layer: 'conv2', changedInPlace: true }),
    ],
    { labels, categories },
    context,
  );
  const html = renderPage(whole, { pictures: false });
  const [first, second] = insides(html, 'section');
  t.regex(
    first,
    /<h2 class="name">conv1<\/h2>\n<p>3 units, 2 \(66\.7 %\) interpretable, 2 distinct concepts\./,
  );
  t.regex(first, /Output 3 × 4 × 6\./);
  t.regex(second, /1 unit, 0 \(0\.0 %\) interpretable, 0 distinct concepts\./);
  t.regex(second, /changes it in place/);
  t.regex(html, /<a class="name" href="#layer=conv2">conv2<\/a>/);
});

test('every unit is an article with its label, category, IoU and level', t => {
  const [first, second, third] = insides(page([{ 2: 50 }, { 1: 7 }, {}]), 'article');
  t.regex(first, /Unit 0</);
  t.regex(first, /<b class="name">sky<\/b> <span class="dot c0 name">object<\/span>/);
  t.regex(first, /IoU 0\.333</);
  t.regex(first, /level 0\.5</);
  t.regex(second, /no label[\s\S]*IoU 0\.000 .*not interpretable/);
  t.regex(third, /<b class="name">red<\/b>[\s\S]*IoU 0\.036 .*not interpretable/);
});

test('units stand in the default ranking', t => {
  t.deepEqual(written(page([{ 1: 10 }, {}, { 1: 90 }])), [2, 0, 1]);
  t.deepEqual(written(renderPage(unlabelled([{}, {}]), { pictures: true })), [0, 1]);
});

test('layers and units are linked by ids that the script reads as well', t => {
  const html = page([{ 1: 50 }], { layer: 'a b&c' });
  t.regex(html, /<section id="layer=a%20b%26c" data-layer="a b&amp;c">/);
  t.regex(html, /<article id="layer=a%20b%26c&amp;unit=0"/);
  t.regex(html, /<h3><a href="#layer=a%20b%26c&amp;unit=0">Unit 0<\/a><\/h3>/);
});

test('the chart stands on the page with an equal table', t => {
  const html = page([{ 2: 50 }, { 1: 50 }, { 2: 60 }]);
  t.regex(html, /<figure>\n<svg [\s\S]*<\/svg>\n<\/figure>/);
  const [, table] = insides(html, 'tbody');
  const rows = insides(table, 'tr').map(row => insides(row, 'td').map(cell => cell.replace(/<[^>]*>/g, '')));
  t.deepEqual(rows, [
    ['sky', 'object', '2', '0, 2'],
    ['red', 'color', '1', '1'],
  ]);
});

test('a strip is as wide as its images and the gaps of five pixels, and loads when it is needed', t => {
  // Two images of 48 by 32 pixels.
  const [, image] = page([{ 1: 50 }]).match(/(<img [^>]*>)/);
  t.regex(image, /src="\.\/conv1\/image\/0-top\.jpg" width="101" height="32" loading="lazy"/);
  t.regex(image, /alt="The 2 strongest images of unit 0 \(red\): activations 9\.5 to 9"/);
});

test('strips can be reached by the keyboard, and their folder is a path, not a name', t => {
  t.regex(
    page([{ 1: 50 }], { layer: 'fire 9/层' }),
    /<div class="strip" tabindex="0" data-src="\.\/fire%209%E5%B1%82\/image\/0-">/,
  );
});

test('without pictures there are none, nor buttons for them', t => {
  const html = page([{ 1: 50 }], {}, false);
  t.notRegex(html, /<img|data-view="|class="strip"/);
  t.deepEqual(written(html), [0]);
});

test('the toolbar offers every ranking, category and label of the layer', t => {
  const html = page([{ 6: 50 }, { 11: 60 }, { 1: 7 }]);
  const values = name =>
    [...html.match(new RegExp(`<select class="${name}">.*?</select>`))[0].matchAll(/value="([^"]*)"/g)].map(
      ([, v]) => v,
    );
  t.deepEqual(values('sort'), ['unit', 'label', 'iou', 'iou-11', 'iou-6']);
  t.deepEqual(values('category'), ['', 'object', 'scene', 'color']);
  t.deepEqual(values('label'), ['', '11', '6']);
  t.regex(html, /<option value="label" selected>/);
  t.regex(html, /<option value="iou-6">street \(scene\)<\/option>/);
});

test('toolbars are hidden until the script is there', t => {
  t.regex(page([{ 1: 50 }]), /<div class="toolbar" [^>]* hidden>/);
});

test('the rankings are on the page, by layer and sort key', t => {
  const [data] = insides(page([{ 1: 10 }, { 1: 90 }]), 'script');
  t.deepEqual(JSON.parse(data), [{ unit: [0, 1], label: [1, 0], iou: [1, 0], 'iou-1': [1, 0] }]);
});

test('without labels there is neither a chart nor a word of labels', t => {
  const html = renderPage(unlabelled([{}]), { pictures: true });
  t.notRegex(
    html.slice(html.indexOf('<body>'), html.indexOf('<script')),
    /<svg|IoU|nterpretable|class="label"|data-view="seg"/,
  );
  t.regex(html, /level 0\.5</);
});

test('no detector: the empty chart stands there, without a table', t => {
  const html = page([{ 1: 7 }]);
  t.regex(html, /No unit has an IoU over 0\.04 with any label\./);
  t.notRegex(html, /The chart as a table/);
});

test('estimated levels, dropped tokens and units that come last are said of the layer', t => {
  t.notRegex(page([{}]), /estimates|other tokens|units last/);
  const html = page([{}], { rankError: 0.00123, tokensDropped: 5 });
  t.regex(html, /Levels are estimates: their rank may be off by up to 0\.12 % of the values\./);
  t.regex(html, /4 × 6 without 5 other tokens/);
  t.regex(page([{}], { unitsLast: true }), /4 × 6, units last/);
});

test('what chance would find stands beside what was found, and detectors that it explains are marked', t => {
  const units = [{ 1: 50 }, { 3: 10 }, {}];
  const html = page(units, { decoys: DECOYS });
  t.regex(html, /<th scope="col" class="number">Expected by chance<\/th>/);
  t.regex(html, /<td class="number">1\.5 ± 0\.7<\/td>/);
  t.regex(html, /2 \(66\.7 %\) interpretable \(1\.5 ± 0\.7 expected by chance\)/);
  t.deepEqual(html.match(/by chance\? q [\d.]+/g), ['by chance? q 0.25']);
  t.notRegex(page(units), /by chance/);
});

test('settings and meta are listed', t => {
  t.regex(page([{}]), /<th scope="row">imgsize<\/th><td><code>\[32,48\]<\/code>/);
  t.regex(page([{}]), /<th scope="row">epoch<\/th><td><code>3<\/code>/);
});

test('every name from the data is text, wherever it stands', t => {
  const hostile = `</script><script>alert("1")</script><img src=x onerror='alert(1)'>&\u0000../`;
  const names = [{ number: 1, name: hostile, category: hostile }];
  const whole = buildReport(
    [statistics([{ 1: 50 }], { layer: hostile, tally: tally([{ 1: 50 }], names) })],
    { labels: names, categories: [hostile, ...categories] },
    { ...context, netname: hostile, meta: { [hostile]: hostile }, settings: { [hostile]: [hostile] } },
  );
  whole.layers[0].dirname = `../"><script>`;
  // The Python package's rankings have no label numbers, so that such a name is its ranking's key.
  whole.layers[0].rankings.push({ name: hostile, score: [0], ranking: [0] });
  for (const pictures of [true, false]) {
    const html = renderPage(whole, { pictures });
    t.is(html.match(/<script/g).length, 2);
    t.notRegex(html, /<img src=x/);
    t.false(html.includes('\u0000'));
    t.is(insides(html, 'img').length, 0);
    t.is((html.match(/<img/g) ?? []).length, pictures ? 1 : 0);
    t.notRegex(html, /src="(?!\.\/\.\.%2F%22%3E%3Cscript%3E\/)/);
    t.deepEqual([...policy(html)], [...policy(page([{ 1: 50 }]))]);
  }
});

test('the report of one layer makes a page beside its pictures', t => {
  const whole = report([{ 1: 50 }]);
  t.regex(
    renderPage(singleLayerReport(whole, whole.layers[0]), { pictures: true }),
    /src="\.\/\.\/image\/0-top\.jpg"/,
  );
});

test('a report read back from its file makes the same page', t => {
  const whole = report([{ 1: 50 }, {}]);
  t.is(
    renderPage(JSON.parse(JSON.stringify(whole)), { pictures: true }),
    renderPage(whole, { pictures: true }),
  );
});
