// Where code may lean on what: docs/architecture.md lists the rooms, and each leans only on those before it.
import fs from 'node:fs';
import path from 'node:path';
import test from 'ava';

const root = path.join(import.meta.dirname, '..');

/** The rooms of a tree, in the order of the manual's table. */
function roomsOf(tree) {
  const page = fs.readFileSync(path.join(root, 'docs/architecture.md'), 'utf8');
  return [...page.matchAll(new RegExp(`^\\| \`${tree}/([\\w/]*)\` \\|`, 'gm'))].map(([, room]) =>
    room.replace(/\/$/, ''),
  );
}

/** What each file of a tree leans on, files by their paths in the tree. */
function leanings(tree, ending, imports, resolve) {
  const files = fs
    .readdirSync(path.join(root, tree), { recursive: true })
    .filter(file => ending.test(file))
    .map(file => file.split(path.sep).join('/'));
  return new Map(
    files.map(file => {
      const text = fs.readFileSync(path.join(root, tree, file), 'utf8');
      return [file, [...text.matchAll(imports)].map(([, name]) => resolve(file, name)).filter(Boolean)];
    }),
  );
}

const TREES = {
  src: () =>
    leanings('src', /\.ts$/, /(?:from |import\(|require\()'(\.{1,2}\/[^']+)'/g, (file, name) =>
      name.endsWith('.json')
        ? undefined
        : `${path.posix.join(path.posix.dirname(file), name).replace(/\.js$/, '')}.ts`,
    ),
  binding: () => leanings('binding', /\.(cc|h)$/, /#include "([^"]+)"/g, (_, name) => name),
};

for (const [tree, read] of Object.entries(TREES)) {
  test(`${tree}: every file is in a room of the manual, and leans on its own and on those before it`, t => {
    const rooms = roomsOf(tree);
    t.true(rooms.length > 5);
    const roomOf = file => rooms.indexOf(path.posix.dirname(file).replace(/^\.$/, ''));
    for (const [file, others] of read()) {
      t.true(roomOf(file) >= 0, `${file} is in no room`);
      for (const other of others)
        t.true(roomOf(other) <= roomOf(file), `${file} leans on ${other}, of a room after its own`);
    }
  });

  test(`${tree}: no files lean on each other in a circle`, t => {
    const graph = read();
    const done = new Set();
    const visit = (file, above) => {
      if (above.includes(file)) return t.fail([...above.slice(above.indexOf(file)), file].join(' -> '));
      if (done.has(file)) return;
      done.add(file);
      for (const other of graph.get(file) ?? []) visit(other, [...above, file]);
    };
    for (const file of graph.keys()) visit(file, []);
    t.true(done.size > 40);
  });

  test(`${tree}: no file has over 400 lines`, t => {
    for (const file of read().keys()) {
      const lines = fs.readFileSync(path.join(root, tree, file), 'utf8').split('\n').length - 1;
      t.true(lines <= 400, `${file} has ${lines}`);
    }
  });
}
