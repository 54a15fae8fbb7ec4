/** The page of a comparison: tables, and the best units of each concept facing each other. It has no script. */

import path from 'node:path';
import { CATEGORY_COLORS, categoryColor } from './categories';
import type { ComparedConcept, Comparison, MatchedPair, Side } from './compare';
import { Markup, markup, policyHash } from './markup';

const STYLE = `
:root { color-scheme: light dark; --page: #f3f4f6; --card: #fff; --text: #1f2328; --quiet: #59626d; --line: #d5d9de; --accent: #1f5fbf;
  --gained: #1a7f37; --lost: #b3261e; }
@media (prefers-color-scheme: dark) {
  :root { --page: #12151a; --card: #1c2026; --text: #e4e7eb; --quiet: #9ba4af; --line: #343a43; --accent: #7fb0ff; --gained: #56d364; --lost: #ff8f85; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 110rem; padding: 0 1.25rem 2rem; background: var(--page); color: var(--text);
  font: .9375rem/1.45 system-ui, "Segoe UI", "Helvetica Neue", Arial, sans-serif; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.3rem; margin: 2rem 0 .5rem; overflow-wrap: anywhere; } h3 { font-size: 1.1rem; margin: 1.5rem 0 .5rem; overflow-wrap: anywhere; }
a { color: var(--accent); }
.quiet { color: var(--quiet); font-weight: 400; }
.scroll { overflow-x: auto; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; background: var(--card); }
th, td { padding: .35rem .9rem .35rem .6rem; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
thead th { color: var(--quiet); }
.number { text-align: right; }
.name { unicode-bidi: isolate; overflow-wrap: break-word; }
.gained { color: var(--gained); font-weight: 600; } .lost { color: var(--lost); font-weight: 600; }
.dot::before { content: ""; display: inline-block; width: .7em; height: .7em; margin-right: .35em; border-radius: 2px; background: var(--color); print-color-adjust: exact; }
svg { display: inline-block; width: 5.5rem; height: auto; margin: .15rem .15rem 0 0; border-radius: 3px; vertical-align: top; }
@media print { body { font-size: 9pt; } :root { --page: #fff; --card: #fff; } }
${CATEGORY_COLORS.map((color, i) => `.c${i} { --color: ${color}; }`).join('\n')}
`;

/** How many of a unit's images are shown. */
const SHOWN = 3;

const SAID: Record<string, string> = {
  kept: 'kept',
  gained: 'gained',
  lost: 'lost',
  undecided: 'undecided',
  absent: '',
};

/** @param outdir where the page is, for the paths of the pictures */
export function renderComparison(
  groups: readonly { sides: readonly Side[]; comparison: Comparison }[],
  outdir: string,
): string {
  return markup`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src 'self' file:; style-src ${new Markup(policyHash(STYLE))}; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Dissections compared</title>
<style>${new Markup(STYLE)}</style>
</head>
<body>
<main>
<h1>Dissections compared</h1>
<p class="quiet">A concept is lost, or gained, only where the 95 % intervals of the best units' IoUs part; else it is undecided.</p>
${groups.map(group => section(group, outdir))}</main>
<footer><p class="quiet">All of it as data: <a href="compare.json">compare.json</a></p></footer>
</body>
</html>
`.text;
}

function section(
  { sides, comparison }: { sides: readonly Side[]; comparison: Comparison },
  outdir: string,
): Markup {
  const several = new Set(sides.map(({ run }) => run)).size > 1;
  const title = several ? sides[0].layer.layer : sides.map(({ layer }) => layer.layer).join(' · ');
  const nameOf = ({ run, layer }: Side) => (several ? run : layer.layer);
  const categories = [...new Set(comparison.sides.flatMap(side => Object.keys(side.categories)))];
  const all = sides[0].report.categories ?? [];
  const changed = (kind: string) =>
    comparison.concepts.filter(({ changes }) => changes.includes(kind as never));
  const list = (kind: string) => {
    const found = changed(kind);
    return found.length > 0
      ? markup`<p><span class="${kind}">${found.length} ${kind}:</span> ${found.map(({ label }, i) => markup`${i > 0 && ', '}<span class="name">${label}</span>`)}</p>`
      : null;
  };
  return markup`<section>
<h2 class="name">${title}</h2>
<div class="scroll" tabindex="0" role="region" aria-label="What was found, ${title}"><table>
<thead><tr><th scope="col">${several ? 'Run' : 'Layer'}</th><th scope="col" class="number">Units</th><th scope="col" class="number">Detectors</th><th scope="col" class="number">By chance</th><th scope="col" class="number">Concepts</th>${categories.map(cat => markup`<th scope="col" class="number"><span class="dot c${categoryColor(cat, all)} name">${cat}</span></th>`)}</tr></thead>
<tbody>
${comparison.sides.map(
  (
    side,
    i,
  ) => markup`<tr><th scope="row" class="name">${nameOf(sides[i])}</th><td class="number">${side.units}</td><td class="number">${side.interpretable}</td><td class="number">${side.expected_by_chance?.toFixed(1)}</td><td class="number">${side.concepts}</td>${categories.map(cat => markup`<td class="number">${side.categories[cat] ?? 0}</td>`)}</tr>
`,
)}</tbody>
</table></div>
${list('lost')}${list('gained')}
<div class="scroll" tabindex="0" role="region" aria-label="Concepts, ${title}"><table>
<thead><tr><th scope="col">Concept</th>${sides.map(side => markup`<th scope="col" class="name">${nameOf(side)}</th>`)}</tr></thead>
<tbody>
${comparison.concepts.map(concept => row(concept, sides, all, outdir))}</tbody>
</table></div>
${comparison.matched?.map((pairs, i) => pairs && matched(pairs, [sides[0], sides[i + 1]], nameOf, outdir))}
</section>
`;
}

