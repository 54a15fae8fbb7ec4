/** The page in a browser, opened from disk: what its script shows, and that it asks nothing of a network. */

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import test from 'ava';
import axe from 'axe-core';
import { parse } from 'csv-parse/sync';
import sharp from 'sharp';
import bars from '../../lib/report/bargraph.js';
import embedding from '../../lib/report/embed.js';
import jsonModule from '../../lib/report/json.js';
import pageModule from '../../lib/report/page.js';
import { chromium, openBrowser } from '../helpers/chromium.mjs';
import { categories, context, labels, statistics, tally } from '../helpers/report.mjs';

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

const HOSTILE = `</script><img src=x onerror='document.title=1'><b>&"`;

/** Units 0 to 5: sky 1/3, red 1/19, nothing, red 7/193, street 90/110 and the hostile label 1/3; a second layer has one unit. */
function makeReport() {
  const names = [...labels, { number: 12, name: HOSTILE, category: 'object' }];
  const units = [{ 2: 50 }, { 1: 10 }, {}, { 1: 7 }, { 6: 90, 2: 80 }, { 12: 50 }];
  const decoy = { best: Int32Array.of(0, 0, 0, 0, 0, 0), bestScore: Float64Array.of(0.05, 0.06, 0, 0, 0, 0) };
  const layers = [
    statistics(units, { layer: 'first', tally: tally(units, names), decoys: [decoy] }),
    statistics([{ 2: 40 }], { layer: 'a/b & c', tally: tally([{ 2: 40 }], names) }),
  ];
  const top_images = Array.from({ length: 7 }, (_, imgnum) => ({
    imgnum,
    categories: ['color', 'object'],
    labels: imgnum === 0 ? [1, 2] : [1, 3],
  }));
  return buildReport(
    layers,
    { labels: names, categories },
    {
      ...context,
      files: Array.from({ length: 8 }, (_, i) => (i === 1 ? `pictures/${HOSTILE}.jpg` : `pictures/${i}.jpg`)),
      drawn: {
        pictures: {
          images: 'images/{imgnum}.jpg',
          labels: 'images/{imgnum}.png',
          masks: '{dirname}/masks/{unit}.png',
        },
        top_labels: [1, 2, 3].map(number => {
          const { name, category } = labels.find(label => label.number === number);
          return { labelnum: number, label: name, cat: category };
        }),
        top_images,
      },
    },
  );
}

const solid = (width, height, background, format) =>
  sharp({ create: { width, height, channels: 4, background } })
    [format]()
    .toBuffer();

/** Writes a report with its pictures: red images, masks that are opaque and green on the first image, blue on the second. */
async function writeReport(t, report = makeReport(), options = {}) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'netdissect-page-'));
  t.teardown(() => fs.rmSync(folder, { recursive: true }));
  const put = (name, data) => {
    fs.mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    fs.writeFileSync(path.join(folder, name), data);
  };
  const photograph = await solid(48, 32, '#f00', 'jpeg');
  const halves = async (first, second) =>
    sharp(await solid(48, 64, first, 'png'))
      .composite([{ input: await solid(48, 32, second, 'png'), top: 32, left: 0 }])
      .png()
      .toBuffer();
  const masks = await halves('#0f0', '#00f');
  for (const { imgnum } of report.top_images ?? []) {
    put(`images/${imgnum}.jpg`, photograph);
    put(`images/${imgnum}.png`, await halves('#ff0', '#0ff'));
  }
  for (const layer of report.layers) {
    for (const { unit } of layer.units) put(`${layer.dirname}/masks/${unit}.png`, masks);
    put(`${layer.dirname}/bargraph.svg`, bars.bargraph(layer, report.categories));
  }
  const files = options.embed ? await embedding.readPictures(folder, report) : undefined;
  put('index.html', renderPage(report, { files }));
  return folder;
}

async function openReport(t, { hash = '', report, embed, ...options } = {}) {
  const folder = await writeReport(t, report, { embed });
  const url = `${pathToFileURL(path.join(folder, 'index.html'))}${hash}`;
  const page = await browser.open(url, options);
  t.teardown(() => page.context().close());
  return { page, folder, url };
}

