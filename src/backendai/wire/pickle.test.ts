import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fuzzRuns } from '../../../test/support/depth.ts';
import { maxPickleBytes, PickleClass, PickleError, PickleObject, type PickleValue, readPickle } from './pickle.ts';

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

  it.each<[string, string, PickleValue]>([
    ['a small number', 'K\xff.', 255n],
    ['a number of two bytes', 'M\xff\xff.', 65_535n],
    ['a number below 0', 'J\x00\x00\x00\x80.', -(2n ** 31n)],
    ['a long number of no bytes', '\x8a\x00.', 0n],
    ['a long number below 0', '\x8a\x01\xff.', -1n],
    ['a long number of nine bytes', '\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x00\x01.', 2n ** 64n],
    ['a number with a part', 'G\x3f\xf8\x00\x00\x00\x00\x00\x00.', 1.5],
    ['true and false', '\x88\x89\x86.', [true, false]],
    ['a text with its length in four bytes', 'X\x02\x00\x00\x00\xc3\xa9.', 'é'],
    ['a value behind a frame', '\x80\x04\x95\x00\x00\x00\x00\x00\x00\x00\x00N.', null],
    ['three values', 'NNN\x87.', [null, null, null]],
    ['one value', 'N\x85.', [null]],
    ['a class whose names are on the stack', 'Vos\nVpath\n\x93.', new PickleClass('os', 'path')],
    ['one item that is appended', ']Na.', [null]],
    ['one entry that is set', '}K\x01Ns.', new Map([[1n, null]])],
    ['what was kept under a number of a line', 'K\x01p7\ng7\n\x86.', [1n, 1n]],
    ['what was kept under a number of nine digits', 'K\x01p123456789\ng123456789\n\x86.', [1n, 1n]],
    ['a long number of 64 bytes', `\x8a\x40${'\x00'.repeat(63)}\x01.`, 2n ** 504n],
    ['an empty line', 'V\n.', ''],
    ['what was kept under a number of four bytes', 'K\x01r\x00\x00\x01\x00j\x00\x00\x01\x00\x86.', [1n, 1n]],
    ['values that were kept in their order', 'K\x01\x94K\x02\x94h\x00h\x01\x86\x86\x86.', [1n, [2n, [1n, 2n]]]],
  ])('reads %s', (_, program, value) => {
    expect(readPickle(bytes(program))).toEqual(value);
  });

  it('gives an object the state that is laid on it', () => {
    const made = readPickle(bytes('cm\nC\n)\x81}Va\nNsb.')) as PickleObject;
    expect([made.class.path, made.args, made.state]).toEqual(['m.C', [], new Map([['a', null]])]);
  });

  it('takes a pickle of the length that is allowed', () => {
    const text = 'x'.repeat(maxPickleBytes - 3);
    expect(readPickle(bytes(`V${text}\n.`))).toBe(text);
  });

  it.each<[string, string, string]>([
    ['nothing', '', 'the pickle is cut off'],
    ['no end', 'N', 'the pickle is cut off'],
    ['two values', 'NN.', 'there is more after the end'],
    ['bytes after the end', 'N.N', 'there is more after the end'],
    ['an opcode that does not occur', 'i.', 'the opcode 0x69 does not occur'],
    ['a protocol from the future', '\x80\x06N.', 'the protocol is newer than 5'],
    ['a tuple of nothing', '\x85.', 'the stack is empty'],
    ['a tuple without its mark', 't.', 'there is no mark'],
    ['what was never kept', 'h\x00.', 'nothing was kept under 0'],
    ['a call of a text', '\x8c\x01a)R.', 'what is made is no class'],
    ['a text beyond the end', 'X\xff\xff\xff\xffa.', 'the pickle is cut off'],
    ['a huge integer', '\x8a\xff', 'an integer of 255 bytes is too long'],
    ['a mark as a value', '(.', 'the stack is empty'],
    ['a state on a text', '\x8c\x01aNb.', 'a state is laid on what is no object'],
    ['escaped text', 'V\\u0041\n.', 'escaped text does not occur'],
    ['a text that is not UTF-8', '\x8c\x01\xff.', 'a text is not valid UTF-8'],
    ['a line without an end', 'Vabc', 'a line has no end'],
    ['a class in a nameless module', 'NVpath\n\x93.', 'a class has no name'],
    ['a class without a name', 'Vos\nN\x93.', 'a class has no name'],
    ['a class that is called with no list', 'cm\nC\nNR.', 'what is made is no class'],
    ['entries of a list', ']NNs.', 'items are put into what is no map'],
    ['a key without its value', '}(Nu.', 'items are put into what is no map'],
    ['items of a map', '}Na.', 'items are appended to what is no list'],
    ['what is kept under a word', 'Npx\n.', 'an index is not a number'],
    ['what is kept under a number of ten digits', 'Np1234567890\n.', 'an index is not a number'],
    ['an integer of 65 bytes', `\x8a\x41${'\x00'.repeat(65)}.`, 'an integer of 65 bytes is too long'],
  ])('refuses %s, and says what is wrong', (_, input, problem) => {
    expect(() => readPickle(bytes(input))).toThrow(new PickleError(problem));
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
