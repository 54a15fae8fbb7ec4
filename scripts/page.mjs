/**
 * Puts the page's script and style sheet together, from `src/page/` into `lib/page/`: `node scripts/page.mjs [FOLDER]`.
 */
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { isScript, main, root } from './tools.mjs';

export async function bundlePage(folder = path.join(root, 'lib/page')) {
  const { build } = createRequire(path.join(root, 'package.json'))('esbuild');
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: { page: 'src/page/main.ts' },
    outdir: folder,
    bundle: true,
    minifyWhitespace: true,
    minifySyntax: true,
    format: 'iife',
    charset: 'ascii', // as the page is
    target: ['chrome109', 'firefox115', 'safari16.4'],
    tsconfigRaw: {},
    legalComments: 'none',
    logLevel: 'warning',
    metafile: true,
  });
  const styles = ['page.css', 'units.css'].map(name =>
    fs.readFileSync(path.join(root, 'src/page', name), 'utf8'),
  );
  fs.writeFileSync(path.join(folder, 'page.css'), styles.join('\n'));
  return Object.keys(metafile.inputs);
}

if (isScript(import.meta.filename)) await main(async () => void (await bundlePage(process.argv[2])));
