/** What is said of where a report comes from. */

/** What a report was made of. */
export interface Provenance {
  /** The versions of this package and of LibTorch. */
  package: string;
  libtorch: string;
  /** `cpu` or `cuda`. */
  device: string;
  /** The model's file, and what tells it from others. */
  model: { file: string; sha256: string };
  /** The weights that replaced the model's own; absent without. */
  checkpoint?: { file: string; sha256: string; key?: string };
  dataset: { name?: string; split?: string; images: number };
  /** Repeats the run; absent where it was no command. */
  command?: string;
}
