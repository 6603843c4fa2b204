import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fuzzRuns } from '../../../test/support/depth.ts';
import { ExtensionError, imageName, plainExtension, readExtension } from './extension.ts';
import { Ext, type MsgpackValue } from './msgpack/value.ts';
import { PickleError } from './pickle.ts';

/** A time without an offset, of the fields as people write them. */
function time(...[year, month, day, hour, minute, second, microsecond]: readonly [...number[]]): Ext {
  const fields = [
    [0b0101, 4],
    [year, 12],
    [(month ?? 1) - 1, 4],
    [(day ?? 1) - 1, 5],
    [hour, 5],
    [minute, 6],
    [second, 6],
    [microsecond, 20],
    [0, 2],
  ] as const;
  const bits = fields.reduce((all, [value, width]) => (all << BigInt(width)) | BigInt(value ?? 0), 0n);
  return new Ext(2, Buffer.from(bits.toString(16).padStart(16, '0'), 'hex'));
}

const pickled = (code: number, program: string): Ext => new Ext(code, Buffer.from(program, 'latin1'));

describe('extension values', () => {
  it('gives each in portable form', () => {
    const cases: readonly [Ext, MsgpackValue][] = [
      [new Ext(1, Buffer.from('00112233445566778899aabbccddeeff', 'hex')), '00112233-4455-6677-8899-aabbccddeeff'],
      [new Ext(2, Buffer.from('57e89a36dec78900', 'hex')), '2024-10-21T13:45:59.123456'],
      [new Ext(2, Buffer.from('ebf44d1b6f63c48190', 'hex')), '2024-10-21T13:45:59.123456+00:00'],
      [pickled(3, 'cdecimal\nDecimal\n(V1E+2\ntR.'), '1E+2'],
      [new Ext(4, Buffer.from('/home/work')), '/home/work'],
      [pickled(6, 'cai.backend.common.types\nMountTypes\n(Vbind\ntR.'), 'bind'],
      [pickled(6, 'cai.backend.common.types\nQueueSentinel\n(K\x00tR.'), 0],
      [pickled(16, 'cai.backend.common.types\nBinarySize\n(J\x00\x00\x00\x04t\x81.'), 67_108_864],
      [new Ext(77, Buffer.from('x')), new Ext(77, Buffer.from('x'))],
    ];
    for (const [ext, plain] of cases) expect(plainExtension(ext)).toEqual(plain);
  });

  const image = 'cai.backend.common.docker\nImageRef\n)\x81';
  const fields = (more: string) =>
    `}(Vname\nVpython\nVregistry\nVcr.x.ai\nVtag\nV3.9\nVarchitecture\nVx86_64\nVproject\nN${more}u`;
  const slots = 'cai.backend.common.types\nResourceSlot\n';
  const one = 'cdecimal\nDecimal\n(V1\ntR';

  it('reads an image reference, with a project or without', () => {
    const read = (more: string) => plainExtension(pickled(7, `${image}${fields(more)}b.`));
    const plain = { registry: 'cr.x.ai', name: 'python', tag: '3.9', architecture: 'x86_64' };
    expect(read('Vis_local\n\x89')).toEqual({ ...plain, project: null, is_local: false });
    expect(read('Vproject\nVa/b\nVis_local\n\x88')).toEqual({ ...plain, project: 'a/b', is_local: true });
  });

  it('reads slots as arguments and as state, with amounts that are decimals or texts', () => {
    const amounts = { cpu: '1', mem: '64' };
    const entries = `}(Vcpu\n${one}Vmem\nV64\nu`;
    expect(plainExtension(pickled(8, `${slots}(${entries}tR.`))).toEqual(amounts);
    expect(plainExtension(pickled(8, `${slots})R(N}Vdata\n${entries}stb.`))).toEqual(amounts);
    expect(plainExtension(pickled(9, 'cai.backend.common.types\nSlotName\n(Vcuda.shares\ntR.'))).toBe('cuda.shares');
  });

  it('writes a time without a part of a second as people do', () => {
    expect(plainExtension(time(2024, 2, 29, 0, 5, 9, 0))).toBe('2024-02-29T00:05:09');
    expect(plainExtension(time(1, 1, 1, 23, 59, 59, 999_999))).toBe('0001-01-01T23:59:59.999999');
    expect(plainExtension(time(2024, 12, 31, 0, 0, 0, 1))).toBe('2024-12-31T00:00:00.000001');
  });

  it.each([
    ['the year 0', time(0, 1, 1, 0, 0, 0, 0)],
    ['a month 13', time(2024, 13, 1, 0, 0, 0, 0)],
    ['an hour 24', time(2024, 1, 1, 24, 0, 0, 0)],
    ['a minute 60', time(2024, 1, 1, 0, 60, 0, 0)],
    ['a second 60', time(2024, 1, 1, 0, 0, 60, 0)],
    ['a million microseconds', time(2024, 1, 1, 0, 0, 0, 1_000_000)],
  ])('refuses a time with %s', (_, ext) => {
    expect(() => readExtension(ext)).toThrow('a part of a time is out of bounds');
  });

  it.each([
    ['an enum member without a value', 6, 'cai.backend.common.types\nMountTypes\n)R.', 'no single text or number'],
    ['an enum member that is nothing', 6, 'cai.backend.common.types\nMountTypes\n(NtR.', 'no single text or number'],
    ['an image that is a text', 7, 'Vpython\n.', 'ImageRef is no object'],
    [
      'an image whose name is no text',
      7,
      `${image}${fields('Vis_local\n\x88Vname\nN')}b.`,
      'name of an image reference',
    ],
    ['an image that does not say where it is', 7, `${image}${fields('')}b.`, 'is_local of an image reference'],
    ['slots without any', 8, `${slots})R.`, 'resource slots have no fields'],
    ['slots of a list', 8, `${slots}(]tR.`, 'resource slots have no fields'],
    ['a slot whose name is a number', 8, `${slots}(}K\x01${one}stR.`, 'a slot name is no text'],
    ['a slot __proto__', 8, `${slots}(}V__proto__\n${one}stR.`, 'a slot name is no text'],
    ['a slot with an amount of nothing', 8, `${slots}(}Vcpu\nNstR.`, 'a decimal is no object'],
    ['a slot name of a number', 9, 'cai.backend.common.types\nSlotName\n(K\x01tR.', 'a slot name is no text'],
  ])('refuses %s', (_, code, program, problem) => {
    expect(() => readExtension(pickled(code, program))).toThrow(ExtensionError);
    expect(() => readExtension(pickled(code, program))).toThrow(problem);
  });

  it('takes ten thousand slots, and refuses one more', () => {
    const entries = Array.from({ length: 10_000 }, (_, index) => `V${index}\nV1\n`).join('');
    const read = (all: string) => readExtension(pickled(8, `${slots}(}(${all}utR.`));
    expect(read(entries)).toMatchObject({ kind: 'slots', slots: { '0': '1', '9999': '1' } });
    expect(() => read(`${entries}Vone\nV1\n`)).toThrow('too many resource slots');
  });

  it('finds the value of a member that was pickled by name', () => {
    const byName = (enumName: string, member: string): MsgpackValue =>
      plainExtension(pickled(6, `cbuiltins\ngetattr\n(cai.backend.common.types\n${enumName}\nV${member}\ntR.`));
    expect(byName('ClusterMode', 'SINGLE_NODE')).toBe('single-node');
    expect(byName('MountPermission', 'RW_DELETE')).toBe('wd');
  });

  it('names images with and without a project, and local ones shortly', () => {
    const image = {
      registry: 'cr.x.ai',
      project: 'stable',
      name: 'python',
      tag: '3.9',
      architecture: 'x86_64',
      isLocal: false,
    };
    expect(imageName(image)).toBe('cr.x.ai/stable/python:3.9');
    expect(imageName({ ...image, project: null })).toBe('cr.x.ai/python:3.9');
    expect(imageName({ ...image, isLocal: true, name: '' })).toBe('stable:3.9');
  });

  it.each<[string, Ext, string]>([
    ['a UUID of another length', new Ext(1, Buffer.alloc(15)), 'a UUID of 15 bytes does not occur'],
    ['a time of another length', new Ext(2, Buffer.alloc(7)), 'a time of 7 bytes does not occur'],
    ['a time of another layout', new Ext(2, Buffer.alloc(8)), 'a time of another layout does not occur'],
    [
      'a time with a bit behind its end',
      new Ext(2, Buffer.from('57e89a36dec78901', 'hex')),
      'a time of another layout does not occur',
    ],
    [
      'a time with an offset in the layout of one without',
      new Ext(2, Buffer.from('57e89a36dec7890000', 'hex')),
      'a time of another layout does not occur',
    ],
    ['a path that is not UTF-8', new Ext(4, Buffer.from([0xff])), 'a path is not valid UTF-8'],
    ['an enum of somebody else', pickled(6, 'cnosuch\nClass\n(K\x01tR.'), 'the class nosuch.Class is not known'],
    [
      'an enum that would run something',
      pickled(6, 'cposix\nsystem\n(Vid\ntR.'),
      'the class posix.system is not known',
    ],
    [
      'an enum whose class only begins like one of upstream’s',
      pickled(6, 'cai.backend.common.types;os\nsystem\n(Vid\ntR.'),
      'the class ai.backend.common.types;os.system is not known',
    ],
    [
      'getattr on somebody else',
      pickled(6, 'cbuiltins\ngetattr\n(cos\nsystem\nVX\ntR.'),
      'the class os.system is not known',
    ],
    [
      'getattr of a number',
      pickled(6, 'cbuiltins\ngetattr\n(cai.backend.common.types\nMountTypes\nK\x01tR.'),
      'the class builtins.getattr is not known',
    ],
    [
      'getattr on a text',
      pickled(6, 'cbuiltins\ngetattr\n(Vai.backend.common.types\nVBIND\ntR.'),
      'the class builtins.getattr is not known',
    ],
    [
      'an enum member by name of what is not getattr',
      pickled(6, 'cbuiltins\neval\n(cai.backend.common.types\nMountTypes\nVBIND\ntR.'),
      'the class builtins.eval is not known',
    ],
    [
      'an enum member of two values',
      pickled(6, 'cai.backend.common.types\nMountTypes\n(Vbind\nVvolume\ntR.'),
      'a member of ai.backend.common.types.MountTypes has no single text or number',
    ],
    ['an enum member that is a text', pickled(6, 'Vbind\n.'), 'an enum member is no object'],
    [
      'a class with an endless name',
      pickled(6, `cos\n${'x'.repeat(1000)}\n(K\x01tR.`),
      `the class os.${'x'.repeat(197)} is not known`,
    ],
    [
      'a decimal that is no number',
      pickled(3, 'cdecimal\nDecimal\n(Vabc\ntR.'),
      'a decimal is not of the form it must have',
    ],
    [
      'a decimal of another class',
      pickled(3, 'cdecimal\nContext\n(V1\ntR.'),
      'a decimal is not of the form it must have',
    ],
    [
      'a decimal of an integer',
      pickled(3, 'cdecimal\nDecimal\n(K\x01tR.'),
      'a decimal is not of the form it must have',
    ],
    ['a decimal that is a text', pickled(3, 'V1\n.'), 'a decimal is no object'],
    ['a text where a class belongs', pickled(16, 'Vabc\n.'), 'BinarySize is no object'],
    [
      'a binary size of text',
      pickled(16, 'cai.backend.common.types\nBinarySize\n(Vx\nt\x81.'),
      'a binary size is no integer',
    ],
    ['a binary size of somebody else', pickled(16, 'cnosuch\nBinarySize\n(K\x01t\x81.'), 'the class nosuch.BinarySize'],
    [
      'an image without fields',
      pickled(7, 'cai.backend.common.docker\nImageRef\n)\x81.'),
      'an image reference have no fields',
    ],
    [
      'slots of another class',
      pickled(8, 'cai.backend.common.types\nBinarySize\n)\x81.'),
      'ai.backend.common.types.BinarySize is not ResourceSlot',
    ],
  ])('refuses %s, and says what is wrong', (_, ext, problem) => {
    expect(() => readExtension(ext)).toThrow(ExtensionError);
    expect(() => readExtension(ext)).toThrow(problem);
  });

  it('tells a path that is only named from one of the file system', () => {
    const read = (code: number) => readExtension(new Ext(code, Buffer.from('/a')));
    expect([read(4), read(5), read(17)]).toEqual(
      [false, true, false].map((pure) => ({ kind: 'path', text: '/a', pure })),
    );
  });

  it('keeps a number of bytes exact, whatever its size', () => {
    const size = (integer: string) =>
      plainExtension(pickled(16, `cai.backend.common.types\nBinarySize\n(\x8a${integer}t\x81.`));
    expect(size('\x07\xff\xff\xff\xff\xff\xff\x1f')).toBe(Number.MAX_SAFE_INTEGER);
    expect(size('\x07\x00\x00\x00\x00\x00\x00\x20')).toBe(2n ** 53n);
    expect(size('\x07\x01\x00\x00\x00\x00\x00\xe0')).toBe(Number.MIN_SAFE_INTEGER);
    expect(size('\x07\x00\x00\x00\x00\x00\x00\xe0')).toBe(-(2n ** 53n));
  });

  it('survives any payload under every code', () => {
    fc.assert(
      fc.property(fc.integer({ min: -128, max: 127 }), fc.uint8Array({ maxLength: 120 }), (code, data) => {
        try {
          plainExtension(new Ext(code, data));
        } catch (error) {
          expect(error instanceof ExtensionError || error instanceof PickleError).toBe(true);
        }
      }),
      { numRuns: fuzzRuns(2000) },
    );
  });
});
