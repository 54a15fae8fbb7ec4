/** Keeps decoded images up to a number of bytes, those used least recently going first. */
export class ImageCache {
  readonly #kept = new Map<number, Promise<Uint8Array>>();
  readonly #most: number;

  constructor(
    private readonly read: (image: number) => Promise<Uint8Array>,
    imageBytes: number,
    bytes: number,
  ) {
    this.#most = Math.max(1, Math.floor(bytes / imageBytes));
  }

  get(image: number): Promise<Uint8Array> {
    const kept = this.#kept.get(image) ?? this.read(image);
    this.#kept.delete(image);
    this.#kept.set(image, kept);
    if (this.#kept.size > this.#most) this.#kept.delete(this.#kept.keys().next().value!);
    return kept;
  }
}
