/**
 * Reads the few pickle programs that occur in extension values (spec rpc 3.4) into a description. It resolves no name
 * and calls nothing; every opcode outside the list, every underflow and every excess is a PickleError.
 */

/** The longest pickle that is read; a resource slot of 300 names takes 6 kB. */
export const maxPickleBytes = 256 * 1024;
/** The longest integer, in bytes, so that a hostile one costs no time. */
const maxIntegerBytes = 64;
const newestProtocol = 5;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
/** Where MARK was: never a value. */
const mark = Symbol('mark');
type Slot = PickleValue | typeof mark;

/** Reads one pickle. Throws PickleError. */
export function readPickle(bytes: Uint8Array): PickleValue {
  if (bytes.length > maxPickleBytes) throw new PickleError(`a pickle of ${bytes.length} bytes is too long`);
  return new Machine(bytes).run();
}

class Machine {
  readonly #bytes: Buffer;
  readonly #stack: Slot[] = [];
  readonly #memo = new Map<number, PickleValue>();
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  run(): PickleValue {
    for (;;) {
      const opcode = this.#take(1)[0] as number;
      if (opcode === 0x2e) return this.#end();
      if (!this.#frame(opcode) && !this.#constant(opcode) && !this.#memoise(opcode) && !this.#compose(opcode)) {
        throw new PickleError(`the opcode 0x${opcode.toString(16)} does not occur`);
      }
    }
  }

  #end(): PickleValue {
    const value = this.#pop();
    if (this.#stack.length > 0 || this.#at !== this.#bytes.length) throw new PickleError('there is more after the end');
    return value;
  }

  #frame(opcode: number): boolean {
    if (opcode === 0x80) {
      if ((this.#take(1)[0] as number) > newestProtocol) throw new PickleError('the protocol is newer than 5');
    } else if (opcode === 0x95) this.#take(8);
    else return false;
    return true;
  }

  #constant(opcode: number): boolean {
    switch (opcode) {
      case 0x4e:
        return this.#push(null);
      case 0x88:
        return this.#push(true);
      case 0x89:
        return this.#push(false);
      case 0x4b:
        return this.#push(BigInt(this.#take(1).readUInt8()));
      case 0x4d:
        return this.#push(BigInt(this.#take(2).readUInt16LE()));
      case 0x4a:
        return this.#push(BigInt(this.#take(4).readInt32LE()));
      case 0x8a:
        return this.#push(this.#integer(this.#take(1).readUInt8()));
      case 0x47:
        return this.#push(this.#take(8).readDoubleBE());
      case 0x8c:
        return this.#push(this.#text(this.#take(1).readUInt8()));
      case 0x58:
        return this.#push(this.#text(this.#take(4).readUInt32LE()));
      case 0x56:
        return this.#push(this.#line());
      case 0x63:
        return this.#push(new PickleClass(this.#line(), this.#line()));
      case 0x29:
      case 0x5d:
        return this.#push([]);
      case 0x7d:
        return this.#push(new Map());
      case 0x28:
        this.#stack.push(mark);
        return true;
      default:
        return false;
    }
  }

