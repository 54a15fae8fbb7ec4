/** An installed Chromium, driven by Playwright, for what only a browser can tell. */

import { spawnSync } from 'node:child_process';
import { chromium as playwright } from 'playwright-core';

/** The path of an installed Chromium, or undefined. */
export const chromium = ['chromium', 'chromium-browser', 'google-chrome']
  .map(command => spawnSync('which', [command], { encoding: 'utf8' }).stdout.trim())
  .find(Boolean);

/** Starts a browser. `open(url, options)` gives a page of its own, with `problems`: what it complained of, and what it asked of a network. */
export async function openBrowser() {
  const browser = await playwright.launch({
    executablePath: chromium,
    args: ['--no-sandbox', '--disable-gpu'],
  });
  return {
    browser,
    async open(url, { width = 1280, height = 900, ...options } = {}) {
      const context = await browser.newContext({ viewport: { width, height }, ...options });
      const page = await context.newPage();
      page.problems = [];
      page.on('console', message => page.problems.push(message.text()));
      page.on('pageerror', error => page.problems.push(String(error)));
      page.on('requestfailed', request => page.problems.push(`failed: ${request.url()}`));
      page.on('request', request => {
        if (!/^(file|blob|data):/.test(request.url())) page.problems.push(`asked: ${request.url()}`);
      });
      await page.goto(String(url));
      return page;
    },
    close: () => browser.close(),
  };
}
