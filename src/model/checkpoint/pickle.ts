/**
 * Reads Python pickles of protocol 2 to 5 as data. Nothing is looked up, called or built: what would be an object of
 * a class, or the result of a function, is a {@link Opaque} that says its name and keeps its parts. So a pickle can
 * do nothing but be read, in time and memory in proportion to its length. (No library does that: those that were
 * looked at stop at objects of unknown classes and at long integers, and loop on negative lengths.)
 */

/** A class or function by its dotted name, as `torch.FloatStorage`. */
export class Global {
  constructor(readonly name: string) {}
}

/** An object of a class, or what a function would give; also an integer that a number does not hold. */
export class Opaque {
  /** What BUILD would give to `__setstate__`. */
  state: unknown;
  /** Its items, where it is a kind of dict. */
  entries?: Map<unknown, unknown>;
  constructor(
    readonly name: string,
    readonly args: unknown,
  ) {}
}

/** What the pickler put elsewhere, as torch.save does with the contents of tensors. */
export class Persistent {
  constructor(readonly id: unknown) {}
}

const op = (character: string) => character.charCodeAt(0);

/**
 * The object of a pickle: null, booleans, numbers, strings, `Uint8Array` for bytes, arrays for tuples, lists and
 * sets, `Map` for dicts, {@link Global}, {@link Opaque}, {@link Persistent}. Parts may be shared, and may hold
 * themselves. Throws an `Error` where the pickle is damaged, or of protocol 0 or 1.
 */
