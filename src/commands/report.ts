/** `netdissect-native report DIR`: the page again, from `dissect.json`. */

import fs from 'node:fs/promises';
import path from 'node:path';
import { writeFile } from '../base/write';
import { readPictures } from '../report/embed';
import { renderPage } from '../report/page';
import { readReport } from '../report/read';
import type { Terminal } from './interrupt';
import type { ReportValues } from './report-options';

export async function runReport(
  { directory, embed, quiet }: ReportValues,
  terminal: Terminal,
): Promise<void> {
  const report = await readReport(directory);
  const file = path.join(directory, embed ? 'report.html' : 'index.html');
  const page = renderPage(report, embed ? { files: await readPictures(directory, report) } : {});
  const fresh = `${file}.${process.pid}.new`;
  try {
    await writeFile(fresh, page);
    await fs.rename(fresh, file);
  } catch (error) {
    await fs.rm(fresh, { force: true });
    throw error;
  }
  if (!quiet) terminal.stdout.write(`report: ${file}\n`);
}
