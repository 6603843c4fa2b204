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

  it.each<[string, string, string]>([
    ['nothing', '', 'the value is cut off'],
    ['the unused byte', 'c1', 'the byte 0xc1 begins no value'],
    ['two values', '0101', 'there are bytes after the value'],
    ['invalid UTF-8', 'a1ff', 'a text is not valid UTF-8'],
    ['invalid UTF-8 in a long text', `d940${'ff'.repeat(64)}`, 'a text is not valid UTF-8'],
    ['a text that is cut off', 'a561', 'a length goes beyond the end'],
    ['a length that is cut off', 'da00', 'the value is cut off'],
    ['an array of which an item is missing', '93c0c0', 'a length goes beyond the end'],
    ['a map of which a value is missing', '82a161c0a162', 'the value is cut off'],
    ['a small map of more entries than there are bytes', '83c0c0', 'a length goes beyond the end'],
    ['an array of four thousand million items', 'ddffffffff', 'a length goes beyond the end'],
    ['a map of four thousand million entries', 'dfffffffff', 'a length goes beyond the end'],
    ['bytes of four gigabytes', 'c6ffffffff', 'a length goes beyond the end'],
    ['an extension without its code', 'c700', 'a length goes beyond the end'],
    ['the key __proto__', '81a95f5f70726f746f5f5f80', 'a map has the key __proto__'],
  ])('refuses %s, and says what is wrong', (_, input, problem) => {
    expect(() => decodeMsgpack(bytes(input))).toThrow(new MsgpackError(problem));
  });

  it.each<[string, MsgpackValue]>([
    ['7f', 127],
    ['cc80', 128],
    ['cdffff', 65_535],
    ['ceffffffff', 0xffff_ffff],
    ['cf001fffffffffffff', Number.MAX_SAFE_INTEGER],
    ['cf0020000000000000', 2n ** 53n],
    ['e0', -32],
    ['ff', -1],
    ['d080', -128],
    ['d18000', -32_768],
    ['d280000000', -(2 ** 31)],
    ['d3ffe0000000000001', Number.MIN_SAFE_INTEGER],
    ['d3ffe0000000000000', -(2n ** 53n)],
    ['ca3fc00000', 1.5],
    ['cb3ff8000000000000', 1.5],
    ['c0', null],
    ['c2', false],
    ['c3', true],
    ['c50001ff', Buffer.from([0xff])],
    ['c600000001ff', Buffer.from([0xff])],
    ['da000161', 'a'],
    ['db0000000161', 'a'],
    ['dc000101', [1]],
    ['dd0000000101', [1]],
    ['de0001a16101', { a: 1 }],
    ['df00000001a16101', { a: 1 }],
    ['c8000105ff', new Ext(5, Buffer.from([0xff]))],
    ['c90000000105ff', new Ext(5, Buffer.from([0xff]))],
    ['d480ff', new Ext(-128, Buffer.from([0xff]))],
  ])('reads %s, whether or not it is the shortest form', (input, value) => {
    expect(decodeMsgpack(bytes(input))).toEqual(value);
  });

  it.each([48, 49])('reads a text of %d bytes alike whether or not it is ASCII', (size) => {
    for (const text of ['x'.repeat(size), `${'x'.repeat(size - 2)}é`, `\x7f${'x'.repeat(size - 1)}`]) {
      expect(decodeMsgpack(encodeMsgpack(text))).toBe(text);
    }
  });

  it('asks for what an extension value becomes, wherever it stands', () => {
    const extension = ({ code, data }: Ext): MsgpackValue => `${code}:${data.length}`;
    expect(decodeMsgpack(bytes('82a16191d40178a162c70002'), { extension })).toEqual({ a: ['1:1'], b: '2:0' });
  });

  it('keeps floats and maps apart from numbers and objects where it is asked to', () => {
    const value = decodeMsgpack(bytes('92cb400000000000000081a16101'), { faithful: true });
    expect(value).toEqual([new Float(2), new Map([['a', 1]])]);
    expect(decodeMsgpack(bytes('92cb400000000000000081a16101'))).toEqual([2, { a: 1 }]);
  });

  it('reads a part of a larger buffer', () => {
    expect(decodeMsgpack(bytes('c1c193a1610203c1c1').subarray(2, 7))).toEqual(['a', 2, 3]);
  });

  it('refuses deep nesting in both directions', () => {
    const deep = (levels: number): Uint8Array => Buffer.concat([Buffer.alloc(levels, 0x91), Buffer.from([0xc0])]);
    const problem = new MsgpackError('nested deeper than 128');
    expect(decodeMsgpack(deep(deepestNesting))).toBeInstanceOf(Array);
    expect(() => decodeMsgpack(deep(deepestNesting + 1))).toThrow(problem);
    expect(() => decodeMsgpack(deep(100_000))).toThrow(problem);
    let [list, map, fields]: MsgpackValue[] = [null, null, null] as const;
    for (let level = 0; level < deepestNesting; level += 1) {
      [list, map, fields] = [[list], new Map([[1, map]]), { a: fields }] as const;
    }
    for (const value of [list, map, fields] as MsgpackValue[]) {
      const encoded = encodeMsgpack(value);
      expect(decodeMsgpack(encoded)).toEqual(value);
      expect(encodeMsgpack(decodeMsgpack(encoded, { faithful: true }))).toEqual(encoded);
      for (const deeper of [[value], new Map([[1, value]]), new Map([[value, 1]]), { a: value }] as MsgpackValue[]) {
        expect(() => encodeMsgpack(deeper)).toThrow(problem);
      }
    }
    for (const begin of ['91', '8101', '81a161', '81']) {
      const deeper = Buffer.concat([bytes(begin), deep(deepestNesting), bytes('01')]);
      expect(() => decodeMsgpack(deeper)).toThrow(problem);
      expect(() => decodeMsgpack(deeper, { faithful: true })).toThrow(problem);
    }
  });

  it('takes half a million values, and refuses one more', () => {
    const nils = (count: number): Buffer => {
      const head = Buffer.from('dd00000000', 'hex');
      head.writeUInt32BE(count, 1);
      return Buffer.concat([head, Buffer.alloc(count, 0xc0)]);
    };
    expect(decodeMsgpack(nils(499_999))).toHaveLength(499_999);
    expect(() => decodeMsgpack(nils(500_000))).toThrow(new MsgpackError('there are more than 500000 values'));
  });

  it('has no form for integers beyond 64 bits', () => {
    const problem = new MsgpackError('an integer is beyond 64 bits');
    expect(hex(encodeMsgpack(2n ** 64n - 1n))).toBe('cfffffffffffffffff');
    expect(hex(encodeMsgpack(-(2n ** 63n)))).toBe('d38000000000000000');
    expect(() => encodeMsgpack(2n ** 64n)).toThrow(problem);
    expect(() => encodeMsgpack(-(2n ** 63n) - 1n)).toThrow(problem);
    expect(hex(encodeMsgpack(2 ** 53))).toBe('cb4340000000000000');
  });

  it('writes the same bytes whatever their place in what grows', () => {
    // Sizes around those at which the buffer has to grow, so that a piece begins and ends on every side of the edge.
    for (let size = 230; size < 270; size += 1) {
      const parts: readonly MsgpackValue[] = [0xffff_ffff, 2n ** 63n, new Float(1), 'ab', Buffer.from('cd'), null];
      const encoded = encodeMsgpack(['x'.repeat(size), ...parts]);
      const separate = [Buffer.of(0x97), ...['x'.repeat(size), ...parts].map((part) => encodeMsgpack(part))];
      expect(hex(encoded)).toBe(hex(Buffer.concat(separate)));
    }
  });

  it('refuses what has no form', () => {
    const date = new Date(0) as unknown as MsgpackValue;
    const method = (() => 1) as unknown as MsgpackValue;
    expect(() => encodeMsgpack(date)).toThrow(new MsgpackError('an object of class Date has no form'));
    expect(() => encodeMsgpack([method])).toThrow(new MsgpackError('a value of type function has no form'));
    class OwnMap extends Map<MsgpackValue, MsgpackValue> {}
    expect(() => encodeMsgpack(new OwnMap())).toThrow(new MsgpackError('an object of class OwnMap has no form'));
    const nameless = Object.create(Object.create(null)) as MsgpackValue;
    expect(() => encodeMsgpack(nameless)).toThrow('an object of class ? has no form');
    expect(hex(encodeMsgpack(Object.assign(Object.create(null), { a: 1 })))).toBe('81a16101');
    expect(hex(encodeMsgpack({ a: undefined, b: 1 }))).toBe('81a16201');
  });
});
