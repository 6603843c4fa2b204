import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fuzzRuns } from '../../../test/support/depth.ts';
import { maxPickleBytes, PickleClass, PickleError, PickleObject, readPickle } from './pickle.ts';

const bytes = (text: string): Uint8Array => Buffer.from(text, 'latin1');
const opcodes = [...'().]}acegbhjpqrstuJKMNRVXG.\x80\x81\x85\x86\x87\x88\x89\x8a\x8c\x93\x94\x95'].map((character) =>
  character.charCodeAt(0),
);

describe('readPickle', () => {
  it('describes a call and carries out nothing', () => {
    const value = readPickle(bytes('cposix\nsystem\n(Vrm -rf /\ntR.'));
    expect(value).toBeInstanceOf(PickleObject);
    expect((value as PickleObject).class).toEqual(new PickleClass('posix', 'system'));
    expect((value as PickleObject).args).toEqual(['rm -rf /']);
  });

  it('reads lists, maps, numbers and what was kept', () => {
    expect(readPickle(bytes('\x80\x02]q\x00(K\x01M\x00\x01J\xff\xff\xff\xff\x8a\x02\x00\x80e.'))).toEqual([
      1n,
      256n,
      -1n,
      -32768n,
    ]);
    expect(readPickle(bytes('\x80\x05}(\x8c\x01a\x94N\x8c\x01b\x88u.'))).toEqual(
      new Map<string, null | boolean>([
        ['a', null],
        ['b', true],
      ]),
    );
    expect(readPickle(bytes('\x8c\x01a\x94h\x00\x86.'))).toEqual(['a', 'a']);
  });

  it.each([
    ['nothing', ''],
    ['no end', 'N'],
    ['two values', 'NN.'],
    ['bytes after the end', 'N.N'],
    ['an opcode that does not occur', 'i.'],
    ['a protocol from the future', '\x80\x06N.'],
    ['a tuple of nothing', '\x85.'],
    ['a tuple without its mark', 't.'],
    ['what was never kept', 'h\x00.'],
    ['a call of a text', '\x8c\x01a)R.'],
    ['a text beyond the end', 'X\xff\xff\xff\xffa.'],
    ['a huge integer', '\x8a\xff'],
    ['a mark as a value', '(.'],
    ['a state on a text', '\x8c\x01aNb.'],
    ['escaped text', 'V\\u0041\n.'],
  ])('refuses %s', (_, input) => {
    expect(() => readPickle(bytes(input))).toThrow(PickleError);
  });

  it('refuses one that is too long', () => {
    expect(() => readPickle(new Uint8Array(maxPickleBytes + 1))).toThrow('too long');
  });

  it('survives any program', () => {
    const program = fc.array(fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...opcodes) }, fc.nat(255)), {
      maxLength: 200,
    });
    fc.assert(
      fc.property(program, (input) => {
        try {
          readPickle(Uint8Array.from([...input, 0x2e]));
        } catch (error) {
          expect(error).toBeInstanceOf(PickleError);
        }
      }),
      { numRuns: fuzzRuns(3000) },
    );
  });

  it('takes no longer than its length for a program that copies itself', () => {
    // Each tuple holds the one before twice: 2^80 items if anything were copied.
    const doubling = `\x8c\x01a${'q\x00h\x00\x86'.repeat(80)}.`;
    const begun = performance.now();
    expect(readPickle(bytes(doubling))).toHaveLength(2);
    expect(performance.now() - begun).toBeLessThan(100);
  });
});
