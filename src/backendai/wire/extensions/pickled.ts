/** Reads the pickled extension values (spec rpc 3.4): each shape is checked, every other class is refused. */
import { readPickle } from '../pickle/read-pickle.ts';
import { PickleClass, PickleObject, type PickleValue } from '../pickle/value.ts';
import { enumValueOfName } from './enum-names.ts';
import { type Extension, ExtensionError, type ImageReference } from './extension.ts';

const upstreamModule = /^ai\.backend\.[a-z0-9_.]+$/;
const decimalForm = /^(?:[+-]?(?:\d{1,1000}(?:\.\d{0,1000})?|\.\d{1,1000})(?:E[+-]?\d{1,9})?|[+-]?Infinity|NaN)$/i;
const maxSlots = 10_000;

/** A decimal's text. */
export function readDecimal(data: Uint8Array): Extension {
  return { kind: 'decimal', text: decimalText(readPickle(data)) };
}

/** The value of an enum member, whatever the class is, as long as it is one of upstream's. */
export function readEnum(data: Uint8Array): Extension {
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

/** An image reference. */
export function readImage(data: Uint8Array): Extension {
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
export function readSlots(data: Uint8Array): Extension {
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

/** A slot name. */
export function readSlotName(data: Uint8Array): Extension {
  const [text] = ofClass(readPickle(data), 'SlotName').args;
  if (typeof text !== 'string') throw new ExtensionError('a slot name is no text');
  return { kind: 'slot-name', text };
}

/** A number of bytes. */
export function readBinarySize(data: Uint8Array): Extension {
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