  #memoise(opcode: number): boolean {
    switch (opcode) {
      case 0x94:
        return this.#put(this.#memo.size);
      case 0x71:
        return this.#put(this.#take(1).readUInt8());
      case 0x72:
        return this.#put(this.#take(4).readUInt32LE());
      case 0x70:
        return this.#put(this.#decimal());
      case 0x68:
        return this.#get(this.#take(1).readUInt8());
      case 0x6a:
        return this.#get(this.#take(4).readUInt32LE());
      case 0x67:
        return this.#get(this.#decimal());
      default:
        return false;
    }
  }

  #compose(opcode: number): boolean {
    switch (opcode) {
      case 0x85:
      case 0x86:
      case 0x87:
        return this.#push(this.#popSome(opcode - 0x84));
      case 0x74:
        return this.#push(this.#popToMark());
      case 0x93: {
        const [module, name] = this.#popSome(2);
        if (typeof module !== 'string' || typeof name !== 'string') throw new PickleError('a class has no name');
        return this.#push(new PickleClass(module, name));
      }
      case 0x52:
      case 0x81:
        return this.#make();
      case 0x62: {
        const state = this.#pop();
        const object = this.#top();
        if (!(object instanceof PickleObject)) throw new PickleError('a state is laid on what is no object');
        object.state = state;
        return true;
      }
      case 0x73:
        return this.#set(this.#popSome(2));
      case 0x75:
        return this.#set(this.#popToMark());
      case 0x61:
        return this.#append([this.#pop()]);
      case 0x65:
        return this.#append(this.#popToMark());
      default:
        return false;
    }
  }

  #make(): boolean {
    const [made, args] = this.#popSome(2);
    if (!(made instanceof PickleClass) || !Array.isArray(args)) throw new PickleError('what is made is no class');
    return this.#push(new PickleObject(made, args));
  }

  #set(items: readonly PickleValue[]): boolean {
    const map = this.#top();
    if (!(map instanceof Map) || items.length % 2 !== 0) throw new PickleError('items are put into what is no map');
    for (let index = 0; index < items.length; index += 2) map.set(items[index], items[index + 1]);
    return true;
  }

  #append(items: readonly PickleValue[]): boolean {
    const list = this.#top();
    if (!Array.isArray(list)) throw new PickleError('items are appended to what is no list');
    for (const item of items) list.push(item);
    return true;
  }

  #push(value: PickleValue): boolean {
    this.#stack.push(value);
    return true;
  }

  #put(index: number): boolean {
    this.#memo.set(index, this.#top());
    return true;
  }

  #get(index: number): boolean {
    const value = this.#memo.get(index);
    if (value === undefined) throw new PickleError(`nothing was kept under ${index}`);
    return this.#push(value);
  }

  #top(): PickleValue {
    const value = this.#stack.at(-1);
    if (value === undefined || value === mark) throw new PickleError('the stack is empty');
    return value;
  }

  #pop(): PickleValue {
    const value = this.#top();
    this.#stack.pop();
    return value;
  }

  #popSome(count: number): PickleValue[] {
    const values: PickleValue[] = [];
    for (let left = count; left > 0; left -= 1) values.unshift(this.#pop());
    return values;
  }

  #popToMark(): PickleValue[] {
    const from = this.#stack.lastIndexOf(mark);
    if (from < 0) throw new PickleError('there is no mark');
    return this.#stack.splice(from).slice(1) as PickleValue[];
  }

  #integer(size: number): bigint {
    if (size > maxIntegerBytes) throw new PickleError(`an integer of ${size} bytes is too long`);
    const bytes = this.#take(size);
    let value = 0n;
    for (let index = size - 1; index >= 0; index -= 1) value = (value << 8n) | BigInt(bytes[index] as number);
    return BigInt.asIntN(Math.max(1, size * 8), value);
  }

  #text(size: number): string {
    try {
      return utf8.decode(this.#take(size));
    } catch (cause) {
      if (cause instanceof PickleError) throw cause;
      throw new PickleError('a text is not valid UTF-8', { cause });
    }
  }

  #line(): string {
    const end = this.#bytes.indexOf(0x0a, this.#at);
    if (end < 0) throw new PickleError('a line has no end');
    const line = this.#text(end - this.#at);
    this.#at += 1;
    if (line.includes('\\')) throw new PickleError('escaped text does not occur');
    return line;
  }

  #decimal(): number {
    const line = this.#line();
    if (!/^\d{1,9}$/.test(line)) throw new PickleError('an index is not a number');
    return Number(line);
  }

  #take(size: number): Buffer {
    if (size > this.#bytes.length - this.#at) throw new PickleError('the pickle is cut off');
    const from = this.#at;
    this.#at = from + size;
    return this.#bytes.subarray(from, this.#at);
  }
}

/** A value in a pickle. */
export type PickleValue =
  | null
  | boolean
  | bigint
  | number
  | string
  | readonly PickleValue[]
  | ReadonlyMap<PickleValue, PickleValue>
  | PickleClass
  | PickleObject;

/** A class or function, by the name under which it was pickled. */
export class PickleClass {
  readonly module: string;
  readonly name: string;
  constructor(module: string, name: string) {
    this.module = module;
    this.name = name;
  }
  /** `module.name`. */
  get path(): string {
    return `${this.module}.${this.name}`;
  }
}

/** An object that a pickle would have made: a class, its arguments, and the state that is laid on afterwards. */
export class PickleObject {
  readonly class: PickleClass;
  readonly args: readonly PickleValue[];
  state: PickleValue = null;
  constructor(made: PickleClass, args: readonly PickleValue[]) {
    this.class = made;
    this.args = args;
  }
}

/** Bytes that are no pickle of the forms that occur. */
export class PickleError extends Error {
  override readonly name = 'PickleError';
}
