// The page as it is written: its policy, what its script is given, and the plain tables for readers without a script.
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

const { buildReport } = jsonModule;
/** The page, with characters that are written as numbers read. */
const renderPage = (...given) => {
  const html = pageModule.renderPage(...given);
  if (/[^\0-\x7f]/u.test(html)) throw new Error('the page has bytes beyond ASCII');
  return html.replace(/&#(\d{3,});/g, (_, code) => String.fromCodePoint(Number(code)));
};

const page = (units, more) => renderPage(report(units, more));

/** What lies between the start and the end tags of every element of a name. */
function insides(html, name) {
  return [...html.matchAll(new RegExp(`<${name}[^>]*>([\\s\\S]*?)</${name}>`, 'g'))].map(
    ([, inside]) => inside,
  );
}

const text = html => html.replace(/<[^>]*>/g, '');

function policy(html) {
  const [, content] = html.match(/<meta http-equiv="Content-Security-Policy" content="([^"]*)">/);
  const directives = content.replaceAll('&#39;', "'").split('; ');
  return new Map(directives.map(directive => directive.split(/ (.*)/s).slice(0, 2)));
}

const sha256 = value => `'sha256-${createHash('sha256').update(value).digest('base64')}'`;

/** The data that the script is given. */
const dataOf = html =>
  JSON.parse(html.match(/<script type="application\/json" id="data">(.*?)<\/script>/s)[1]);

/** The cells of the plain table of units, row by row. */
function rowsOf(html) {
  const plain = html.slice(html.indexOf('<div id="plain">'));
  return insides(insides(plain, 'tbody').at(-1), 'tr').map(row => insides(row, 'td').map(text));
}

test("the policy forbids all but the page's own styles, its script and the pictures beside it", t => {
  const html = page([{ 1: 50 }]);
  const directives = policy(html);
  t.is(directives.get('default-src'), "'none'");
  t.is(directives.get('img-src'), "'self' file:");
  t.deepEqual(directives.get('style-src').split(' '), insides(html, 'style').map(sha256));
  const scripts = insides(html, 'script');
  t.is(directives.get('script-src'), `${sha256(scripts[0])} ${sha256(scripts.at(-1))}`);
  t.deepEqual([directives.get('base-uri'), directives.get('form-action')], ["'none'", "'none'"]);
  t.notRegex([...directives.values()].join(' '), /unsafe|\*|http|data:/);
  t.is(policy(renderPage(report([{ 1: 50 }]), { files: {} })).get('img-src'), 'blob:');
});

test('styles and script are the same for every report, so that no data can come into them', t => {
  t.deepEqual([...policy(page([{ 1: 50 }]))], [...policy(page([{ 2: 10 }, {}], { layer: '<b>' }))]);
});

