/**
 * ava's settings. `npm test` also wants the numbers behind ava's report: with NETDISSECT_TEST_TALLY set to a file
 * they are written there when the run has ended.
 */
import { writeFileSync } from 'node:fs';

const tally = process.env.NETDISSECT_TEST_TALLY;

async function observeRun({ events }) {
  let stats;
  for await (const event of events) if (event.type === 'stats') stats = event.stats;
  if (stats) writeFileSync(tally, JSON.stringify({ ...stats, byFile: Object.fromEntries(stats.byFile) }));
}

export default {
  files: ['test/**/*.test.mjs'],
  timeout: '20m',
  require: ['./test/helpers/validate-reports.mjs'],
  concurrency: 2,
  ...(tally ? { nonSemVerExperiments: { observeRunsFromConfig: true }, observeRun } : {}),
};
