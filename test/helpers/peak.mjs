// Runs one command line: node peak.mjs ARGUMENTS. Prints the most memory that the process held, in bytes.
import fs from 'node:fs';
import cli from '../../lib/cli.js';

const silent = { write: () => true };
const code = await cli.main(process.argv.slice(2), { stdout: silent, stderr: process.stderr });
if (code !== 0) process.exit(code);
// of this program alone: the usage that Node tells begins with that of the process which started it
const [, kibibytes] = /VmHWM:\s*(\d+) kB/.exec(fs.readFileSync('/proc/self/status', 'utf8'));
console.log(Number(kibibytes) * 1024);
