/**
 * The encoder (spec rpc 3.1): smallest forms for integers and lengths, float64 for whatever is not an integer, bin for
 * bytes. Lone surrogates become U+FFFD, since invalid UTF-8 hangs a manager.
 */
import { deepestNesting, Ext, Float, MsgpackError, type MsgpackValue } from './value.ts';

const firstCapacity = 256;
const largestUint64 = 2n ** 64n - 1n;
const smallestInt64 = -(2n ** 63n);

/** Encodes one value. Throws MsgpackError for what the dialect cannot carry: integers beyond 64 bits, deep nesting. */
export function encodeMsgpack(value: MsgpackValue): Uint8Array<ArrayBuffer> {
  const writer = new Writer();
  writer.value(value, 0);
  return writer.finish();
}

class Writer {
  #bytes = Buffer.allocUnsafe(firstCapacity);
  #at = 0;

  finish(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#at);
  }

  value(value: MsgpackValue | undefined, depth: number): void {
    if (depth > deepestNesting) throw new MsgpackError(`nested deeper than ${deepestNesting}`);
    if (typeof value === 'string') this.#text(value);
    else if (typeof value === 'number') this.#number(value);
    else if (typeof value === 'boolean') this.#byte(value ? 0xc3 : 0xc2);
    else if (typeof value === 'bigint') this.#integer64(value);
    else if (value === null) this.#byte(0xc0);
    else if (typeof value === 'object') this.#object(value, depth);
    else throw new MsgpackError(`a value of type ${typeof value} has no form`);
  }

  #object(value: Exclude<MsgpackValue & object, null>, depth: number): void {
    if (Array.isArray(value)) {
      this.#length(value.length, 0x90, 15, [0, 0xdc, 0xdd]);
      for (const item of value as readonly MsgpackValue[]) this.value(item, depth + 1);
    } else if (value instanceof Uint8Array) {
      this.#length(value.length, 0, -1, [0xc4, 0xc5, 0xc6]);
      this.#raw(value);
    } else if (value instanceof Float) this.#float(value.value);
    else if (value instanceof Ext) this.#ext(value);
    else if (value instanceof Map && Object.getPrototypeOf(value) === Map.prototype) {
      this.#length(value.size, 0x80, 15, [0, 0xde, 0xdf]);
      for (const [key, item] of value as ReadonlyMap<MsgpackValue, MsgpackValue>) {
        this.value(key, depth + 1);
        this.value(item, depth + 1);
      }
    } else this.#fields(value as { readonly [key: string]: MsgpackValue | undefined }, depth);
  }

  #fields(value: { readonly [key: string]: MsgpackValue | undefined }, depth: number): void {
    const prototype = Object.getPrototypeOf(value);
    if (prototype !== null && prototype !== Object.prototype) {
      throw new MsgpackError(`an object of class ${value.constructor?.name ?? '?'} has no form`);
    }
    const keys = Object.keys(value);
    const count = keys.reduce((sum, key) => (value[key] === undefined ? sum : sum + 1), 0);
    this.#length(count, 0x80, 15, [0, 0xde, 0xdf]);
    for (const key of keys) {
      const item = value[key];
      if (item === undefined) continue;
      this.#text(key);
      this.value(item, depth + 1);
    }
  }

  #text(text: string): void {
    const size = Buffer.byteLength(text, 'utf8');
    this.#length(size, 0xa0, 31, [0xd9, 0xda, 0xdb]);
    this.#reserve(size);
    this.#bytes.write(text, this.#at, 'utf8');
    this.#at += size;
  }

  #number(value: number): void {
    if (!Number.isSafeInteger(value) || Object.is(value, -0)) this.#float(value);
    else if (value >= 0x1_0000_0000 || value < -0x8000_0000) this.#integer64(BigInt(value));
    else if (value >= 0) this.#unsigned(value);
    else this.#negative(value);
  }

  #unsigned(value: number): void {
    if (value < 0x80) this.#byte(value);
    else if (value < 0x100) this.#uint(0xcc, value, 1);
    else if (value < 0x1_0000) this.#uint(0xcd, value, 2);
    else this.#uint(0xce, value, 4);
  }

  #negative(value: number): void {
    if (value >= -0x20) this.#byte(value & 0xff);
    else if (value >= -0x80) this.#uint(0xd0, value & 0xff, 1);
    else if (value >= -0x8000) this.#uint(0xd1, value & 0xffff, 2);
    else this.#uint(0xd2, value >>> 0, 4);
  }

  #integer64(value: bigint): void {
    if (value < 0x1_0000_0000n && value >= -0x8000_0000n) {
      this.#number(Number(value));
      return;
    }
    if (value > largestUint64 || value < smallestInt64) throw new MsgpackError('an integer is beyond 64 bits');
    this.#reserve(9);
    this.#bytes[this.#at] = value >= 0n ? 0xcf : 0xd3;
    if (value >= 0n) this.#bytes.writeBigUInt64BE(value, this.#at + 1);
    else this.#bytes.writeBigInt64BE(value, this.#at + 1);
    this.#at += 9;
  }

  #float(value: number): void {
    this.#reserve(9);
    this.#bytes[this.#at] = 0xcb;
    this.#bytes.writeDoubleBE(value, this.#at + 1);
    this.#at += 9;
  }

  #ext({ code, data }: Ext): void {
    const fixed = [1, 2, 4, 8, 16].indexOf(data.length);
    if (fixed >= 0) this.#byte(0xd4 + fixed);
    else this.#length(data.length, 0, -1, [0xc7, 0xc8, 0xc9]);
    this.#byte(code & 0xff);
    this.#raw(data);
  }

  /** A length in its smallest form: in the first byte up to `inline`, else behind the mark of 1, 2 or 4 bytes. */
  #length(size: number, base: number, inline: number, [one, two, four]: readonly [number, number, number]): void {
    if (size <= inline) this.#byte(base + size);
    else if (size < 0x100 && one !== 0) this.#uint(one, size, 1);
    else if (size < 0x1_0000) this.#uint(two, size, 2);
    else if (size < 0x1_0000_0000) this.#uint(four, size, 4);
    else throw new MsgpackError(`a value of ${size} bytes or items is too long`);
  }

  #uint(mark: number, value: number, size: number): void {
    this.#reserve(5);
    this.#bytes[this.#at] = mark;
    this.#bytes.writeUIntBE(value, this.#at + 1, size);
    this.#at += 1 + size;
  }

  #byte(value: number): void {
    this.#reserve(1);
    this.#bytes[this.#at] = value;
    this.#at += 1;
  }

  #raw(data: Uint8Array): void {
    this.#reserve(data.length);
    this.#bytes.set(data, this.#at);
    this.#at += data.length;
  }

  #reserve(size: number): void {
    const needed = this.#at + size;
    if (needed <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(needed, this.#bytes.length * 2));
    larger.set(this.#bytes.subarray(0, this.#at));
    this.#bytes = larger;
  }
}
