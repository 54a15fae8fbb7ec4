/**
 * The page's style sheet. Its hash stands in the page's security policy, so that nothing here may come from
 * a report, and no element carries a style of its own.
 */

import { CATEGORY_COLORS } from './categories';

export const PAGE_STYLE = `
:root {
  color-scheme: light dark;
  --page: #f3f4f6; --card: #fff; --text: #1f2328; --quiet: #59626d; --line: #d5d9de; --accent: #1f5fbf;
  --mark: #fff3c4;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #12151a; --card: #1c2026; --text: #e4e7eb; --quiet: #9ba4af; --line: #343a43; --accent: #7fb0ff;
    --mark: #3a3418;
  }
}
* { box-sizing: border-box; }
[hidden] { display: none !important; }
body { margin: 0; background: var(--page); color: var(--text);
  font: 15px/1.45 system-ui, "Segoe UI", "Helvetica Neue", Arial, sans-serif; }
body > header, main, body > footer { max-width: 96rem; margin: 0 auto; padding: 0 1.25rem; }
h1 { margin: 1.25rem 0 0; font-size: 1.6rem; overflow-wrap: anywhere; }
h2 { margin: 2.5rem 0 .25rem; font-size: 1.35rem; overflow-wrap: anywhere; }
h3 { margin: 0; font-size: 1rem; }
p { margin: .25rem 0; }
a { color: var(--accent); }
.quiet { color: var(--quiet); }
.doubt { color: var(--quiet); border-bottom: 1px dotted; white-space: nowrap; }
.name { unicode-bidi: isolate; overflow-wrap: anywhere; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }

table { border-collapse: collapse; margin: .75rem 0; font-variant-numeric: tabular-nums; }
th, td { padding: .2rem .9rem .2rem 0; border-bottom: 1px solid var(--line); text-align: left;
  vertical-align: top; overflow-wrap: anywhere; }
th { font-weight: 600; color: var(--quiet); }
.number { text-align: right; }
summary { cursor: pointer; color: var(--quiet); padding: .15rem 0; }
code { font: .87em ui-monospace, Menlo, Consolas, monospace; }
figure { margin: .75rem 0; overflow-x: auto; }
figure svg { display: block; }

.dot::before { content: ""; display: inline-block; width: .7em; height: .7em; margin-right: .4em;
  border-radius: 2px; background: var(--color); print-color-adjust: exact; }
${CATEGORY_COLORS.map((color, i) => `.c${i} { --color: ${color}; }`).join('\n')}

.toolbar { position: sticky; top: 0; z-index: 2; display: flex; flex-wrap: wrap; gap: .5rem .9rem;
  align-items: center; padding: .5rem 0; margin: .5rem 0; background: var(--page);
  border-bottom: 1px solid var(--line); }
.toolbar label { color: var(--quiet); }
select, input, button { font: inherit; color: var(--text); background: var(--card); padding: .15rem .5rem;
  border: 1px solid var(--line); border-radius: 6px; }
select { max-width: 15rem; }
input { width: 13rem; }
button { cursor: pointer; }
button[aria-pressed="true"] { background: var(--accent); border-color: var(--accent); color: var(--card); }
.choice { display: flex; }
.choice button { border-radius: 0; margin-left: -1px; }
.choice button:first-child { border-radius: 6px 0 0 6px; }
.choice button:last-child { border-radius: 0 6px 6px 0; }

.units { display: grid; gap: .5rem; grid-template-columns: repeat(auto-fill, minmax(14rem, 1fr)); }
.units.pictures { grid-template-columns: minmax(0, 1fr); }
article { padding: .5rem .75rem; background: var(--card); border: 1px solid var(--line); border-radius: 8px;
  content-visibility: auto; contain-intrinsic-size: auto 6.4rem; scroll-margin-top: 6.5rem; }
article:target, article.current { background: var(--mark); border-color: var(--accent); }
article h3 a { color: inherit; text-decoration: none; }
article h3 a:hover { text-decoration: underline; }
.pictures article { display: grid; grid-template-columns: 13rem minmax(0, 1fr); gap: 1rem;
  contain-intrinsic-size: auto 9rem; }
/* Room for a scroll bar: heights must not change as units come into view, or links to them would miss. */
.strip { overflow-x: auto; height: 9rem; }
.strip .stack { position: relative; display: inline-block; vertical-align: top; }
.strip img { display: block; height: 8rem; width: auto; max-width: none; }
.strip .over { position: absolute; inset: 0; }
@media (max-width: 44rem) {
  .pictures article { display: block; contain-intrinsic-size: auto 15.4rem; }
  .toolbar { position: static; }
}
body > footer { margin: 2rem auto; color: var(--quiet); }

@media print {
  :root { color-scheme: light; --page: #fff; --card: #fff; --text: #000; --quiet: #444; --line: #bbb; --accent: #1f5fbf; }
  body { font-size: 10pt; }
  .toolbar { display: none; }
  article { content-visibility: visible; break-inside: avoid; }
  .pictures article { grid-template-columns: 10rem minmax(0, 1fr); }
  .strip { overflow: hidden; height: auto; }
  .strip img { height: 2.2cm; }
  figure { overflow: hidden; break-inside: avoid; }
  figure svg { max-width: 100%; height: auto; }
}
`;
