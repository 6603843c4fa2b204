/**
 * From an extension value of the wire to what it means, by its code (spec rpc 3.2), and to its portable form: text, numbers
 * and maps, as we send them where upstream sends pickles (3.3), and as the methods take them.
 */
import { decodeMsgpack } from './msgpack/decode.ts';
import type { Ext, MsgpackValue } from './msgpack/value.ts';
import { PickleClass, PickleObject, type PickleValue, readPickle } from './pickle.ts';

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

const readers: Readonly<Record<number, (data: Uint8Array) => Extension>> = {
  1: readUuid,
  2: (data) => ({ kind: 'datetime', text: decodeTemporenc(data) }),
  3: readDecimal,
  4: (data) => readPath(data, false),
  5: (data) => readPath(data, true),
  6: readEnum,
  7: readImage,
  8: readSlots,
  9: readSlotName,
  16: readBinarySize,
  17: (data) => readPath(data, false),
};

/** The meaning of an extension value; null for a code that nobody knows. Throws ExtensionError or PickleError. */
export function readExtension({ code, data }: Ext): Extension | null {
  return readers[code]?.(data) ?? null;
}

function readUuid(data: Uint8Array): Extension {
  if (data.length !== 16) throw new ExtensionError(`a UUID of ${data.length} bytes does not occur`);
  const digits = Buffer.from(data).toString('hex');
  return { kind: 'uuid', text: digits.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-') };
}

function readPath(data: Uint8Array, pure: boolean): Extension {
  try {
    return { kind: 'path', text: utf8.decode(data), pure };
  } catch (cause) {
    throw new ExtensionError('a path is not valid UTF-8', { cause });
  }
}

/** The six fields of an image reference. `project` may hold slashes, `name` may be empty. */
export interface ImageReference {
  readonly registry: string;
  readonly project: string | null;
  readonly name: string;
  readonly tag: string;
  readonly architecture: string;
  readonly isLocal: boolean;
}

/** What an extension value means, without Python's classes. */
export type Extension =
  | { readonly kind: 'uuid' | 'datetime' | 'decimal' | 'slot-name'; readonly text: string }
  | { readonly kind: 'path'; readonly text: string; readonly pure: boolean }
  | { readonly kind: 'enum'; readonly class: string; readonly value: string | number | bigint }
  | { readonly kind: 'image'; readonly image: ImageReference }
  | { readonly kind: 'slots'; readonly slots: Readonly<Record<string, string>> }
  | { readonly kind: 'binary-size'; readonly bytes: number | bigint };

/** An extension value of a known code that is not of the form it must have. */
export class ExtensionError extends Error {
  override readonly name = 'ExtensionError';
}

const naiveBytes = 8;
const zonedBytes = 9;
/** Both end in date, time and microseconds: 58 bits, before the offset (7 bits, zoned only) and two zero bits. */
const widths = { year: 12, month: 4, day: 5, hour: 5, minute: 6, second: 6, microsecond: 20 } as const;

/** ISO 8601 text; without an offset when the time is naive, in UTC otherwise. Throws ExtensionError. */
function decodeTemporenc(data: Uint8Array): string {
  const zoned = data.length === zonedBytes;
  if (!zoned && data.length !== naiveBytes) throw new ExtensionError(`a time of ${data.length} bytes does not occur`);
  let bits = data.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  const head = zoned ? bits >> 67n : bits >> 60n;
  if (head !== (zoned ? 0b11101n : 0b0101n) || (bits & 0b11n) !== 0n) {
    throw new ExtensionError('a time of another layout does not occur');
  }
  bits >>= zoned ? 9n : 2n;
  const take = (width: number): number => {
    const value = Number(bits & ((1n << BigInt(width)) - 1n));
    bits >>= BigInt(width);
    return value;
  };
  const microsecond = take(widths.microsecond);
  const second = take(widths.second);
  const minute = take(widths.minute);
  const hour = take(widths.hour);
  const day = take(widths.day) + 1;
  const month = take(widths.month) + 1;
  const year = take(widths.year);
  if (microsecond > 999_999 || second > 59 || minute > 59 || hour > 23 || month > 12 || year < 1) {
    throw new ExtensionError('a part of a time is out of bounds');
  }
  const two = (part: number): string => String(part).padStart(2, '0');
  const fraction = microsecond === 0 ? '' : `.${String(microsecond).padStart(6, '0')}`;
  const date = `${String(year).padStart(4, '0')}-${two(month)}-${two(day)}`;
  return `${date}T${two(hour)}:${two(minute)}:${two(second)}${fraction}${zoned ? '+00:00' : ''}`;
}

const upstreamModule = /^ai\.backend\.[a-z0-9_.]+$/;
const decimalForm = /^(?:[+-]?(?:\d{1,1000}(?:\.\d{0,1000})?|\.\d{1,1000})(?:E[+-]?\d{1,9})?|[+-]?Infinity|NaN)$/i;
const maxSlots = 10_000;

function readDecimal(data: Uint8Array): Extension {
  return { kind: 'decimal', text: decimalText(readPickle(data)) };
}

/** The value of an enum member, whatever the class is, as long as it is one of upstream's. */
function readEnum(data: Uint8Array): Extension {
  const { class: made, args } = object(readPickle(data), 'an enum member');
  const [first, second] = args;
  if (made.path === 'builtins.getattr' && first instanceof PickleClass && typeof second === 'string') {
    checkUpstream(first);
    return { kind: 'enum', class: first.path, value: enumValueOfName(first.name, second) };
  }
  checkUpstream(made);
  if (args.length !== 1 || (typeof first !== 'string' && typeof first !== 'bigint')) {
    throw new ExtensionError(`a member of ${made.path} has no single text or number`);
  }
  return { kind: 'enum', class: made.path, value: typeof first === 'bigint' ? small(first) : first };
}

function readImage(data: Uint8Array): Extension {
  const { state } = ofClass(readPickle(data), 'ImageRef');
  const field = (name: string): PickleValue | undefined => mapOf(state, 'an image reference').get(name);
  const text = (name: string): string => {
    const value = field(name);
    if (typeof value !== 'string') throw new ExtensionError(`${name} of an image reference is no text`);
    return value;
  };
  const isLocal = field('is_local');
  if (typeof isLocal !== 'boolean') throw new ExtensionError('is_local of an image reference is no boolean');
  const image: ImageReference = {
    registry: text('registry'),
    project: field('project') === null ? null : text('project'),
    name: text('name'),
    tag: text('tag'),
    architecture: text('architecture'),
    isLocal,
  };
  return { kind: 'image', image };
}

/** Resource slots as decimal texts. */
function readSlots(data: Uint8Array): Extension {
  const { args, state } = ofClass(readPickle(data), 'ResourceSlot');
  const [, fields] = Array.isArray(state) ? state : [];
  const held = args.length === 1 ? args[0] : mapOf(fields, 'resource slots').get('data');
  const entries = mapOf(held, 'resource slots');
  if (entries.size > maxSlots) throw new ExtensionError('there are too many resource slots');
  const slots: Record<string, string> = {};
  for (const [name, amount] of entries) {
    if (typeof name !== 'string' || name === '__proto__') throw new ExtensionError('a slot name is no text');
    slots[name] = typeof amount === 'string' ? amount : decimalText(amount);
  }
  return { kind: 'slots', slots };
}

function readSlotName(data: Uint8Array): Extension {
  const [text] = ofClass(readPickle(data), 'SlotName').args;
  if (typeof text !== 'string') throw new ExtensionError('a slot name is no text');
  return { kind: 'slot-name', text };
}

/** A number of bytes. */
function readBinarySize(data: Uint8Array): Extension {
  const [bytes] = ofClass(readPickle(data), 'BinarySize').args;
  if (typeof bytes !== 'bigint') throw new ExtensionError('a binary size is no integer');
  return { kind: 'binary-size', bytes: small(bytes) };
}

function decimalText(value: PickleValue): string {
  const { class: made, args } = object(value, 'a decimal');
  const [text] = args;
  if (made.path !== 'decimal.Decimal' || typeof text !== 'string' || !decimalForm.test(text)) {
    throw new ExtensionError('a decimal is not of the form it must have');
  }
  return text;
}

function object(value: PickleValue, what: string): PickleObject {
  if (!(value instanceof PickleObject)) throw new ExtensionError(`${what} is no object`);
  return value;
}

function ofClass(value: PickleValue, name: string): PickleObject {
  const found = object(value, name);
  checkUpstream(found.class);
  if (found.class.name !== name) throw new ExtensionError(`${found.class.path} is not ${name}`);
  return found;
}

function checkUpstream({ module, path }: PickleClass): void {
  if (!upstreamModule.test(module)) throw new ExtensionError(`the class ${path.slice(0, 200)} is not known`);
}

function mapOf(value: PickleValue | undefined, what: string): ReadonlyMap<PickleValue, PickleValue> {
  if (!(value instanceof Map)) throw new ExtensionError(`${what} have no fields`);
  return value;
}

function small(value: bigint): number | bigint {
  return value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? Number(value) : value;
}

/**
 * Values of enum members that were pickled by name, as CPython 3.11.0 to 3.11.3 does. Upstream's members are named
 * after their values but for these.
 */
const odd: Readonly<Record<string, string>> = {
  'MountPermission.READ_ONLY': 'ro',
  'MountPermission.READ_WRITE': 'rw',
  'MountPermission.RW_DELETE': 'wd',
};

/** The value of a member: `SINGLE_NODE` of `ClusterMode` is `single-node`. */
function enumValueOfName(className: string, name: string): string {
  return odd[`${className}.${name}`] ?? name.toLowerCase().replaceAll('_', '-');
}

/** Decodes one value with every known extension in portable form; unknown codes stay `Ext`. */
export function decodePlain(bytes: Uint8Array, options: { faithful?: boolean } = {}): MsgpackValue {
  return decodeMsgpack(bytes, { ...options, extension: plainExtension });
}

/** The portable form of one extension value. Throws ExtensionError or PickleError. */
export function plainExtension(ext: Ext): MsgpackValue {
  const extension = readExtension(ext);
  return extension === null ? ext : plain(extension);
}

/** How an image is named to the engine: short when it is local, with its registry otherwise (spec rpc 3.4). */
export function imageName({ registry, project, name, tag, isLocal }: ImageReference): string {
  const parts = (isLocal ? [project, name] : [registry, project, name]).filter((part) => part);
  return `${parts.join('/')}:${tag}`;
}

function plain(extension: Extension): MsgpackValue {
  switch (extension.kind) {
    case 'uuid':
    case 'datetime':
    case 'decimal':
    case 'slot-name':
    case 'path':
      return extension.text;
    case 'enum':
      return extension.value;
    case 'slots':
      return extension.slots;
    case 'binary-size':
      return extension.bytes;
    case 'image': {
      const { isLocal, ...fields } = extension.image;
      return { ...fields, is_local: isLocal };
    }
  }
}