export function unpickle(data: Uint8Array): unknown {
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  let at = 0;
  const fail = (what: string): never => {
    throw new Error(`${what} at byte ${at}`);
  };
  const advance = (length: number) => {
    if (length > bytes.length - at) fail('the pickle ends too early');
    at += length;
    return at - length;
  };
  const byte = () => bytes[advance(1)];
  const uint16 = () => bytes.readUInt16LE(advance(2));
  const uint32 = () => bytes.readUInt32LE(advance(4));
  const uint64 = () => Number(bytes.readBigUInt64LE(advance(8)));
  const take = (length: number) => {
    const start = advance(length);
    return bytes.subarray(start, start + length);
  };
  const text = (length: number) => take(length).toString('utf8');
  const line = () => {
    const end = bytes.indexOf(10, at);
    const start = advance(end < 0 ? Infinity : end + 1 - at);
    return bytes.toString('utf8', start, end);
  };
  const integer = (length: number) => {
    const digits = take(length);
    const value = length === 0 ? 0 : length <= 6 ? digits.readIntLE(0, length) : wide(digits);
    return Number.isSafeInteger(value) ? value : new Opaque('int', []);
  };

  const stack: unknown[] = [];
  const marks: number[] = [];
  const memo = new Map<number, unknown>();
  const pop = () => {
    if (stack.length === 0) fail('an empty stack');
    return stack.pop();
  };
  const top = () => {
    if (stack.length === 0) fail('an empty stack');
    return stack[stack.length - 1];
  };
  const popToMark = () => {
    const mark = marks.pop() ?? stack.length + 1;
    if (mark > stack.length) fail('a missing mark');
    return stack.splice(mark);
  };
  const popped = (count: number) => {
    if (stack.length < count) fail('an empty stack');
    return stack.splice(stack.length - count);
  };
  const recall = (key: number) => {
    if (!memo.has(key)) fail('an unknown reference');
    stack.push(memo.get(key));
  };
  const append = (items: unknown[]) => {
    const list = top();
    if (list instanceof Opaque) return;
    if (!Array.isArray(list)) return fail('items for something that is no list');
    for (const item of items) list.push(item);
  };
  const setItems = (items: unknown[]) => {
    let dict = top();
    if (dict instanceof Opaque) {
      dict.entries ??= new Map();
      dict = dict.entries;
    }
    if (!(dict instanceof Map)) return fail('items for something that is no dict');
    for (let i = 0; i + 1 < items.length; i += 2) dict.set(items[i], items[i + 1]);
  };
  const call = (callee: unknown, args: unknown) =>
    stack.push(new Opaque(callee instanceof Global ? callee.name : '?', args));

  if (byte() !== 0x80 || byte() < 2 || bytes[1] > 5) fail('expected a pickle of protocol 2 to 5');
  for (;;)
    switch (byte()) {
      case 0x95: // FRAME
        advance(8);
        break;
      case op('.'):
        return pop();
      case op('('):
        marks.push(stack.length);
        break;
      case op('0'):
        pop();
        break;
      case op('1'): // POP_MARK
        popToMark();
        break;
      case op('2'): // DUP
        stack.push(top());
        break;

      case op('q'): // BINPUT
        memo.set(byte(), top());
        break;
      case op('r'): // LONG_BINPUT
        memo.set(uint32(), top());
        break;
      case 0x94: // MEMOIZE
        memo.set(memo.size, top());
        break;
      case op('h'): // BINGET
        recall(byte());
        break;
      case op('j'): // LONG_BINGET
        recall(uint32());
        break;

      case op('N'):
        stack.push(null);
        break;
      case 0x88:
        stack.push(true);
        break;
      case 0x89:
        stack.push(false);
        break;
      case op('J'):
        stack.push(bytes.readInt32LE(advance(4)));
        break;
      case op('K'):
        stack.push(byte());
        break;
      case op('M'):
        stack.push(uint16());
        break;
      case 0x8a: // LONG1
        stack.push(integer(byte()));
        break;
      case 0x8b: // LONG4
        stack.push(integer(uint32()));
        break;
      case op('G'):
        stack.push(bytes.readDoubleBE(advance(8)));
        break;

      case op('X'): // BINUNICODE
        stack.push(text(uint32()));
        break;
      case 0x8c: // SHORT_BINUNICODE
        stack.push(text(byte()));
        break;
      case 0x8d: // BINUNICODE8
        stack.push(text(uint64()));
        break;
      case op('T'): // BINSTRING, of Python 2
        stack.push(text(uint32()));
        break;
      case op('U'): // SHORT_BINSTRING
        stack.push(text(byte()));
        break;
      case op('B'): // BINBYTES
        stack.push(take(uint32()));
        break;
      case op('C'): // SHORT_BINBYTES
        stack.push(take(byte()));
        break;
      case 0x8e: // BINBYTES8
      case 0x96: // BYTEARRAY8
        stack.push(take(uint64()));
        break;

      case op(')'):
      case op(']'):
      case 0x8f: // EMPTY_SET
        stack.push([]);
        break;
      case op('t'):
      case op('l'):
      case 0x91: // FROZENSET
        stack.push(popToMark());
        break;
      case 0x85:
      case 0x86:
      case 0x87:
        stack.push(popped(bytes[at - 1] - 0x84));
        break;
      case op('a'):
        append(popped(1));
        break;
      case op('e'):
      case 0x90: // ADDITEMS
        append(popToMark());
        break;
      case op('}'):
        stack.push(new Map());
        break;
      case op('s'):
        setItems(popped(2));
        break;
      case op('u'):
        setItems(popToMark());
        break;

      case op('c'): // GLOBAL
        stack.push(new Global(`${line()}.${line()}`));
        break;
      case 0x93: {
        // STACK_GLOBAL
        const [module, name] = popped(2);
        if (typeof module !== 'string' || typeof name !== 'string') fail('a class without a name');
        stack.push(new Global(`${module}.${name}`));
        break;
      }
      case 0x82: // EXT1
        stack.push(new Global(`extension ${byte()}`));
        break;
      case 0x83: // EXT2
        stack.push(new Global(`extension ${uint16()}`));
        break;
      case 0x84: // EXT4
        stack.push(new Global(`extension ${uint32()}`));
        break;
      case op('R'):
      case 0x81: {
        // REDUCE, NEWOBJ
        const [callee, args] = popped(2);
        call(callee, args);
        break;
      }
      case 0x92: {
        // NEWOBJ_EX
        const [callee, args] = popped(3);
        call(callee, args);
        break;
      }
      case op('b'): {
        // BUILD
        const state = pop();
        const object = top();
        if (object instanceof Opaque) object.state = state;
        break;
      }
      case op('Q'): // BINPERSID
        stack.push(new Persistent(pop()));
        break;

      default:
        at--;
        fail(`the unknown opcode ${bytes[at]}`);
    }
}

/** A little-endian two's complement integer of 7 or more bytes; NaN where it is beyond 8. */
function wide(digits: Buffer): number {
  if (digits.length > 8) return Number.NaN;
  const padded = Buffer.alloc(8, digits[digits.length - 1] & 0x80 ? 0xff : 0);
  digits.copy(padded);
  return Number(padded.readBigInt64LE());
}
