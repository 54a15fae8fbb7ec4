/**
 * How the page does with many units, in headless Chromium: `npm run bench:page -- [--units 4096] [--report FOLDER]`. Prints the time
 * until it can be used, the longest task of loading, sorting, filtering, changing the view and moving the threshold, and
 * the frames of scrolling. `--report` takes a report that is there.
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import sharp from 'sharp';
import formatting from '../lib/report/format.js';
import jsonModule from '../lib/report/json.js';
import pageModule from '../lib/report/page.js';
import { chromium, openBrowser } from '../test/helpers/chromium.mjs';
import { randomSource } from '../test/helpers/random.mjs';

const { values } = parseArgs({
  options: { units: { type: 'string', default: '4096' }, report: { type: 'string' } },
});
const SIDE = 224;
const IMAGES = 400;
const LABELS = 150;
const TOP = 20;

/** A report of so many units, with pictures: shapes on noise, masks that are ellipses. */
async function makeReport(folder, units) {
  const random = randomSource(1);
  const categories = ['object', 'scene', 'part', 'color'];
  const labels = Array.from({ length: LABELS }, (_, i) => ({
    number: i + 1,
    name: `label ${i + 1}`,
    category: categories[i % 4],
  }));
  const floats = size => new Float64Array(size);
  const intersections = floats(LABELS * units).map(() => random.below(60));
  const report = jsonModule.buildReport(
    [
      {
        layer: 'large',
        shape: [units, 13, 13],
        levels: floats(units).map(() => random.below(1000) / 100),
        topImages: Int32Array.from({ length: units * TOP }, () => random.below(IMAGES)),
        topActivations: Float32Array.from({ length: units * TOP }, () => random.below(1000) / 30),
        tokensDropped: 0,
        unitsLast: false,
        changedInPlace: false,
        tally: {
          labelPixels: floats(LABELS).fill(500),
          categoryPixels: floats(4 * units).fill(400),
          intersections,
          categoryImages: floats(4).fill(IMAGES),
          categoryArea: floats(4).fill(1e6),
          labelImages: floats(LABELS).fill(40),
          intersectionSquares: intersections.map(both => both ** 2 / 40),
          products: intersections.map(both => (both * 900) / 40),
          unionSquares: intersections.map(() => 900 ** 2 / 40),
        },
      },
    ],
    { labels, categories },
    {
      netname: 'many units',
      meta: {},
      quantile_threshold: 0.005,
      iou_threshold: 0.04,
      settings: {},
      images: IMAGES,
      image_size: [SIDE, SIDE],
      files: Array.from({ length: IMAGES }, (_, i) => `images/${i}.jpg`),
      drawn: {
        pictures: { images: 'images/{imgnum}.jpg', masks: '{dirname}/masks/{unit}.png' },
        top_images: Array.from({ length: IMAGES }, (_, imgnum) => ({ imgnum })),
      },
    },
  );
  for (const name of ['images', 'large/masks']) fs.mkdirSync(path.join(folder, name), { recursive: true });
  const svg = text =>
    sharp(
      Buffer.from(
        `<svg xmlns="http://www.w3.org/2000/svg" width="${SIDE}" height="${text.height}">${text.body}</svg>`,
      ),
    );
  for (let i = 0; i < IMAGES; i++) {
    const shapes = Array.from(
      { length: 30 },
      () =>
        `<circle cx="${random.below(SIDE)}" cy="${random.below(SIDE)}" r="${5 + random.below(40)}" fill="hsl(${random.below(360)} 60% ${20 + random.below(60)}%)"/>`,
    );
    await svg({ height: SIDE, body: shapes.join('') })
      .jpeg({ quality: 75 })
      .toFile(path.join(folder, `images/${i}.jpg`));
  }
  const masks = [];
  for (let i = 0; i < 32; i++) {
    const holes = Array.from(
      { length: TOP },
      (_, k) =>
        `<ellipse cx="${random.below(SIDE)}" cy="${k * SIDE + random.below(SIDE)}" rx="${10 + random.below(50)}" ry="${10 + random.below(50)}" fill="#c8c800"/>`,
    );
    masks.push(
      await svg({
        height: SIDE * TOP,
        body: `<rect width="100%" height="100%" fill-opacity=".7"/>${holes.join('')}`,
      })
        .png({ palette: true, colours: 4 })
        .toBuffer(),
    );
  }
  for (let unit = 0; unit < units; unit++)
    fs.writeFileSync(path.join(folder, `large/masks/${unit}.png`), masks[unit % 32]);
  fs.writeFileSync(path.join(folder, 'dissect.json'), [...formatting.formatReport(report)].join(''));
  fs.writeFileSync(path.join(folder, 'index.html'), pageModule.renderPage(report));
}

