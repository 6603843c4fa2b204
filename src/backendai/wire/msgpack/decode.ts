/**
 * The decoder (spec rpc 3.1). It refuses invalid UTF-8, nesting deeper than 128, lengths beyond the input, bytes after
 * the value, more than half a million values, and the key `__proto__`. Nothing is allocated by a length that the input does not hold.
 */
import { deepestNesting, Ext, Float, MsgpackError, type MsgpackValue } from './value.ts';

/** What else is wanted of a decoding than plain values. */
export interface DecodeOptions {
  /** Gives what an extension value becomes; it stays an `Ext` when absent. Throws what the caller shall see. */
  readonly extension?: (ext: Ext) => MsgpackValue;
  /**
   * Keeps what only bytes tell apart: every float is a `Float` and every map a Map. Encoding the result gives the same
   * bytes again, when they were in their smallest form.
   */
  readonly faithful?: boolean;
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const maxQuickText = 48;
/** So that a short input, all of it tiny values, costs neither much memory nor a noticeable time. */
const maxValues = 500_000;

/** Decodes exactly one value. Throws MsgpackError, or what the reader of extensions throws. */
export function decodeMsgpack(bytes: Uint8Array, options: DecodeOptions = {}): MsgpackValue {
  const reader = new Reader(bytes, options);
  const value = reader.value(0);
  if (!reader.ended) throw new MsgpackError('there are bytes after the value');
  return value;
}

class Reader {
  readonly #bytes: Buffer;
  readonly #extension: ((ext: Ext) => MsgpackValue) | undefined;
  readonly #faithful: boolean;
  #at = 0;
  #values = 0;

  constructor(bytes: Uint8Array, options: DecodeOptions) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#extension = options.extension;
    this.#faithful = options.faithful ?? false;
  }

  get ended(): boolean {
    return this.#at === this.#bytes.length;
  }

  value(depth: number): MsgpackValue {
    if (depth > deepestNesting) throw new MsgpackError(`nested deeper than ${deepestNesting}`);
    this.#values += 1;
    if (this.#values > maxValues) throw new MsgpackError(`there are more than ${maxValues} values`);
    const mark = this.#uint(1);
    if (mark < 0x80) return mark;
    if (mark < 0x90) return this.#map(mark & 0x0f, depth);
    if (mark < 0xa0) return this.#array(mark & 0x0f, depth);
    if (mark < 0xc0) return this.#text(mark & 0x1f);
    if (mark >= 0xe0) return mark - 0x100;
    return this.#marked(mark, depth);
  }

  #marked(mark: number, depth: number): MsgpackValue {
    switch (mark) {
      case 0xc0:
        return null;
      case 0xc2:
        return false;
      case 0xc3:
        return true;
      case 0xc4:
      case 0xc5:
      case 0xc6:
        return this.#take(this.#uint(1 << (mark - 0xc4)));
      case 0xc7:
      case 0xc8:
      case 0xc9:
        return this.#ext(this.#uint(1 << (mark - 0xc7)));
      case 0xca:
        return this.#float(this.#take(4).readFloatBE());
      case 0xcb:
        return this.#float(this.#take(8).readDoubleBE());
      case 0xcc:
      case 0xcd:
      case 0xce:
        return this.#uint(1 << (mark - 0xcc));
      case 0xcf:
        return safe(this.#take(8).readBigUInt64BE());
      case 0xd0:
      case 0xd1:
      case 0xd2:
        return this.#take(1 << (mark - 0xd0)).readIntBE(0, 1 << (mark - 0xd0));
      case 0xd3:
        return safe(this.#take(8).readBigInt64BE());
      case 0xd4:
      case 0xd5:
      case 0xd6:
      case 0xd7:
      case 0xd8:
        return this.#ext(1 << (mark - 0xd4));
      case 0xd9:
      case 0xda:
      case 0xdb:
        return this.#text(this.#uint(1 << (mark - 0xd9)));
      case 0xdc:
      case 0xdd:
        return this.#array(this.#uint(mark === 0xdc ? 2 : 4), depth);
      case 0xde:
      case 0xdf:
        return this.#map(this.#uint(mark === 0xde ? 2 : 4), depth);
      default:
        throw new MsgpackError(`the byte 0x${mark.toString(16)} begins no value`);
    }
  }

  #array(size: number, depth: number): MsgpackValue[] {
    this.#expect(size);
    const items: MsgpackValue[] = [];
    for (let index = 0; index < size; index += 1) items.push(this.value(depth + 1));
    return items;
  }

  #map(size: number, depth: number): MsgpackValue {
    this.#expect(size * 2);
    if (this.#faithful) return this.#entries(new Map(), size, depth);
    const fields: Record<string, MsgpackValue> = {};
    for (let index = 0; index < size; index += 1) {
      const key = this.value(depth + 1);
      if (typeof key !== 'string') {
        const entries = new Map<MsgpackValue, MsgpackValue>(Object.entries(fields));
        return this.#entries(entries.set(key, this.value(depth + 1)), size - index - 1, depth);
      }
      if (key === '__proto__') throw new MsgpackError('a map has the key __proto__');
      fields[key] = this.value(depth + 1);
    }
    return fields;
  }

  #entries(entries: Map<MsgpackValue, MsgpackValue>, size: number, depth: number): Map<MsgpackValue, MsgpackValue> {
    for (let index = 0; index < size; index += 1) {
      const key = this.value(depth + 1);
      entries.set(key, this.value(depth + 1));
    }
    return entries;
  }

  #text(size: number): string {
    const bytes = this.#take(size);
    if (size <= maxQuickText && isAscii(bytes)) return bytes.toString('latin1');
    try {
      return utf8.decode(bytes);
    } catch (cause) {
      throw new MsgpackError('a text is not valid UTF-8', { cause });
    }
  }

  #ext(size: number): MsgpackValue {
    const code = this.#take(1).readInt8();
    const ext = new Ext(code, this.#take(size));
    return this.#extension ? this.#extension(ext) : ext;
  }

  #float(value: number): MsgpackValue {
    return this.#faithful ? new Float(value) : value;
  }

  #uint(size: number): number {
    const start = this.#at;
    if (size > this.#bytes.length - start) throw new MsgpackError('the value is cut off');
    this.#at = start + size;
    return size === 1 ? (this.#bytes[start] as number) : this.#bytes.readUIntBE(start, size);
  }

  #take(size: number): Buffer {
    this.#expect(size);
    const start = this.#at;
    this.#at = start + size;
    return this.#bytes.subarray(start, this.#at);
  }

  /** Every item takes at least a byte, so a count beyond what is left is a lie. */
  #expect(size: number): void {
    if (size > this.#bytes.length - this.#at) throw new MsgpackError('a length goes beyond the end');
  }
}

function isAscii(bytes: Uint8Array): boolean {
  for (let index = 0; index < bytes.length; index += 1) if ((bytes[index] as number) > 0x7f) return false;
  return true;
}

function safe(value: bigint): number | bigint {
  return value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? Number(value) : value;
}
