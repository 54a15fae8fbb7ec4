// What examples/ need: the command on PATH, and data.
import fs from 'node:fs/promises';
import path from 'node:path';

const root = path.join(import.meta.dirname, '../..');
const sample = path.join(root, 'sample');

/** A PATH that leads to netdissect-native, which it puts into a folder. */
export async function commandOnPath(folder) {
  const file = path.join(folder, 'netdissect-native');
  await fs.mkdir(folder);
  await fs.writeFile(file, `#!/bin/sh\nexec '${process.execPath}' '${root}/lib/cli.js' "$@"\n`, {
    mode: 0o755,
  });
  return `${folder}${path.delimiter}${process.env.PATH}`;
}

/** The options of a dissection of the sample's images, several times over, so that it takes a while. */
export async function repeatedSample(folder, times, layers = ['conv4', 'conv5']) {
  const broden = path.join(folder, 'broden1_224');
  const own = path.join(sample, 'broden/broden1_224');
  await fs.mkdir(broden, { recursive: true });
  for (const name of await fs.readdir(own))
    if (name !== 'index.csv') await fs.symlink(path.join(own, name), path.join(broden, name));
  const [header, ...rows] = (await fs.readFile(path.join(own, 'index.csv'), 'utf8')).trim().split('\n');
  const lines = [header, ...Array.from({ length: times }, () => rows).flat()];
  await fs.writeFile(path.join(broden, 'index.csv'), `${lines.join('\n')}\n`);
  // biome-ignore format: an option and its values a line
  return [
    '--model', path.join(sample, 'model.pt'),
    '--layers', ...layers,
    '--broden', folder,
    '--imgsize', '224',
    '--no-images',
  ];
}

/** All files under a folder with their bytes. */
export async function filesIn(folder) {
  const files = {};
  for (const entry of await fs.readdir(folder, { recursive: true, withFileTypes: true }))
    if (entry.isFile()) {
      const file = path.join(entry.parentPath, entry.name);
      files[path.relative(folder, file)] = await fs.readFile(file);
    }
  return files;
}
