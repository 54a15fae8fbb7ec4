/** `netdissect-native validate DIRECTORY`: all that is wrong with a data set, a line each. */

import { NetdissectError } from '../base/errors';
import { validateDataset } from '../dataset/validate';
import { openData } from './data';
import { interruptible, type Terminal } from './interrupt';
import type { DirectoryValues } from './options';
import { progressReporter } from './progress';

/** Prints problems and warnings on standard output; throws where there are problems. */
export async function runValidate(values: DirectoryValues, { stdout, stderr }: Terminal): Promise<void> {
  const progress = progressReporter(stderr, { quiet: values.quiet });
  try {
    const { images, problems, warnings } = await interruptible(signal =>
      validateDataset(onProblem => openData(values.directory, values, { onProblem }), {
        signal,
        onProgress: update => progress.update({ phase: 'checking', ...update }),
      }),
    );
    progress.end();
    for (const problem of problems) stdout.write(`problem: ${problem}\n`);
    for (const warning of warnings) stdout.write(`warning: ${warning}\n`);
    const found = `${count(problems, 'problem')} and ${count(warnings, 'warning')} in ${images} images of ${values.directory}`;
    if (problems.length > 0)
      throw new NetdissectError('ERR_NETDISSECT_DATASET', `${found}; repair what is listed`);
    if (!values.quiet) stdout.write(`${found}\n`);
  } finally {
    progress.end();
  }
}

function count({ length }: string[], what: string): string {
  return `${length || 'no'} ${what}${length === 1 ? '' : 's'}`;
}