function row(
  concept: ComparedConcept,
  sides: readonly Side[],
  categories: readonly string[],
  outdir: string,
): Markup {
  const { label, cat, changes } = concept;
  return markup`<tr><th scope="row"><span class="name">${label}</span><br><span class="dot c${categoryColor(cat, categories)} name quiet">${cat}</span></th>${concept.sides.map(
    ({ units, best, bound }, i) =>
      markup`<td>${i > 0 && changes[i - 1] !== 'absent' && markup`<span class="${changes[i - 1]}">${SAID[changes[i - 1]]}</span>, `}${units} ${units === 1 ? 'unit' : 'units'}${
        best
          ? markup`, best ${best.unit}: <b>${best.iou.toFixed(3)}</b>${best.low !== null && best.high !== null && markup` <span class="quiet">${best.low.toFixed(2)}–${best.high.toFixed(2)}</span>`}<br>${pictures(sides[i], best.unit, outdir)}`
          : markup`<span class="quiet">, no IoU over ${bound?.toFixed(3)}</span>`
      }</td>`,
  )}</tr>
`;
}

/** Pairs of matched units that are shown. */
const PAIRS = 100;

/** Units that respond alike: how many, and those that detect other things. */
function matched(
  pairs: readonly MatchedPair[],
  sides: readonly [Side, Side],
  nameOf: (side: Side) => string,
  outdir: string,
): Markup {
  const isSame = ({ labels: [a, b] }: MatchedPair) => a?.label === b?.label && a?.cat === b?.cat;
  const both = pairs.filter(({ labels: [a, b] }) => a !== null && b !== null);
  const same = both.filter(isSame);
  const others = pairs.filter(pair => !isSame(pair));
  const shown = others.slice(0, PAIRS);
  const [first, other] = sides.map(nameOf);
  const unit = (pair: MatchedPair, i: 0 | 1) => {
    const number = pair.units[i];
    const { label, iou } = sides[i].layer.units.find(own => own.unit === number)!;
    return markup`<td>unit ${number}: ${
      pair.labels[i] === null
        ? markup`<span class="quiet">no detector${label && markup`, best <span class="name">${label}</span> ${iou!.toFixed(3)}`}</span>`
        : markup`<span class="name">${label}</span> <b>${iou!.toFixed(3)}</b>`
    }<br>${pictures(sides[i], number, outdir)}</td>`;
  };
  const title = `Matched units, ${first} and ${other}`;
  return markup`<h3 class="name">${title}</h3>
<p>${pairs.length} units of each, matched one to one by the correlation of their largest activations over images: median ${median(pairs).toFixed(2)}, ${pairs.filter(({ correlation }) => correlation < 0.5).length} under 0.5. Of ${both.length} pairs of detectors ${same.length} have the same concept.${others.length > 0 && ` ${shown.length < others.length ? `The ${shown.length} most alike of ${others.length}` : others.length} that do not detect the same:`}</p>
${
  others.length > 0 &&
  markup`<div class="scroll" tabindex="0" role="region" aria-label="${title}"><table>
<thead><tr><th scope="col" class="number">Correlation</th><th scope="col" class="name">${first}</th><th scope="col" class="name">${other}</th></tr></thead>
<tbody>
${shown.map(
  pair => markup`<tr><td class="number">${pair.correlation.toFixed(3)}</td>${unit(pair, 0)}${unit(pair, 1)}</tr>
`,
)}</tbody>
</table></div>`
}
`;
}

/** Of correlations in order. */
function median(pairs: readonly MatchedPair[]): number {
  const [lower, upper] = [pairs.length - 1, pairs.length].map(twice => pairs[twice >> 1].correlation);
  return (lower + upper) / 2;
}

/** A unit's first images under their masks: parts of files, which SVG can lay over one another without a style. */
function pictures({ run, report, layer }: Side, unit: number, outdir: string): Markup[] {
  const { pictures: patterns, image_size } = report;
  const own = layer.units.find(other => other.unit === unit);
  if (!patterns?.images || !patterns.masks || !image_size || !own) return [];
  const [height, width] = image_size;
  const link = (pattern: string, imgnum = 0) => {
    const file = pattern
      .replace('{dirname}', () => layer.dirname)
      .replace('{unit}', String(unit))
      .replace('{imgnum}', String(imgnum));
    const relative = path.relative(path.resolve(outdir), path.resolve(run, file));
    return relative.split(path.sep).map(encodeURIComponent).join('/');
  };
  return own.top
    .slice(0, SHOWN)
    .map(
      ({ imgnum }, rank) =>
        markup`<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="Image ${imgnum} under the mask of unit ${unit}"><image href="${link(patterns.images!, imgnum)}" width="${width}" height="${height}"/><image href="${link(patterns.masks!)}" width="${width}" y="${-rank * height}" height="${own.top.length * height}"/></svg>`,
    );
}
