// Loaded before the command by --require: says what heavy parts it loads, and how many threads node has in the end.
const fs = require('node:fs');
const Module = require('node:module');

const load = Module._load;
Module._load = function (request, ...rest) {
  if (['yargs', 'sharp', 'node-gyp-build'].includes(request)) console.error(`loads ${request}`);
  return load.call(this, request, ...rest);
};

process.on('exit', () => {
  if (!fs.existsSync('/proc/self/task')) return;
  const names = fs
    .readdirSync('/proc/self/task')
    .map(task => fs.readFileSync(`/proc/self/task/${task}/comm`, 'utf8'));
  console.error(`threads ${names.filter(name => /^(node|libuv-worker)/.test(name)).length}`);
});
