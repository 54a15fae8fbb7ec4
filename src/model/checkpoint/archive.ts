/** PyTorch's zip format: a pickle, `data.pkl`, and the values of tensors beside it, under one folder of any name. */

import { promisify } from 'node:util';
import { crc32, inflateRaw } from 'node:zlib';
import yauzl from 'yauzl';
import { NetdissectError } from '../../base/errors';
import { some } from '../../base/words';
import { damaged, failure } from './failure';
import type { CheckpointFile } from './file';
import type { Storages } from './pickled';

const inflate = promisify<Buffer, object, Buffer<ArrayBuffer>>(inflateRaw);

const DEFLATED = 8;
/** No deflated byte stands for more. */
const MOST_INFLATED = 1032;

export class Archive implements Storages {
  littleEndian = true;
  /** The compressed entry that was read last, since tensors may share one. */
  private inflated?: { name: string; bytes: Buffer<ArrayBuffer> };

  private constructor(
    private readonly file: CheckpointFile,
    private readonly zip: yauzl.ZipFile,
    private readonly entries: Map<string, yauzl.Entry>,
  ) {}

  static async open(file: CheckpointFile): Promise<Archive> {
    const { path } = file;
    const { zip, all } = await directory(file);
    const pickles = all.filter(({ fileName }) => /^[^/]+\/data\.pkl$/.test(fileName));
    if (pickles.length !== 1) {
      const names = all.map(({ fileName }) => fileName);
      throw failure(
        `${path} is a zip file without a data.pkl${names.length ? ` (it has ${some(names, 3)})` : ''}, no PyTorch checkpoint; give a file that torch.save wrote`,
      );
    }
    const folder = pickles[0].fileName.slice(0, -'data.pkl'.length);
    const entries = new Map(
      all
        .filter(entry => entry.fileName.startsWith(folder))
        .map(entry => [entry.fileName.slice(folder.length), entry]),
    );
    if (entries.has('constants.pkl'))
      throw failure(
        `${path} is a TorchScript model, not a checkpoint; give it as the model, or save its state_dict() with torch.save`,
      );
    const archive = new Archive(file, zip, entries);
    // PyTorch before 2.1 does not say; it was hardly ever used on big-endian machines
    if (entries.has('byteorder')) archive.littleEndian = String(await archive.whole('byteorder')) !== 'big';
    return archive;
  }

  describe(storage: string): string {
    return `data/${storage}`;
  }

  size(storage: string): number | undefined {
    return this.entries.get(`data/${storage}`)?.uncompressedSize;
  }

  async read(storage: string, start: number, length: number): Promise<Buffer<ArrayBuffer>> {
    const name = `data/${storage}`;
    const entry = this.entries.get(name)!;
    if (this.isStored(entry)) return this.file.read((await this.position(entry)) + start, length);
    if (this.inflated?.name !== name) this.inflated = { name, bytes: await this.unpacked(entry) };
    return Buffer.from(Uint8Array.from(this.inflated.bytes.subarray(start, start + length)).buffer);
  }

  /** All of an entry. */
  async whole(name: string): Promise<Buffer<ArrayBuffer>> {
    const entry = this.entries.get(name)!;
    if (!this.isStored(entry)) return this.unpacked(entry);
    return this.file.read(await this.position(entry), entry.uncompressedSize);
  }

  private isStored(entry: yauzl.Entry): boolean {
    const method = entry.compressionMethod;
    const packed = entry.isEncrypted()
      ? 'encrypted'
      : method !== 0 && method !== DEFLATED && `compressed by a method that is not known (${method})`;
    if (packed)
      throw failure(
        `${this.file.path} holds '${entry.fileName}' ${packed}; give the file as torch.save wrote it, or load and save it again`,
      );
    return method === 0;
  }

  private async position(entry: yauzl.Entry): Promise<number> {
    try {
      return (await this.zip.readLocalFileHeaderPromise(entry, { minimal: true })).fileDataStart;
    } catch (cause) {
      throw damaged(this.file.path, cause);
    }
  }

  private async unpacked(entry: yauzl.Entry): Promise<Buffer<ArrayBuffer>> {
    const { compressedSize, uncompressedSize: size } = entry;
    const wrong = (what: string, cause?: unknown) =>
      damaged(this.file.path, new Error(`${entry.fileName}: ${what}`, { cause }));
    if (size > compressedSize * MOST_INFLATED || compressedSize > this.file.size)
      throw wrong(`not the ${size} bytes that it declares`);
    const packed = await this.file.read(await this.position(entry), compressedSize);
    let bytes: Buffer<ArrayBuffer>;
    try {
      bytes = await inflate(packed, { maxOutputLength: size + 1 });
    } catch (cause) {
      if (cause instanceof NetdissectError) throw cause;
      throw wrong((cause as Error).message, cause);
    }
    if (bytes.length !== size) throw wrong(`not the ${size} bytes that it declares`);
    if (crc32(bytes) !== entry.crc32) throw wrong('its CRC-32 is wrong');
    return bytes;
  }
}

/** How yauzl reads the file. Its own reader throws out of all reach where a damaged file names impossible places. */
class Reader extends yauzl.RandomAccessReader {
  constructor(private readonly file: CheckpointFile) {
    super();
  }

  override read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    callback: (error: Error | null, bytesRead?: number) => void,
  ): void {
    this.file.handle.read(buffer, offset, length, position).then(
      ({ bytesRead }) => callback(null, bytesRead),
      error => callback(error),
    );
  }
}

async function directory(file: CheckpointFile) {
  try {
    const zip = await yauzl.fromRandomAccessReaderPromise(new Reader(file), file.size);
    const all: yauzl.Entry[] = [];
    for await (const entry of zip.eachEntry()) all.push(entry);
    return { zip, all };
  } catch (cause) {
    throw damaged(file.path, cause);
  }
}
