/** An open file, read by places. */

import fs from 'node:fs/promises';
import { NetdissectError } from '../../base/errors';
import { trouble } from '../../base/read';
import { damaged, failure } from './failure';

export class CheckpointFile {
  private constructor(
    readonly path: string,
    readonly size: number,
    readonly handle: fs.FileHandle,
  ) {}

  static async open(path: string): Promise<CheckpointFile> {
    try {
      const stat = await fs.stat(path);
      if (!stat.isFile())
        throw failure(
          `cannot load the checkpoint ${path}: it is ${stat.isDirectory() ? 'a folder' : 'a device or the like'}, not a file`,
        );
      return new CheckpointFile(path, stat.size, await fs.open(path));
    } catch (cause) {
      if (cause instanceof NetdissectError) throw cause;
      throw failure(`cannot load the checkpoint ${path}: it ${trouble(cause)}`, cause);
    }
  }

  /** Reads exactly so many bytes, into memory of their own, aligned for elements of any size. */
  async read(position: number, length: number): Promise<Buffer<ArrayBuffer>> {
    const bytes = Buffer.from(new ArrayBuffer(length));
    for (let done = 0; done < length; ) {
      const piece = Math.min(length - done, 2 ** 30);
      const { bytesRead } = await this.handle.read(bytes, done, piece, position + done);
      if (bytesRead === 0) throw damaged(this.path);
      done += bytesRead;
    }
    return bytes;
  }

  close(): Promise<void> {
    return this.handle.close();
  }
}