test('nothing on the page comes from a network, or is run or styled in line', t => {
  const html = page([{ 1: 50 }]);
  t.deepEqual(
    [...new Set(html.match(/https?:[^"']*/g))].filter(url => url !== 'http://www.w3.org/2000/svg'),
    [],
  );
  const markup = html.replace(/<(script|style)[\s\S]*?<\/\1>/g, '');
  const links = [...markup.matchAll(/(?:src|href)="([^"]*)"/g)].map(([, link]) => link);
  t.true(links.length > 3);
  t.true(
    links.every(link => /^(#|dissect\.(json|csv)$)/.test(link)),
    links.join(' '),
  );
  t.notRegex(markup, /<link|@import|url\(| on\w+=| style="/);
});

test('every layer is a section with its summary', t => {
  const html = renderPage(
    buildReport(
      [
        statistics([{ 1: 50 }, { 1: 7 }, { 3: 90 }]),
        statistics([{}], { layer: 'conv2', changedInPlace: true }),
      ],
      { labels, categories },
      context,
    ),
  );
  const [first, second] = insides(html, 'section');
  t.regex(first, /<h2 class="name">conv1<\/h2>\n<p>3 units, 2 \(66\.7 %\) interpretable, 2 concepts\./);
  t.regex(first, /Output 3 × 4 × 6\./);
  t.regex(second, /1 unit, 0 \(0\.0 %\) interpretable, 0 concepts\./);
  t.regex(second, /changes it in place/);
  t.regex(html, /<a class="name" href="#layer=conv2">conv2<\/a>/);
});

test('the plain table has every unit, the best first', t => {
  t.deepEqual(rowsOf(page([{ 1: 7 }, { 2: 50 }, {}])), [
    ['1', 'sky', 'object', '0.333', 'yes', '1.5', '9.5'],
    ['0', 'red', 'color', '0.036', 'no', '0.5', '9.5'],
    ['2', 'none', '', '0.000', 'no', '2.5', '9.5'],
  ]);
  t.deepEqual(rowsOf(renderPage(unlabelled([{}, {}]))), [
    ['0', '0.5', '9.5'],
    ['1', '1.5', '9.5'],
  ]);
});

test('the script is given the units with all digits of what is compared with thresholds', t => {
  const whole = report([{ 2: 50, 1: 7 }, {}]);
  const { layers, labels: known, categories: names, threshold, labelled } = dataOf(renderPage(whole));
  t.is(threshold, 0.04);
  t.true(labelled);
  const [first, second] = layers[0].units;
  t.deepEqual(second.labels, []);
  t.deepEqual(
    first.labels.map(([label, iou]) => [known[label], iou]),
    [
      [[2, 'sky', names.findIndex(({ name }) => name === 'object')], 50 / 150],
      [[1, 'red', names.findIndex(({ name }) => name === 'color')], Number((7 / 193).toPrecision(5))],
    ],
  );
  t.deepEqual(first.top, [0, 9.5, 1, 9]);
  t.deepEqual(
    names.map(({ name }) => name),
    ['object', 'scene', 'part', 'material', 'texture', 'color', 'mood', 'era'],
  );
  t.deepEqual(
    layers[0].ranked.map(label => known[label][1]),
    ['sky'],
  );
  const [, ious] = renderPage(whole).match(/id="ious">(.*?)<\/script>/s);
  t.deepEqual(JSON.parse(ious), [[[33333, 0]]]);
});

test('without labels there is neither a chart nor a word of labels', t => {
  const html = renderPage(unlabelled([{}]));
  const markup = html.replace(/<(script|style)[\s\S]*?<\/\1>/g, '');
  t.notRegex(markup, /<svg|IoU|nterpretable/);
  t.regex(markup, /<td class="number">0\.5<\/td>/);
});

test('estimated levels, dropped tokens and units that come last are said of the layer', t => {
  const plain = html => html.slice(html.indexOf('<div id="plain">'), html.indexOf('<footer>'));
  t.notRegex(plain(page([{}])), /estimates|other tokens|units last/);
  const html = page([{}], { rankError: 0.00123, tokensDropped: 5 });
  t.regex(plain(html), /Levels are estimates: their rank may be off by up to 0\.12 % of the values\./);
  t.regex(plain(html), /4 × 6 without 5 other tokens/);
  t.regex(plain(page([{}], { unitsLast: true })), /4 × 6, units last/);
});

test('what chance would find stands beside what was found', t => {
  const units = [{ 1: 50 }, { 3: 10 }, {}];
  const html = page(units, { decoys: DECOYS });
  t.regex(html, /<th scope="col" class="number">By chance<\/th>/);
  t.regex(html, /<td class="number">1\.5 ± 0\.7<\/td>/);
  t.regex(html, /2 \(66\.7 %\) interpretable \(1\.5 ± 0\.7 expected by chance\)/);
  t.is(dataOf(html).layers[0].chance, '1.5 ± 0.7');
  const markup = page(units).replace(/<(script|style)[\s\S]*?<\/\1>/g, '');
  t.notRegex(markup, /[Bb]y chance/);
});

test('where the report comes from, settings and meta are listed', t => {
  t.regex(page([{}]), /<th scope="row">imgsize<\/th><td><code>\[32,48\]<\/code>/);
  t.regex(page([{}]), /<th scope="row">epoch<\/th><td><code>3<\/code>/);
  const made = {
    ...report([{}]),
    provenance: { package: '0.1.0', model: { file: 'm.pt' }, command: 'x --y' },
  };
  const html = renderPage(made);
  t.regex(html, /<th scope="row">command<\/th><td><code>x --y<\/code>/);
  t.regex(html, /<th scope="row">model<\/th><td><code>\{&quot;file&quot;:&quot;m\.pt&quot;\}<\/code>/);
});

test('every name from the data is text, wherever it stands', t => {
  const hostile = `</script><script>alert("1")</script><img src=x onerror='alert(1)'>&\u0000../`;
  const names = [{ number: 1, name: hostile, category: hostile }];
  const whole = buildReport(
    [statistics([{ 1: 50 }], { layer: hostile, tally: tally([{ 1: 50 }], names) })],
    { labels: names, categories: [hostile, ...categories] },
    {
      ...context,
      netname: hostile,
      meta: { [hostile]: hostile },
      settings: { [hostile]: [hostile] },
      provenance: { command: hostile },
      files: Array(8).fill(hostile),
    },
  );
  whole.layers[0].dirname = `../"><script>`;
  // The Python package's rankings have no label numbers.
  whole.layers[0].rankings.push({ name: hostile, concept: hostile, score: [0], ranking: [0] });
  for (const options of [{}, { files: { [hostile]: hostile } }]) {
    const html = renderPage(whole, options);
    t.is(html.match(/<script/g).length, options.files ? 5 : 4);
    const markup = html.replace(/<(script|style)[\s\S]*?<\/\1>/g, '');
    t.notRegex(markup, /<img|<script/);
    t.false(markup.includes('\u0000'));
    t.is(dataOf(html).images[0].file, hostile);
    if (!options.files) t.deepEqual([...policy(html)], [...policy(page([{ 1: 50 }]))]);
  }
});

test('a report read back from its file makes the same page', t => {
  const whole = report([{ 1: 50 }, {}]);
  t.is(renderPage(JSON.parse(JSON.stringify(whole))), renderPage(whole));
});