/** In each document: its tasks over 50 ms, of which alone the browser tells. */
function watchTasks() {
  window.longTasks = [];
  new PerformanceObserver(list => window.longTasks.push(...list.getEntries())).observe({ type: 'longtask' });
}

/** The longest task of the page's main thread while something is done. */
async function longest(page, work, wait = 700) {
  await page.evaluate(() => {
    window.longTasks = [];
  });
  await work();
  await page.waitForTimeout(wait);
  const durations = await page.evaluate(() => window.longTasks.map(({ duration }) => duration));
  return durations.length > 0 ? `${Math.round(Math.max(...durations))} ms` : 'under 50 ms';
}

const folder = values.report ?? fs.mkdtempSync(path.join(os.tmpdir(), 'netdissect-page-bench-'));
try {
  if (!chromium) throw new Error('no Chromium is installed');
  if (!values.report) await makeReport(folder, Number(values.units));
  console.log(`page: ${(fs.statSync(path.join(folder, 'index.html')).size / 1e6).toFixed(1)} MB`);
  const opened = await openBrowser();
  const page = await opened.open('about:blank', { width: 1440, height: 900 });
  await page.addInitScript(watchTasks);
  let usable;
  const load = async () => {
    const start = performance.now();
    await page.goto(String(pathToFileURL(path.join(folder, 'index.html'))), { waitUntil: 'commit' });
    await page.waitForSelector('.grid .card');
    usable = Math.round(performance.now() - start);
  };
  const loading = await longest(page, load, 1500);
  console.log(`usable after: ${usable} ms`);
  console.log(`longest task of loading: ${loading}`);
  const scroll = () =>
    new Promise(resolve => {
      const times = [];
      let last = performance.now();
      const step = now => {
        times.push(now - last);
        last = now;
        scrollBy(0, 40);
        if (times.length < 300) requestAnimationFrame(step);
        else resolve(times.slice(5).sort((a, b) => a - b));
      };
      requestAnimationFrame(step);
    });
  const frames = await page.evaluate(scroll);
  const at = part => frames[Math.floor(part * (frames.length - 1))].toFixed(1);
  console.log(`frames of scrolling: median ${at(0.5)} ms, p95 ${at(0.95)} ms, longest ${at(1)} ms`);
  await page.evaluate(() => scrollTo(0, 0));
  await page.waitForTimeout(1500);
  const steps = {
    sorting: () => page.selectOption('[data-key="sort"]', 'unit'),
    'sorting by a label': () => page.selectOption('[data-key="sort"]', { index: 6 }),
    'filtering by text': () => page.fill('[data-key="find"]', 'label 1'),
    'all again': () => page.fill('[data-key="find"]', ''),
    'detectors only': () => page.click('[data-key="only"]'),
    'view plain': () => page.click('.toolbar [data-key="view plain"]'),
    'view masks': () => page.click('.toolbar [data-key="view mask"]'),
    'the threshold': () => page.fill('[data-key="threshold value"]', '0.06'),
    'a unit': () => page.click('.grid .card a'),
    'the next unit': () => page.keyboard.press('ArrowRight'),
    'closing it': () => page.keyboard.press('Escape'),
    concepts: () => page.click('.tabs a:last-child'),
    'back to the layer': () => page.click('.tabs a:first-child'),
    scrolling: () => page.evaluate(scroll),
  };
  for (const [name, step] of Object.entries(steps))
    console.log(`longest task of ${name}: ${await longest(page, step)}`);
  await opened.close();
} finally {
  if (!values.report) fs.rmSync(folder, { recursive: true, force: true });
}
