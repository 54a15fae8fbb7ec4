/** The public surface of the package. */

export { NetdissectError } from './base/errors';
export type { DissectionDataset, Item } from './dataset/dataset';
export type { FileDataset, FileDatasetOptions, TransformImage } from './dataset/files';
export { BrodenDataset, type BrodenOptions } from './dataset/formats/broden';
export { CocoDataset, type CocoOptions } from './dataset/formats/coco';
export { LabelledDataset, type LabelledOptions } from './dataset/formats/labelled';
export { MaskDataset, type MaskOptions } from './dataset/formats/masks';
export { MultiSegmentDataset } from './dataset/formats/multisegment';
export { type OpenOptions, openDataset } from './dataset/formats/open';
export { PhotographDataset } from './dataset/formats/photographs';
export { IMAGENET_NORMALIZATION, type Normalization } from './dataset/images/normalization';
export { type Perturbation, readPerturbation } from './dataset/images/perturbation';
export { ReverseNormalize } from './dataset/images/transforms';
export { type Amount, type DatasetStats, datasetStats, type ReadOptions } from './dataset/stats';
export { type DatasetOpener, type Validation, validateDataset } from './dataset/validate';
export {
  BRODEN_URL,
  type DownloadedData,
  type DownloadOptions,
  type DownloadProgress,
  downloadBroden,
} from './download/download';
export type { AppliedCheckpoint } from './model/checkpoint/checkpoint';
export { expandLayers } from './model/layers';
export {
  type Device,
  type LoadOptions,
  loadModel,
  type Model,
  type RetainedLayer,
  type RetainOptions,
  retainLayers,
  type TokensOption,
} from './model/model';
export type { LayerInfo, LayerOutput, Segmentation } from './native/native';
export type { LayerReport, Report, UnitReport } from './report/types';
export {
  type AnalyseOptions,
  analyse,
  type Observation,
  type ObserveOptions,
  observe,
  openStore,
  type Store,
} from './run/analyse';
export type { DissectionResult, Profile } from './run/conclude';
export { dissect } from './run/dissect';
export type { DissectOptions, Progress } from './run/options';
export type { Label, LayerStatistics, Tally } from './score/results';
