/** What a report was made of, so that it can be made again. The same run says the same, on any day. */

import path from 'node:path';
import { sha256 } from '../base/digest';
import type { Provenance } from '../base/provenance';
import type { DissectionDataset } from '../dataset/dataset';
import type { Model } from '../model/model';
import { native } from '../native/native';

export async function provenanceOf(model: Model, dataset: DissectionDataset): Promise<Provenance> {
  const { checkpointSource } = model;
  const { split } = dataset.settings ?? {};
  return {
    package: require('../../package.json').version,
    libtorch: native().torchVersion(),
    device: model.device,
    model: { file: path.basename(model.path), sha256: await sha256(model.path) },
    ...(checkpointSource && {
      checkpoint: {
        file: path.basename(checkpointSource.file),
        sha256: await sha256(checkpointSource.file),
        ...(checkpointSource.key !== undefined && { key: checkpointSource.key }),
      },
    }),
    dataset: {
      ...(typeof dataset.name === 'string' && { name: dataset.name }),
      ...(typeof split === 'string' && { split }),
      images: dataset.length,
    },
  };
}

/** The files of the images, where the data set has them. */
export function filesOf(dataset: DissectionDataset): string[] | undefined {
  if (!dataset.fileOf) return undefined;
  return Array.from({ length: dataset.length }, (_, image) => String(dataset.fileOf!(image)));
}
