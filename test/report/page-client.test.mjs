/** The page in a browser: that its policy lets it work, and what its script does. */

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import test from 'ava';
import bars from '../../lib/report/bargraph.js';
import jsonModule from '../../lib/report/json.js';
import pageModule from '../../lib/report/page.js';
import { chromium, openBrowser } from '../helpers/chromium.mjs';
import { categories, context, labels, statistics } from '../helpers/report.mjs';

const { buildReport } = jsonModule;
const { renderPage } = pageModule;

/** Skipped where no Chromium is installed. */
const inBrowser = chromium ? test.serial : test.serial.skip;

let browser;
if (chromium) {
  test.before(async () => {
    browser = await openBrowser();
  });
  test.after.always(() => browser?.close());
}

const PIXEL = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);

/** Two layers: `first` has sky 1/3, red 1/19, nothing, red 7/193 and street; `a/b & c` has one unit. */
function makeReport() {
  const units = [{ 2: 50 }, { 1: 10 }, {}, { 1: 7 }, { 6: 90, 2: 80 }];
  return buildReport(
    [statistics(units, { layer: 'first' }), statistics([{ 3: 50 }], { layer: 'a/b & c' })],
    { labels, categories },
    context,
  );
}

/** Writes the report with its strips (a white pixel each: a picture's kind is read from its bytes). */
function writeReport(t) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'netdissect-page-'));
  t.teardown(() => fs.rmSync(folder, { recursive: true }));
  const report = makeReport();
  for (const layer of report.layers) {
    const images = path.join(folder, layer.dirname, 'image');
    fs.mkdirSync(images, { recursive: true });
    for (const { unit } of layer.units)
      for (const file of ['top.jpg', 'orig.jpg', 'seg.png', 'mask.png'])
        fs.writeFileSync(path.join(images, `${unit}-${file}`), PIXEL);
    fs.writeFileSync(
      path.join(folder, layer.dirname, 'bargraph.svg'),
      bars.bargraph(layer, report.categories),
    );
  }
  fs.writeFileSync(path.join(folder, 'index.html'), renderPage(report, { pictures: true }));
  return folder;
}

/** Expressions for the page: what the reader sees, and what a reader does. */
const FIRST = `document.querySelector('[data-layer=first]')`;
const SHOWN = `Array.from(${FIRST}.querySelectorAll('article'))
  .filter(article => article.offsetHeight > 0).map(article => Number(article.dataset.unit))`;
const choose = (control, value, event = 'change') =>
  `{ const control = ${FIRST}.querySelector('${control}');
    control.value = ${JSON.stringify(value)}; control.dispatchEvent(new Event('${event}')); }`;
const click = button => `${FIRST}.querySelector('${button}').click()`;

async function openReport(t, hash = '') {
  const folder = writeReport(t);
  await browser.open('about:blank');
  browser.problems.length = 0;
  await browser.open(`${pathToFileURL(path.join(folder, 'index.html'))}${hash}`);
  return { ...browser, folder };
}

inBrowser('opened from disk it shows its pictures and breaks no rule of its policy', async t => {
  const { run, problems } = await openReport(t);
  await run(
    `Promise.all(Array.from(document.images, image => { image.loading = 'eager'; return image.decode(); }))`,
  );
  t.is(await run(`getComputedStyle(document.querySelector('.toolbar')).position`), 'sticky');
  t.is(await run(`getComputedStyle(document.querySelector('svg .title')).fontWeight`), '600');
  t.deepEqual(problems, []);
});

inBrowser('a script that is not its own does not run', async t => {
  const { run, problems } = await openReport(t);
  await run(
    `document.body.append(Object.assign(document.createElement('script'), { text: 'window.ran = true' }))`,
  );
  t.is(await run('window.ran'), undefined);
  t.regex(problems.join(), /Content Security Policy/);
});

inBrowser('sorting moves the units and is kept in the location', async t => {
  const { run } = await openReport(t);
  t.deepEqual(await run(SHOWN), [4, 0, 1, 3, 2]);
  await run(choose('.sort', 'unit'));
  t.deepEqual(await run(SHOWN), [0, 1, 2, 3, 4]);
  t.is(await run('location.hash'), '#layer=first&sort=unit');
  await run(choose('.sort', 'iou-2'));
  t.deepEqual(await run(SHOWN), [4, 0, 1, 2, 3]);
  t.is(await run('location.hash'), '#layer=first&sort=iou-2');
});