const shown = page => page.$$eval('.grid .card', cards => cards.map(card => Number(card.dataset.unit)));
const status = page => page.textContent('.status');
const hash = page => page.evaluate(() => decodeURIComponent(location.hash));
const colorAt = async (page, selector) => {
  const box = await (await page.$(selector)).screenshot();
  const { data } = await sharp(box)
    .resize(1, 1, { kernel: 'nearest' })
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  return [...data].map(value => (value > 200 ? 1 : value < 55 ? 0 : 0.5)).join('');
};
const settle = page => page.waitForFunction(() => Array.from(document.images).every(image => image.complete));

inBrowser(
  'opened from disk it shows its pictures, asks nothing of a network and breaks no rule of its policy',
  async t => {
    const { page } = await openReport(t);
    await settle(page);
    t.true(
      await page.$$eval('img', images => images.length > 10 && images.every(image => image.naturalWidth > 0)),
    );
    t.deepEqual(page.problems, []);
    await page.evaluate(() => {
      document.body.append(Object.assign(document.createElement('script'), { text: 'window.ran = true' }));
    });
    t.is(await page.evaluate('window.ran'), undefined);
    t.regex(page.problems.join(), /Content Security Policy/);
  },
);

inBrowser('each view lays the right part of the right file over the image', async t => {
  const { page } = await openReport(t, { hash: '#layer=first&unit=0' });
  await settle(page);
  const at = rank => `dialog .images li:nth-child(${rank}) .picture`;
  t.is(await colorAt(page, at(1)), '010', 'the first mask');
  t.is(await colorAt(page, at(2)), '001', 'the second mask');
  await page.click('dialog [data-key="view plain"]');
  await settle(page);
  t.is(await colorAt(page, at(2)), '100');
  await page.click('dialog [data-key="view labels"]');
  await settle(page);
  // the label of the unit is an object, and the objects' map is the second; it is laid over at part of its opacity
  t.deepEqual(await page.$$eval('dialog img.labels', images => images.map(image => image.style.top)), [
    '-100%',
    '-100%',
  ]);
  t.deepEqual(await page.$$eval('dialog .legend li', items => items.map(item => item.textContent)), [
    'road',
    'sky',
  ]);
  await page.selectOption('dialog [data-key="of"]', 'color');
  t.deepEqual(await page.$$eval('dialog img.labels', images => images.map(image => image.style.top)), [
    '0%',
    '0%',
  ]);
  t.deepEqual(await page.$$eval('dialog .legend li', items => items.map(item => item.textContent)), ['red']);
  t.is(await hash(page), '#layer=first&unit=0&view=labels&of=color');
  t.deepEqual(page.problems, []);
});

inBrowser(
  'units stand surest first; sorting moves them, is kept in the address, and shows the IoU that it is by',
  async t => {
    const { page, url } = await openReport(t);
    t.deepEqual(await shown(page), [4, 0, 5, 1, 3, 2]);
    await page.selectOption('[data-key="sort"]', 'unit');
    t.deepEqual(await shown(page), [0, 1, 2, 3, 4, 5]);
    t.is(await hash(page), '#sort=unit');
    await page.selectOption('[data-key="sort"]', 'iou-2');
    t.deepEqual(await shown(page), [4, 0, 5, 1, 3, 2]);
    t.regex(await page.textContent('.card[data-unit="4"]'), /IoU 0\.818.* with sky 0\.667/);
    await page.goto('about:blank');
    await page.goto(`${url}#sort=iou-2&threshold=0.5&category=scene`);
    t.deepEqual(await shown(page), [4]);
    t.is(await page.inputValue('[data-key="sort"]'), 'iou-2');
    t.is(await page.inputValue('[data-key="threshold value"]'), '0.5');
    t.is(await page.inputValue('[data-key="category"]'), 'scene');
  },
);

