import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fuzzRuns } from '../../../test/support/depth.ts';
import { ExtensionError, imageName, plainExtension, readExtension } from './extension.ts';
import { Ext, type MsgpackValue } from './msgpack/value.ts';
import { PickleError } from './pickle.ts';

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

  it.each([
    ['a UUID of another length', new Ext(1, Buffer.alloc(15))],
    ['a time of another length', new Ext(2, Buffer.alloc(7))],
    ['a time of another layout', new Ext(2, Buffer.alloc(8))],
    ['a path that is not UTF-8', new Ext(4, Buffer.from([0xff]))],
    ['an enum of somebody else', pickled(6, 'cnosuch\nClass\n(K\x01tR.')],
    ['an enum that would run something', pickled(6, 'cposix\nsystem\n(Vid\ntR.')],
    ['getattr on somebody else', pickled(6, 'cbuiltins\ngetattr\n(cos\nsystem\nVX\ntR.')],
    ['a decimal that is no number', pickled(3, 'cdecimal\nDecimal\n(Vabc\ntR.')],
    ['a text where a class belongs', pickled(16, 'Vabc\n.')],
    ['a binary size of text', pickled(16, 'cai.backend.common.types\nBinarySize\n(Vx\nt\x81.')],
    ['an image without fields', pickled(7, 'cai.backend.common.docker\nImageRef\n)\x81.')],
    ['slots of another class', pickled(8, 'cai.backend.common.types\nBinarySize\n)\x81.')],
  ])('refuses %s', (_, ext) => {
    expect(() => readExtension(ext)).toThrow(ExtensionError);
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
