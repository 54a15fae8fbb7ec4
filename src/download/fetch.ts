/**
 * Fetches a large file over connections that break. What has come stands in a part file; beside it a note says of
 * which version of the file it is, so that a later try, or a later run, goes on from there or starts anew.
 */

import fs from 'node:fs';
import { STATUS_CODES } from 'node:http';
import { Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Dispatcher } from 'undici';
import { NetdissectError } from '../base/errors';
import { failure, fileFailure, inWords } from './failure';

export interface FetchOptions {
  /** How often a broken connection is tried again. Default 5; the count starts anew with every MiB that comes. */
  retries?: number;
  /** Milliseconds before the first of these tries, doubled for each further one up to a minute. Default 1000. */
  retryDelay?: number;
  /** Milliseconds without a byte after which a connection counts as broken. Default 30000. */
  stall?: number;
  /** Is given the file's size, and what of it is missing, before more is written. */
  onSize?: (size: number, missing: number) => void;
  /** Bytes that have come so far and, where the server tells, in all. */
  onProgress?: (done: number, total: number | undefined) => void;
  signal?: AbortSignal;
}

/** What is known of the file that a part is the beginning of. */
interface Note {
  etag?: string;
  lastModified?: string;
  size?: number;
}

interface Answer {
  address: string;
  status: number;
  headers: Dispatcher.StreamFactoryData['headers'];
}

/** A try that failed in a way that another one may mend: the second half of a sentence. */
class Broken extends Error {}

const REDIRECTS = [301, 302, 303, 307, 308];
const MOST_REDIRECTS = 10;
const BROKEN = [
  'UND_ERR_SOCKET',
  'UND_ERR_RES_CONTENT_LENGTH_MISMATCH',
  'HPE_INVALID_EOF_STATE',
  'ECONNRESET',
  'EPIPE',
];
const LONGEST_WAIT = 60_000;
const ENOUGH_PROGRESS = 2 ** 20;
const CHECK_NETWORK = 'check the network and the address, or name a mirror with --url';
const CHECK_ADDRESS = 'check the address, or name a mirror with --url';

/** An http or https address; undefined where it is something else. */
export function parseAddress(text: string, base?: URL): URL | undefined {
  const url = URL.canParse(text, base?.href) ? new URL(text, base) : undefined;
  return url && ['http:', 'https:'].includes(url.protocol) ? url : undefined;
}

const noteOf = (part: string) => `${part}.json`;

/** Removes a part and its note. */
export function discardPart(part: string): void {
  for (const file of [part, noteOf(part)]) onDisk(file, () => fs.rmSync(file, { force: true }));
}

const open = (file: string, flags: string) => onDisk(file, () => fs.openSync(file, flags));

function onDisk<T>(file: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    throw fileFailure(file, cause);
  }
}

/**
 * Fetches `address` into the file `part`, going on where an earlier call stopped. Proxies are taken from the
 * environment: HTTP_PROXY, HTTPS_PROXY and NO_PROXY.
 * @throws {NetdissectError} where it cannot be had; what has come so far is kept
 */
export async function fetchFile(address: string, part: string, options: FetchOptions = {}): Promise<void> {
  const { retries = 5, retryDelay = 1000, signal } = options;
  const dispatcher = await proxies();
  const transfer = new Transfer(address, part, dispatcher, options);
  try {
    let furthest = transfer.state().length;
    for (let failures = 0; ; ) {
      signal?.throwIfAborted();
      try {
        await transfer.attempt();
        return;
      } catch (error) {
        signal?.throwIfAborted();
        const reason = transfer.whyBroken(error);
        const { length, note } = transfer.state();
        if (length >= furthest + ENOUGH_PROGRESS) {
          furthest = length;
          failures = 0;
        }
        if (failures++ >= retries) throw givenUp(address, reason, failures, length, note, error);
      }
      await sleep(Math.min(retryDelay * 2 ** (failures - 1), LONGEST_WAIT), undefined, { signal }).catch(
        () => {},
      );
    }
  } finally {
    await dispatcher.destroy();
  }
}

function givenUp(address: string, reason: string, tries: number, length: number, note: Note, cause: unknown) {
  const why = tries > 1 ? ` in ${tries} tries (the last time ${reason})` : `: ${reason}`;
  const kept =
    length > 0
      ? `${inWords(length)}${note.size ? ` of ${inWords(note.size)}` : ''} are fetched and kept, and running this again goes on from there`
      : `nothing is fetched yet; ${CHECK_NETWORK}`;
  return failure(`could not fetch ${address}${why}; ${kept}`, cause);
}

async function proxies(): Promise<Dispatcher> {
  const { EnvHttpProxyAgent } = await import('undici');
  try {
    return new EnvHttpProxyAgent({ proxyTunnel: false });
  } catch (cause) {
    throw failure(
      `cannot use the proxy that HTTP_PROXY or HTTPS_PROXY names (${(cause as Error).message}); correct it or unset it`,
      cause,
    );
  }
}

