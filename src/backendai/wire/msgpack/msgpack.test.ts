import { decode as oracleDecode, encode as oracleEncode } from '@msgpack/msgpack';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fuzzRuns } from '../../../../test/support/depth.ts';
import { decodeMsgpack } from './decode.ts';
import { encodeMsgpack } from './encode.ts';
import { deepestNesting, Ext, Float, MsgpackError, type MsgpackValue } from './value.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const bytes = (text: string): Uint8Array => Buffer.from(text, 'hex');
const plainValue: fc.Arbitrary<MsgpackValue> = fc.letrec<{ value: MsgpackValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 5 },
    fc.constantFrom(null, true, false),
    fc.maxSafeInteger(),
    fc.integer({ min: -70_000, max: 70_000 }),
    fc.double({ noDefaultInfinity: false }).filter((value) => !Number.isInteger(value)),
    fc.string({ unit: 'grapheme', maxLength: 300 }),
    fc.uint8Array({ maxLength: 300 }),
    fc.array(tie('value'), { maxLength: 20 }),
    fc.dictionary(
      fc.string().filter((key) => key !== '__proto__'),
      tie('value'),
      { maxKeys: 20, noNullPrototype: true },
    ),
  ),
})).value;

describe('MessagePack', () => {
  it('writes the bytes that the library writes, and reads back what was written', () => {
    fc.assert(
      fc.property(plainValue, (value) => {
        const encoded = encodeMsgpack(value);
        expect(hex(encoded)).toBe(hex(oracleEncode(value)));
        expect(decodeMsgpack(encoded)).toEqual(oracleDecode(encoded));
        expect(hex(encodeMsgpack(decodeMsgpack(encoded, { faithful: true })))).toBe(hex(encoded));
      }),
      { numRuns: fuzzRuns(300) },
    );
  });

  it.each<[string, MsgpackValue]>([
    ['a list of sixteen', Array(16).fill(1)],
    ['a list beyond two bytes of length', Array(65_536).fill(null)],
    [
      'a map beyond two bytes of length',
      Object.fromEntries(Array.from({ length: 65_536 }, (_, key) => [`k${key}`, 1])),
    ],
    ['a text of 32 bytes', 'x'.repeat(32)],
    ['a text beyond one byte of length', 'x'.repeat(256)],
    ['a text beyond two bytes of length', 'x'.repeat(65_536)],
    ['bytes beyond one byte of length', Buffer.alloc(256)],
    ['bytes beyond two bytes of length', Buffer.alloc(65_536)],
  ])('writes %s as the library does', (_, value) => {
    expect(Buffer.from(encodeMsgpack(value)).equals(oracleEncode(value))).toBe(true);
    expect(decodeMsgpack(encodeMsgpack(value))).toEqual(value);
  });

  it.each([0, 1, 2, 3, 4, 8, 15, 16, 17, 255, 256, 65_536])('carries an extension value of %d bytes', (size) => {
    const ext = new Ext(5, Buffer.alloc(size, 1));
    const encoded = encodeMsgpack(ext);
    expect(decodeMsgpack(encoded)).toEqual(ext);
    expect(oracleDecode(encoded)).toMatchObject({ type: 5, data: ext.data });
  });

  it.each([
    ...[0, 1, 127, 128, 255, 256, 65_535, 65_536, 0xffff_ffff, 0x1_0000_0000, Number.MAX_SAFE_INTEGER],
    ...[-1, -32, -33, -128, -129, -32_768, -32_769, -0x8000_0000, -0x8000_0001, Number.MIN_SAFE_INTEGER],
  ])('writes %d in the smallest form', (value) => {
    expect(hex(encodeMsgpack(BigInt(value)))).toBe(hex(encodeMsgpack(value)));
    expect(decodeMsgpack(encodeMsgpack(value))).toBe(value);
    if (Math.abs(value) <= 0xffff_ffff) expect(hex(encodeMsgpack(value))).toBe(hex(oracleEncode(value)));
  });

  it('survives any bytes with a value or a MsgpackError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (input) => {
        try {
          decodeMsgpack(input);
        } catch (error) {
          expect(error).toBeInstanceOf(MsgpackError);
        }
      }),
      { numRuns: fuzzRuns(2000) },
    );
  });

  it('survives one changed byte of a good value', () => {
    fc.assert(
      fc.property(plainValue, fc.nat(), fc.nat(255), (value, place, byte) => {
        const encoded = encodeMsgpack(value);
        encoded[place % encoded.length] = byte;
        try {
          decodeMsgpack(encoded);
        } catch (error) {
          expect(error).toBeInstanceOf(MsgpackError);
        }
      }),
      { numRuns: fuzzRuns(500) },
    );
  });

  it('keeps integral floats, minus zero and integers beyond 2^53', () => {
    expect(hex(encodeMsgpack(new Float(2)))).toBe('cb4000000000000000');
    expect(hex(encodeMsgpack(-0))).toBe('cb8000000000000000');
    expect(decodeMsgpack(bytes('cb4000000000000000'))).toBe(2);
    expect(decodeMsgpack(bytes('cfffffffffffffffff'))).toBe(2n ** 64n - 1n);
    expect(decodeMsgpack(bytes('d38000000000000000'))).toBe(-(2n ** 63n));
    expect(hex(encodeMsgpack(255n))).toBe('ccff');
    expect(() => encodeMsgpack(2n ** 64n)).toThrow(MsgpackError);
  });

  it('tells text from bytes, also when they are empty', () => {
    expect(decodeMsgpack(bytes('a0'))).toBe('');
    expect(decodeMsgpack(bytes('c400'))).toEqual(Buffer.alloc(0));
    expect(hex(encodeMsgpack(new Uint8Array(0)))).toBe('c400');
  });

  it('keeps a byte order mark, and replaces a lone surrogate', () => {
    expect(decodeMsgpack(bytes('a4efbbbf61'))).toBe('﻿a');
    expect(hex(encodeMsgpack('\ud800'))).toBe('a3efbfbd');
  });

  it('gives a Map when a key is no text, and passes unknown extension codes on', () => {
    expect(decodeMsgpack(bytes('82a1610101a178'))).toEqual(
      new Map<MsgpackValue, MsgpackValue>([
        ['a', 1],
        [1, 'x'],
      ]),
    );
    expect(decodeMsgpack(bytes('d44d78'))).toEqual(new Ext(77, Buffer.from('x')));
    expect(hex(encodeMsgpack(new Ext(-1, bytes('000102'))))).toBe('c703ff000102');
  });

  it.each([
    ['nothing', ''],
    ['the unused byte', 'c1'],
    ['two values', '0101'],
    ['invalid UTF-8', 'a1ff'],
    ['invalid UTF-8 in a long text', `d940${'ff'.repeat(64)}`],
    ['a text that is cut off', 'a561'],
    ['an array of four thousand million items', 'ddffffffff'],
    ['a map of four thousand million entries', 'dfffffffff'],
    ['bytes of four gigabytes', 'c6ffffffff'],
    ['an extension without its code', 'c700'],
    ['the key __proto__', '81a95f5f70726f746f5f5f80'],
  ])('refuses %s', (_, input) => {
    expect(() => decodeMsgpack(bytes(input))).toThrow(MsgpackError);
  });

  it('refuses deep nesting in both directions', () => {
    const deep = (levels: number): Uint8Array => Buffer.concat([Buffer.alloc(levels, 0x91), Buffer.from([0xc0])]);
    expect(decodeMsgpack(deep(deepestNesting))).toBeInstanceOf(Array);
    expect(() => decodeMsgpack(deep(deepestNesting + 1))).toThrow(MsgpackError);
    expect(() => decodeMsgpack(deep(100_000))).toThrow(MsgpackError);
    let value: MsgpackValue = null;
    for (let level = 0; level <= deepestNesting; level += 1) value = [value];
    expect(() => encodeMsgpack(value)).toThrow(MsgpackError);
  });

  it('refuses a million tiny values', () => {
    const many = Buffer.concat([Buffer.from('dd000f4240', 'hex'), Buffer.alloc(1_000_000, 0xc0)]);
    expect(() => decodeMsgpack(many)).toThrow('more than');
  });

  it('refuses what has no form', () => {
    const date = new Date(0) as unknown as MsgpackValue;
    const method = (() => 1) as unknown as MsgpackValue;
    expect(() => encodeMsgpack(date)).toThrow('Date');
    expect(() => encodeMsgpack([method])).toThrow('function');
    const nameless = Object.create(Object.create(null)) as MsgpackValue;
    expect(() => encodeMsgpack(nameless)).toThrow('an object of class ? has no form');
    expect(hex(encodeMsgpack(Object.assign(Object.create(null), { a: 1 })))).toBe('81a16101');
    expect(hex(encodeMsgpack({ a: undefined, b: 1 }))).toBe('81a16201');
  });
});
