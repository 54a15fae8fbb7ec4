/**
 * The one error that this package throws on purpose: a code for programs, one sentence for people. It is
 * caught in one place, the command line.
 */

/** An error with a stable `code`, such as `ERR_NETDISSECT_OPTION`; `message` is one sentence. */
export class NetdissectError extends Error {
  constructor(
    readonly code: string,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'NetdissectError';
  }
}