inBrowser('filters work together, say how many are left, and where none is there is a way back', async t => {
  const { page } = await openReport(t);
  t.is(await status(page), '6 of 6 units');
  await page.selectOption('[data-key="category"]', 'color');
  t.deepEqual(await shown(page), [1, 3]);
  await page.click('[data-key="only"]');
  t.deepEqual(await shown(page), [1]);
  t.is(await page.evaluate(() => document.activeElement.dataset.key), 'only', 'the focus stays');
  await page.fill('[data-key="find"]', 'nothing like it');
  t.is(await status(page), '0 of 6 units');
  await page.click('.empty button');
  t.is(await status(page), '6 of 6 units');
  for (const [text, units] of [
    ['STREE', [4]],
    [' 2 ', [2]],
    ['color', [1, 3]],
  ]) {
    await page.fill('[data-key="find"]', text);
    t.deepEqual(await shown(page), units, text);
  }
});

inBrowser('a moved threshold redraws counts, bars, marks and what chance would find', async t => {
  const { page } = await openReport(t);
  const bar = () =>
    page.$$eval('.bars .row', rows => rows.map(row => row.querySelector('.name').textContent));
  t.regex(
    await page.textContent('.summary'),
    /^4 of 6 units found \(66\.7 %\), 2\.0 ± 0\.0 expected by chance, 4 concepts$/,
  );
  t.is((await bar()).length, 4);
  await page.fill('[data-key="threshold value"]', '0.035');
  await page.waitForFunction(() => /^5 of 6/.test(document.querySelector('.summary').textContent));
  t.regex(await page.textContent('.summary'), /≤ 2\.0 expected by chance/);
  await page.fill('[data-key="threshold value"]', '0.7');
  await page.waitForFunction(() => /^1 of 6/.test(document.querySelector('.summary').textContent));
  t.deepEqual(await bar(), ['street']);
  t.is(await page.$$eval('.card.weak', cards => cards.length), 5);
  await page.click('[data-key="reset"]');
  t.regex(await page.textContent('.summary'), /^4 of 6/);
  t.is(await hash(page), '');
});

inBrowser('a bar filters by its label, and lets go when it is pressed again', async t => {
  const { page } = await openReport(t);
  await page.click('[data-key="label 6"]');
  t.deepEqual(await shown(page), [4]);
  t.is(await page.getAttribute('[data-key="label 6"]', 'aria-pressed'), 'true');
  await page.click('[data-key="label 6"]');
  t.is(await status(page), '6 of 6 units');
  await page.click('[data-key="category color"]');
  t.deepEqual(await shown(page), [1, 3]);
});

inBrowser(
  'by keyboard alone: to the units, into one, on with the arrows, and back to where it was',
  async t => {
    const { page } = await openReport(t);
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    t.is(await page.evaluate(() => document.activeElement.id), 'content', 'the skip link');
    await page.focus('.card[data-unit="4"] a');
    await page.keyboard.press('Enter');
    t.true(await page.isVisible('dialog'));
    t.regex(await page.textContent('#unit-title'), /Unit 4/);
    await page.keyboard.press('ArrowRight');
    t.regex(await page.textContent('#unit-title'), /Unit 0/);
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('ArrowLeft');
    t.is(await hash(page), '#layer=first&unit=0');
    t.regex(await page.textContent('dialog .dialog-head'), /2 of 6/);
    await page.keyboard.press('Escape');
    t.false(await page.isVisible('dialog'));
    t.is(await page.evaluate(() => document.activeElement.closest('.card')?.dataset.unit), '0');
  },
);

inBrowser(
  'the unit view has the best labels with precision and recall, and every image with its file and activation',
  async t => {
    const { page } = await openReport(t, { hash: '#layer=first&unit=4' });
    const rows = await page.$$eval('dialog tbody tr', rows =>
      rows.map(row => Array.from(row.cells, cell => cell.textContent)),
    );
    t.deepEqual(rows, [
      ['street scene', '0.818', '0.900', '0.900'],
      ['sky object', '0.667', '0.800', '0.800'],
    ]);
    t.deepEqual(await page.$$eval('dialog .caption', items => items.map(item => item.textContent)), [
      '9.5 pictures/4.jpg',
      '9 pictures/5.jpg',
    ]);
  },
);

