// Runs one command line: node peak.mjs ARGUMENTS. Prints the most memory that the process held, in bytes.
import cli from '../../lib/cli.js';

const silent = { write: () => true };
const code = await cli.main(process.argv.slice(2), { stdout: silent, stderr: process.stderr });
if (code !== 0) process.exit(code);
console.log(process.resourceUsage().maxRSS * 1024);
