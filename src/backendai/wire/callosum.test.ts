import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fuzzRuns } from '../../../test/support/depth.ts';
import { decodeFailure, encodeRequestData } from '../../../test/support/manager-wire.ts';
import {
  CallosumError,
  decodeData,
  decodeHeader,
  decodeRequestBody,
  encodeFailureData,
  encodeHeader,
  encodeResultData,
  openEnvelope,
} from './callosum.ts';
import { ExtensionError } from './extension.ts';
import { MsgpackError } from './msgpack/value.ts';
import { PickleError } from './pickle.ts';
import { SnappyError } from './snappy.ts';

const bytes = (text: string): Uint8Array => Buffer.from(text, 'hex');
const hex = (data: Uint8Array): string => Buffer.from(data).toString('hex');
const expected = [CallosumError, MsgpackError, SnappyError, ExtensionError, PickleError];

describe('Callosum messages', () => {
  it('writes the smallest exchange byte for byte', () => {
    const identity = { method: 'ping', orderKey: '', sequence: 0 };
    expect(hex(encodeHeader('function', identity))).toBe(
      '85a47479706501a46d657468a470696e67a46f6b6579a0a373657100a37a6970c2',
    );
    expect(hex(encodeHeader('result', { ...identity, orderKey: new Uint8Array(0) }))).toBe(
      '85a47479706502a46d657468a470696e67a46f6b6579c400a373657100a37a6970c2',
    );
    expect(hex(encodeRequestData({ args: ['pong'], kwargs: {} }))).toBe(
      '82a46d657461c400a4626f6479c41482a46172677391a4706f6e67a66b776172677380',
    );
    expect(hex(encodeResultData('pong'))).toBe('82a46d657461c40190a4626f6479c405a4706f6e67');
  });

  it('reads back a failure', () => {
    const parts = ['KeyError', "KeyError('x')", 'trace'] as const;
    expect(decodeFailure(decodeData(encodeFailureData(parts), false).meta)).toEqual(parts);
  });

  it('finds the message behind any routing frames', () => {
    const [a, kind, rest] = [Buffer.from('a'), Buffer.from('PING'), Buffer.alloc(0)];
    expect(openEnvelope([a, rest, kind, a, rest])).toEqual({ routing: [a, rest], kind: 'PING', header: a, data: rest });
    expect(openEnvelope([kind, a])).toBeNull();
    expect(openEnvelope([Buffer.from('LOWER'), a, a])).toBeNull();
    expect(openEnvelope([])).toBeNull();
  });

  it('takes a missing zip as no compression', () => {
    expect(decodeHeader(bytes('84a47479706501a46d657468a470696e67a46f6b6579a0a373657100')).compressed).toBe(false);
  });

  it('reads a compressed body', () => {
    const block = bytes('238882a46d657461c400a4626f6479c41482a46172677391a4706f6e67a66b776172677380');
    expect(decodeRequestBody(decodeData(block, true).body)).toEqual({ args: ['pong'], kwargs: {} });
  });

  it('survives any header and data', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), (input, compressed) => {
        for (const read of [decodeHeader, (data: Uint8Array) => decodeData(data, compressed), decodeRequestBody]) {
          try {
            read(input);
          } catch (error) {
            expect(expected.some((type) => error instanceof type)).toBe(true);
          }
        }
      }),
      { numRuns: fuzzRuns(2000) },
    );
  });
});