/** One file's way from the server into its part. */
class Transfer {
  /** Whether a server has answered yet: from then on a name that is not found is a broken connection, too. */
  #answered = false;
  readonly #address: string;
  readonly #part: string;
  readonly #dispatcher: Dispatcher;
  readonly #options: FetchOptions;

  constructor(address: string, part: string, dispatcher: Dispatcher, options: FetchOptions) {
    this.#address = address;
    this.#part = part;
    this.#dispatcher = dispatcher;
    this.#options = options;
  }

  /** What has come so far, and of what; a part that nothing is known of counts as none. */
  state(): { length: number; note: Note } {
    try {
      const { size: length } = fs.statSync(this.#part);
      const note = JSON.parse(fs.readFileSync(noteOf(this.#part), 'utf8'));
      return { length, note: typeof note === 'object' && note ? note : {} };
    } catch {
      return { length: 0, note: {} };
    }
  }

  /** Asks for what is missing, and writes it. */
  async attempt(): Promise<void> {
    const { length, note } = this.state();
    if (length > 0 && length === note.size) return;
    // a weak tag does not tell whether the bytes are the same
    const version = note.etag?.startsWith('W/') ? note.lastModified : (note.etag ?? note.lastModified);
    const from = version ? length : 0;
    const headers = {
      'accept-encoding': 'identity',
      ...(version && from > 0 && { range: `bytes=${from}-`, 'if-range': version }),
    };
    await this.#request(headers, answer => {
      this.#answered = true;
      if (answer.status === 200)
        return this.#writer(answer, 0, wholeNumber(answer.headers['content-length']));
      if (answer.status === 206) return this.#writer(answer, from, this.#sizeOfRest(answer, from, note));
      if (answer.status === 416 && from > 0) return this.#nothingLeft(answer, from, note);
      throw refused(answer);
    });
  }

  /** Hands the answer that stands after all redirects to `receive`, and its body to the stream that this gives. */
  async #request(headers: Record<string, string>, receive: (answer: Answer) => Writable): Promise<void> {
    const { stream } = await import('undici');
    const { stall = 30_000, signal } = this.#options;
    const limits = { headersTimeout: stall, bodyTimeout: stall, signal };
    let url = new URL(this.#address);
    for (let redirects = 0; redirects <= MOST_REDIRECTS; redirects++) {
      let target: URL | undefined;
      const respond = ({ statusCode: status, headers }: Dispatcher.StreamFactoryData) => {
        if (!REDIRECTS.includes(status)) return receive({ address: url.href, status, headers });
        target = redirectTarget(url, headers.location);
        throw new Error('the body of a redirect is not wanted');
      };
      try {
        await stream(url, { method: 'GET', dispatcher: this.#dispatcher, headers, ...limits }, respond);
        return;
      } catch (error) {
        if (!target) throw error;
        url = target;
      }
    }
    throw failure(
      `${this.#address} redirects more than ${MOST_REDIRECTS} times, the last time to ${url}; ${CHECK_ADDRESS}`,
    );
  }

  /** The whole file's size, if the answer is what follows the part in the same version. */
  #sizeOfRest({ headers }: Answer, from: number, note: Note): number | undefined {
    const [, start, size] = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(String(headers['content-range'])) ?? [];
    const answer = versionOf(headers, wholeNumber(size));
    const same = (name: keyof Note) =>
      answer[name] === undefined || note[name] === undefined || answer[name] === note[name];
    if (start !== undefined && Number(start) === from && same('size') && same('etag') && same('lastModified'))
      return answer.size ?? note.size;
    discardPart(this.#part);
    throw new Broken('the server sent another part of the file than was asked for');
  }

  /** 416: either the part is whole, or it is longer than the file. */
  #nothingLeft({ headers }: Answer, length: number, note: Note): Writable {
    const [, size] = /^bytes \*\/(\d+)$/.exec(String(headers['content-range'])) ?? [];
    if (Number(size) !== length) {
      discardPart(this.#part);
      throw new Broken('the file on the server had become shorter');
    }
    this.#annotate({ ...note, size: length });
    return new Writable({ write: (_chunk, _encoding, done) => done() });
  }

  /**
   * Writes the answer from `from` on. What was there is kept until the answer has proved to be an archive.
   * Each chunk is on the disk before the next is taken, so that this is never full: undici 7 ends the process where
   * a server closes the connection of a body that waits (nodejs/undici#5360).
   */
  #writer(answer: Answer, from: number, size: number | undefined): Writable {
    const { onSize, onProgress } = this.#options;
    if (size !== undefined) onSize?.(size, size - from);
    let file = from > 0 ? open(this.#part, 'a') : undefined;
    let length = from;
    let held: Buffer = Buffer.alloc(0);
    const take = (chunk: Buffer) => {
      held = Buffer.concat([held, chunk]);
      if (file === undefined) {
        if (held.length < 2) return;
        checkArchive(held, answer);
        file = open(this.#part, 'w');
        this.#annotate(versionOf(answer.headers, size));
      }
      length += held.length;
      if (size !== undefined && length > size) {
        discardPart(this.#part);
        throw failure(
          `${answer.address} sent more than the ${size} bytes that it had announced; ${CHECK_ADDRESS}`,
        );
      }
      onDisk(this.#part, () => fs.writeFileSync(file as number, held));
      held = Buffer.alloc(0);
      onProgress?.(length, size);
    };
    const finish = () => {
      if (file === undefined) throw failure(`${answer.address} is empty; ${CHECK_ADDRESS}`);
      if (size !== undefined && length < size)
        throw new Broken(`the server sent ${length} bytes where ${size} were announced`);
      this.#annotate({ ...this.state().note, size: length });
    };
    const orError = (work: () => void, done: (error?: Error) => void) => {
      try {
        work();
      } catch (error) {
        return done(error as Error);
      }
      done();
    };
    onProgress?.(length, size);
    return new Writable({
      highWaterMark: Number.MAX_SAFE_INTEGER,
      write: (chunk, _encoding, done) => orError(() => take(chunk), done),
      final: done => orError(finish, done),
      destroy: (error, done) => {
        if (file !== undefined) fs.closeSync(file);
        done(error);
      },
    });
  }

  #annotate(note: Note): void {
    const file = noteOf(this.#part);
    onDisk(file, () => fs.writeFileSync(file, JSON.stringify(note)));
  }

  /** Why a try failed, where another one may do better; else this throws. */
  whyBroken(error: unknown): string {
    if (error instanceof NetdissectError) throw error;
    if (error instanceof Broken) return error.message;
    const {
      code = '',
      message,
      ...about
    } = error as NodeJS.ErrnoException & {
      hostname?: string;
      address?: string;
      port?: number;
    };
    if (!code) throw error;
    const host = about.hostname ?? new URL(this.#address).host;
    const server = about.address ? `${about.address}:${about.port}` : host;
    const reason = {
      ENOTFOUND: `the name ${host} was not found`,
      EAI_AGAIN: `the name ${host} could not be looked up`,
      ECONNREFUSED: `${server} refused the connection`,
      EHOSTUNREACH: `there was no way to ${server}`,
      ENETUNREACH: `there was no way to ${server}`,
    }[code];
    if (reason && !this.#answered && code !== 'EAI_AGAIN')
      throw failure(`could not fetch ${this.#address}: ${reason}; ${CHECK_NETWORK}`, error);
    if (reason) return reason;
    if (code === 'UND_ERR_BODY_TIMEOUT' || code === 'UND_ERR_HEADERS_TIMEOUT')
      return `nothing came for ${(this.#options.stall ?? 30_000) / 1000} s`;
    if (code === 'UND_ERR_CONNECT_TIMEOUT' || code === 'ETIMEDOUT') return `${server} did not answer`;
    if (BROKEN.includes(code)) return 'the connection broke off';
    throw failure(`could not fetch ${this.#address}: ${message}; ${CHECK_NETWORK}`, error);
  }
}

/** Where a redirect leads; encryption is not given up. */
export function redirectTarget(from: URL, location: unknown): URL {
  const target = location === undefined ? undefined : parseAddress(String(location), from);
  if (!target)
    throw failure(`${from} redirects to ${location ?? 'nowhere'}, which is no web address; ${CHECK_ADDRESS}`);
  if (from.protocol === 'https:' && target.protocol === 'http:')
    throw failure(`${from} redirects to ${target}, which is not encrypted any more; ${CHECK_ADDRESS}`);
  return target;
}

function versionOf(headers: Answer['headers'], size: number | undefined): Note {
  const text = (name: string) => (typeof headers[name] === 'string' ? (headers[name] as string) : undefined);
  return { etag: text('etag'), lastModified: text('last-modified'), size };
}

function wholeNumber(text: unknown): number | undefined {
  return /^\d+$/.test(String(text)) ? Number(text) : undefined;
}

/** A zip file begins with PK; the page of a network that wants a login does not. */
function checkArchive(start: Buffer, { headers, address }: Answer): void {
  if (start.toString('latin1', 0, 2) === 'PK') return;
  if (String(headers['content-type']).includes('html') || start[0] === 0x3c)
    throw failure(
      `${address} gave a web page instead of an archive; log in to the network if it asks for that, or name a mirror with --url`,
    );
  throw failure(`${address} gave something that is no zip archive; ${CHECK_ADDRESS}`);
}

function refused({ address, status }: Answer): Error {
  const answer = `${status} ${STATUS_CODES[status] ?? ''}`.trim();
  if (status >= 500 || status === 408 || status === 429) return new Broken(`the server answered ${answer}`);
  const what = status === 404 || status === 410 ? 'is not there' : 'could not be fetched';
  return failure(`${address} ${what} (the server answered ${answer}); ${CHECK_ADDRESS}`);
}