inBrowser('the way back leads from a unit and from another layer', async t => {
  const { page } = await openReport(t);
  await page.click('.tabs a:nth-child(2)');
  t.is(await page.textContent('#content h2'), 'a/b & c');
  await page.click('.card a');
  t.is(await hash(page), '#layer=a/b & c&unit=0');
  await page.goBack();
  t.false(await page.isVisible('dialog'));
  await page.goBack();
  t.is(await page.textContent('#content h2'), 'first');
});

inBrowser('the concept index has the units of all layers, and shows those of one side by side', async t => {
  const { page } = await openReport(t);
  await page.click('.tabs a:last-child');
  const rows = await page.$$eval('.concepts tbody tr', rows =>
    rows.map(row => Array.from(row.cells, cell => cell.textContent)),
  );
  t.deepEqual(
    rows.find(([name]) => name.startsWith('sky')),
    ['sky object', '2', '1 best 0.333', '1 best 0.250'],
  );
  await page.click('.concepts a >> text=sky');
  t.deepEqual(
    await page.$$eval('.columns section', sections =>
      sections.map(section => [
        section.querySelector('h3').textContent,
        section.querySelectorAll('.card').length,
      ]),
    ),
    [
      ['first', 1],
      ['a/b & c', 1],
    ],
  );
  t.is(await hash(page), '#page=concepts&concept=2');
});

inBrowser('CSV has what is shown, in its order', async t => {
  const { page } = await openReport(t);
  await page.selectOption('[data-key="category"]', 'object');
  const [download] = await Promise.all([page.waitForEvent('download'), page.click('[data-key="csv"]')]);
  t.is(download.suggestedFilename(), 'first.csv');
  const rows = parse(fs.readFileSync(await download.path()), { columns: true });
  t.deepEqual(
    rows.map(({ unit, label, detector }) => [unit, label, detector]),
    [
      ['0', 'sky', 'true'],
      ['5', HOSTILE, 'true'],
    ],
  );
});

inBrowser('hostile names are texts everywhere', async t => {
  for (const at of [
    '',
    '#layer=first&unit=5',
    '#page=concepts',
    '#page=concepts&concept=12',
    `#layer=${encodeURIComponent(HOSTILE)}&find=${encodeURIComponent(HOSTILE)}&sort=constructor&unit=1e9`,
  ]) {
    const { page } = await openReport(t, { hash: at });
    await settle(page);
    t.is(await page.title(), 'TinyNet: network dissection');
    t.is(await page.$$eval('img[src="x"], b > b', elements => elements.length), 0);
    t.deepEqual(page.problems, [], at);
  }
});

