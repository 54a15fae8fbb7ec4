// Runs command lines one after the other in a folder, in this one process: node commands.mjs FOLDER, with a JSON
// list of lists of arguments on standard input. Prints `[{code, stdout, stderr, changed}]`; `changed` tells whether
// the folder's files are others than before.
import fs from 'node:fs';
import cli from '../../lib/cli.js';

process.chdir(process.argv[2]);
const files = () => fs.readdirSync('.', { recursive: true }).sort().join();
const results = [];
for (const args of JSON.parse(fs.readFileSync(0, 'utf8'))) {
  const before = files();
  const result = { stdout: '', stderr: '' };
  const into = name => ({
    write: text => {
      result[name] += text;
    },
  });
  const code = await cli.main(args, { stdout: into('stdout'), stderr: into('stderr') });
  results.push({ code, ...result, changed: files() !== before });
}
console.log(JSON.stringify(results));
