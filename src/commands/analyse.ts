/** `netdissect-native analyse STORES...`: a report of what was observed and kept. */

import sharp from 'sharp';
import { native } from '../native/native';
import { analyse, openStore } from '../run/analyse';
import type { AnalyseValues } from './analyse-options';
import { imageChoice, openData } from './data';
import { PROGRAM } from './help';
import { interruptible, type Terminal } from './interrupt';
import { progressReporter } from './progress';
import { analysedCommand } from './repeat';
import { scoring } from './statistics-options';
import { profileTable, summary } from './summary';

export async function runAnalyse(values: AnalyseValues, terminal: Terminal): Promise<void> {
  const { stores, outdir, quiet } = values;
  const progress = progressReporter(terminal.stderr, { quiet });
  const say = (message: string) => {
    if (!quiet) progress.around(() => terminal.stderr.write(`${PROGRAM}: ${message}\n`));
  };
  const result = await interruptible(async signal => {
    try {
      const store = await openStore(...stores);
      const { categories, labelled } = store.file;
      const dataset =
        values.broden === undefined
          ? undefined
          : openData(
              values.broden,
              { ...values, categories: labelled ? categories : values.categories },
              imageChoice(values),
            );
      native().keepFreedMemory();
      sharp.concurrency(1);
      progress.update({ phase: 'reading the store' });
      return await analyse(outdir, store, {
        dataset,
        categories: values.categories,
        quantileThreshold: values.quantile,
        ...scoring(values),
        netname: values.netname,
        strips: values.strips,
        maxima: values.maxima,
        singleImages: values['single-images'],
        report: !values['no-report'],
        numWorkers: values.num_workers,
        threads: values.threads,
        memory: Math.round(values.memory * 2 ** 20),
        spill: values.spill,
        command: analysedCommand(store.file.command, values),
        onProgress: progress.update,
        onNotice: say,
        signal,
      });
    } finally {
      progress.end();
    }
  });
  if (!quiet) terminal.stdout.write(`${summary(result, outdir, !values['no-report'])}\n`);
  if (values.profile) terminal.stdout.write(`${profileTable(result)}\n`);
}