inBrowser('no text is cut off and nothing reaches beyond the page, from 320 to 2560 pixels', async t => {
  const { page } = await openReport(t);
  for (const width of [320, 480, 768, 1280, 1920, 2560])
    for (const at of ['#', '#page=concepts', '#layer=first&unit=4']) {
      await page.setViewportSize({ width, height: 800 });
      await page.evaluate(next => {
        location.hash = next;
      }, at);
      await page.waitForTimeout(60);
      t.true(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${width} ${at}`);
    }
  await page.evaluate(() => {
    location.hash = '#';
  });
  await page.waitForTimeout(60);
  const used = await page.$$eval('.grid .card', cards =>
    Math.max(...cards.map(card => card.getBoundingClientRect().right)),
  );
  t.true(used > 1500, 'a wide screen is used');
});

inBrowser('axe finds nothing, in light and in dark', async t => {
  for (const colorScheme of ['light', 'dark'])
    for (const at of ['', '#layer=first&unit=4&view=labels', '#page=concepts', '#page=concepts&concept=2']) {
      const { page } = await openReport(t, { hash: at, colorScheme, bypassCSP: true });
      await page.evaluate(axe.source);
      const { violations } = await page.evaluate(() => window.axe.run());
      t.deepEqual(
        violations.map(({ id, nodes }) => [id, nodes[0].html, nodes[0].failureSummary]),
        [],
        `${colorScheme} ${at}`,
      );
    }
});

inBrowser('without a script, and in print, there is a plain table of all units', async t => {
  const { page } = await openReport(t, { javaScriptEnabled: false });
  t.true(await page.isVisible('#plain table'));
  t.is(await page.locator('#plain section:first-child table tbody tr').count(), 6);
  const { page: printed } = await openReport(t);
  t.is(await printed.locator('#plain tr').count(), 0, 'no elements that slow the page down');
  await printed.emulateMedia({ media: 'print' });
  await printed.waitForSelector('#plain table');
  t.true((await printed.textContent('#plain')).includes(HOSTILE));
  t.deepEqual(printed.problems, []);
  t.false(await printed.isVisible('#app'));
  await printed.emulateMedia({ media: 'screen' });
  await printed.waitForFunction(() => !document.querySelector('#plain tr'));
});

inBrowser('a page that is one file shows its pictures from itself', async t => {
  const { page, folder } = await openReport(t, { embed: true, hash: '#layer=first&unit=0' });
  for (const name of fs.readdirSync(folder))
    if (name !== 'index.html') fs.rmSync(path.join(folder, name), { recursive: true });
  await page.reload();
  await settle(page);
  t.is(await colorAt(page, 'dialog .images li:nth-child(2) .picture'), '001');
  t.true(
    await page.$$eval('img', images =>
      images.every(image => image.src.startsWith('blob:') && image.naturalWidth > 0),
    ),
  );
  t.deepEqual(page.problems, []);
});

inBrowser('of thousands of units those near the view are in the document, and any is found', async t => {
  const units = Array.from({ length: 4096 }, (_, i) => ({ [[1, 2, 3, 5][i % 4]]: 10 + (i % 80) }));
  const report = buildReport([statistics(units, { layer: 'large' })], { labels, categories }, context);
  const { page } = await openReport(t, { report });
  t.is(await status(page), '4096 of 4096 units');
  t.true((await page.locator('.grid .card').count()) < 100);
  await page.fill('[data-key="find"]', '3333');
  t.deepEqual(await shown(page), [3333]);
  await page.fill('[data-key="find"]', '');
  await page.evaluate(() => scrollTo(0, document.body.scrollHeight));
  await page.waitForFunction(() =>
    Array.from(document.querySelectorAll('.grid .card')).some(
      card => card.getAttribute('aria-posinset') === '4096',
    ),
  );
  t.true((await page.locator('.grid .card').count()) < 100);
});

inBrowser('cards get their pictures while they are scrolled past, and all of them when it rests', async t => {
  const report = makeReport();
  const [{ units }] = report.layers;
  report.layers[0].units = Array.from({ length: 300 }, (_, unit) => ({
    ...units[unit % units.length],
    unit,
  }));
  const { page } = await openReport(t, { report });
  await page.evaluate(
    () =>
      new Promise(resolve => {
        let frames = 0;
        const step = () => {
          scrollBy(0, 20);
          if (++frames < 60) requestAnimationFrame(step);
          else resolve();
        };
        step();
      }),
  );
  t.true(await page.evaluate('scrollY > 500'));
  await page.waitForFunction(() =>
    Array.from(document.querySelectorAll('.grid .card')).every(card => card.querySelector('.thumbs')),
  );
  const rows = await page.$$eval('.grid .card', cards =>
    cards.map(card => [card.querySelectorAll('.thumbs').length, card.lastChild.className]),
  );
  t.true(rows.length > 10);
  for (const row of rows) t.deepEqual(row, [1, 'thumbs']);
});

inBrowser('a tap anywhere on a card opens its unit', async t => {
  const { page } = await openReport(t, { hasTouch: true });
  await page.tap('.grid .card .picture');
  t.is(await page.textContent('#unit-title'), `Unit ${(await shown(page))[0]} first`);
});

inBrowser('the chart is XML to the browser, too', async t => {
  const { folder } = await openReport(t);
  const page = await browser.open(pathToFileURL(path.join(folder, 'first', 'bargraph.svg')));
  t.is(await page.evaluate('document.documentElement.localName'), 'svg');
  t.is(await page.evaluate(`document.querySelectorAll('parsererror').length`), 0);
});
