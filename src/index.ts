/** The public surface of the package. */

export type { AppliedCheckpoint } from './checkpoint/checkpoint';
export { BrodenDataset, type BrodenOptions } from './dataset/broden';
export { CocoDataset, type CocoOptions } from './dataset/coco';
export {
  type DissectionDataset,
  IMAGENET_NORMALIZATION,
  type Item,
  type Normalization,
} from './dataset/dataset';
export type { FileDataset, FileDatasetOptions, TransformImage } from './dataset/files';
export { LabelledDataset, type LabelledOptions } from './dataset/labelled';
export { MaskDataset, type MaskOptions } from './dataset/masks';
export { MultiSegmentDataset } from './dataset/multisegment';
export { type Perturbation, readPerturbation } from './dataset/npy';
export { type OpenOptions, openDataset } from './dataset/open';
export { PhotographDataset } from './dataset/photographs';
export { type Amount, type DatasetStats, datasetStats, type ReadOptions } from './dataset/stats';
export { ReverseNormalize } from './dataset/transforms';
export { type DatasetOpener, type Validation, validateDataset } from './dataset/validate';
export { type DissectionResult, type DissectOptions, dissect, type Profile, type Progress } from './dissect';
export {
  BRODEN_URL,
  type DownloadedData,
  type DownloadOptions,
  type DownloadProgress,
  downloadBroden,
} from './download';
export { NetdissectError } from './errors';
export { expandLayers } from './layers';
export {
  type LoadOptions,
  loadModel,
  type Model,
  type RetainedLayer,
  type RetainOptions,
  retainLayers,
  type TokensOption,
} from './model';
export type { LayerInfo, LayerOutput, Segmentation } from './native';
export type { LayerReport, Report, UnitReport } from './report/json';
export type { Label, LayerStatistics, Tally } from './results';