inBrowser('filters hide units, together, and say how many are left', async t => {
  const { run } = await openReport(t);
  const status = `${FIRST}.querySelector('output').textContent`;
  t.is(await run(status), '5 of 5 units');
  await run(choose('.category', 'color'));
  t.deepEqual(await run(SHOWN), [1, 3]);
  await run(click('.only'));
  t.deepEqual(await run(SHOWN), [1]);
  t.is(await run(status), '1 of 5 units');
  t.is(await run(`${FIRST}.querySelector('.only').getAttribute('aria-pressed')`), 'true');
  await run(click('.only'));
  await run(choose('.category', ''));
  await run(choose('.label', '2'));
  t.deepEqual(await run(SHOWN), [0]);
});

inBrowser('text finds a label, a category or the unit of exactly that number', async t => {
  const { run } = await openReport(t);
  for (const [text, units] of [
    ['STREE', [4]],
    ['color', [1, 3]],
    [' 2 ', [2]],
    ['nothing', []],
  ]) {
    await run(choose('.text', text, 'input'));
    t.deepEqual(await run(SHOWN), units, text);
  }
});

inBrowser('each view shows its files; the mask is laid over the plain images', async t => {
  const { run, problems } = await openReport(t);
  const sources = `Array.from(document.querySelectorAll('[data-layer=first] article:first-child img'),
    image => image.getAttribute('src'))`;
  const expected = {
    orig: ['./first/image/4-orig.jpg'],
    seg: ['./first/image/4-seg.png'],
    mask: ['./first/image/4-orig.jpg', './first/image/4-mask.png'],
    top: ['./first/image/4-top.jpg'],
  };
  for (const [view, files] of Object.entries(expected)) {
    await run(click(`[data-view=${view}]`));
    t.deepEqual(await run(sources), files);
    t.deepEqual(
      await run(
        `Array.from(${FIRST}.querySelectorAll('[aria-pressed=true]'), button => button.dataset.view)`,
      ),
      [view],
    );
  }
  t.deepEqual(problems, []);
});

inBrowser('a location opens a layer with its order at a unit', async t => {
  const { run } = await openReport(t, '#layer=first&sort=unit&unit=3');
  t.deepEqual(await run(SHOWN), [0, 1, 2, 3, 4]);
  t.is(await run(`document.querySelector('.current').dataset.unit`), '3');
  t.is(await run('location.hash'), '#layer=first&sort=unit&unit=3');
});

inBrowser('a link to a unit keeps the order and shows the unit where filters hid it', async t => {
  const { run } = await openReport(t);
  await run(choose('.sort', 'iou'));
  await run(choose('.label', '2'));
  await run(`new Promise(resolve => {
    addEventListener('hashchange', resolve, { once: true });
    ${FIRST}.querySelector('a[href$="unit=1"]').click();
  })`);
  t.is(await run('location.hash'), '#layer=first&sort=iou&unit=1');
  t.is((await run(SHOWN)).length, 5);
});

inBrowser('a layer with any name can be linked, and an unknown location does nothing', async t => {
  const { run, problems, folder, open } = await openReport(t, '#layer=a%2Fb%20%26%20c&unit=0');
  t.is(await run(`document.querySelector('.current').closest('section').dataset.layer`), 'a/b & c');
  const url = pathToFileURL(path.join(folder, 'index.html'));
  await open('about:blank');
  await open(`${url}#layer=none&sort=constructor&unit=x`);
  t.deepEqual(await run(SHOWN), [4, 0, 1, 3, 2]);
  t.deepEqual(problems, []);
});

inBrowser('the chart is XML to the browser, too', async t => {
  const { run, open, folder } = await openReport(t);
  await open(String(pathToFileURL(path.join(folder, 'first', 'bargraph.svg'))));
  t.is(await run('document.documentElement.localName'), 'svg');
  t.is(await run(`document.querySelectorAll('parsererror').length`), 0);
});
