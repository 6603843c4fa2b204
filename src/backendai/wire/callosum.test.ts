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
  maxDataBytes,
  openEnvelope,
} from './callosum.ts';
import { ExtensionError } from './extension.ts';
import { encodeMsgpack } from './msgpack/encode.ts';
import { MsgpackError, type MsgpackValue } from './msgpack/value.ts';
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
    expect(openEnvelope([Buffer.from('UPPER'), a, rest])?.kind).toBe('UPPER');
    expect(openEnvelope([kind, a])).toBeNull();
    expect(openEnvelope([Buffer.from('LOWER'), a, a])).toBeNull();
    expect(openEnvelope([])).toBeNull();
  });

  it('takes a first frame of megabytes for no message, and reads none of it', () => {
    expect(openEnvelope([Buffer.alloc(4 * 1024 * 1024, 'U'), Buffer.alloc(0), Buffer.alloc(0)])).toBeNull();
  });

  it('reads a header of the length that is allowed', () => {
    const bytesWithout = encodeHeader('function', { method: '', orderKey: 'k', sequence: 0 }).length;
    const method = 'x'.repeat(4096 - bytesWithout - 2);
    const longest = encodeHeader('function', { method, orderKey: 'k', sequence: 0 });
    expect(longest).toHaveLength(4096);
    expect(decodeHeader(longest)).toMatchObject({ method });
  });

  it('takes a missing zip as no compression', () => {
    expect(decodeHeader(bytes('84a47479706501a46d657468a470696e67a46f6b6579a0a373657100')).compressed).toBe(false);
  });

  it('reads a compressed body', () => {
    const block = bytes('238882a46d657461c400a4626f6479c41482a46172677391a4706f6e67a66b776172677380');
    expect(decodeRequestBody(decodeData(block, true).body)).toEqual({ args: ['pong'], kwargs: {} });
  });

  const header = { type: 1, meth: 'ping', okey: 'k', seq: 7 };
  it('reads every field of a header', () => {
    const read = (more: { readonly [key: string]: MsgpackValue }) =>
      decodeHeader(encodeMsgpack({ ...header, ...more }));
    const plain = { type: 'function', method: 'ping', orderKey: 'k', sequence: 7, compressed: false };
    expect(read({})).toEqual(plain);
    expect(read({ zip: true, seq: 0 })).toEqual({ ...plain, compressed: true, sequence: 0 });
    expect(read({ type: 5, okey: Buffer.from('k') })).toEqual({ ...plain, type: 'cancel', orderKey: Buffer.from('k') });
  });

  it.each<[string, MsgpackValue, string]>([
    ['that is too long', { ...header, more: 'x'.repeat(4096) }, 'is too long'],
    ['that is nothing', null, 'the header is no map'],
    ['that is a list', [1, 'ping'], 'the header is no map'],
    ['that is a text', 'ping', 'the header is no map'],
    ['whose keys are numbers', new Map([[1, 2]]), 'the header is no map'],
    ['of an unknown type', { ...header, type: 7 }, 'no known type'],
    ['without a method', { ...header, meth: null }, 'names no method'],
    ['with a number as order key', { ...header, okey: 1 }, 'no order key'],
    ['with a sequence number of text', { ...header, seq: '7' }, 'no sequence number'],
    ['with a part of a sequence number', { ...header, seq: 0.5 }, 'no sequence number'],
    ['with a sequence number below 0', { ...header, seq: -1 }, 'no sequence number'],
    ['with a zip of text', { ...header, zip: 'yes' }, 'zip of the header is no boolean'],
  ])('refuses a header %s', (_, value, problem) => {
    expect(() => decodeHeader(encodeMsgpack(value))).toThrow(CallosumError);
    expect(() => decodeHeader(encodeMsgpack(value))).toThrow(problem);
  });

  it('takes missing meta for none', () => {
    const [body, meta] = [Buffer.from('b'), Buffer.from('m')];
    expect(decodeData(encodeMsgpack({ body }), false)).toEqual({ meta: new Uint8Array(0), body });
    expect(decodeData(encodeMsgpack({ meta, body: null }), false)).toEqual({ meta, body: null });
  });

  it.each<[string, MsgpackValue, string]>([
    ['that are nothing', null, 'no body'],
    ['that are a text', 'body', 'no body'],
    ['without a body', { meta: null }, 'no body'],
    ['with meta of text', { meta: 'm', body: null }, 'meta is not bytes'],
    ['with a body of text', { meta: null, body: 'b' }, 'the body is not bytes'],
  ])('refuses data %s', (_, value, problem) => {
    expect(() => decodeData(encodeMsgpack(value), false)).toThrow(MsgpackError);
    expect(() => decodeData(encodeMsgpack(value), false)).toThrow(problem);
  });

  it('refuses data that are longer than is taken, before it reads them', () => {
    expect(() => decodeData(new Uint8Array(maxDataBytes + 1), false)).toThrow('is too long');
    expect(() => decodeData(new Uint8Array(maxDataBytes), false)).not.toThrow('is too long');
  });

  it('takes nil for a call without arguments', () => {
    expect(decodeRequestBody(encodeMsgpack(null))).toEqual({ args: [], kwargs: {} });
  });

  it.each<[string, MsgpackValue, string]>([
    ['that is a text', 'args', 'no args or no kwargs'],
    ['without kwargs', { args: [] }, 'no args or no kwargs'],
    ['without args', { kwargs: {} }, 'no args or no kwargs'],
    ['with args that are no list', { args: {}, kwargs: {} }, 'args of a request is no array'],
    ['without named arguments', { args: [], kwargs: null }, 'kwargs of a request is no map of texts'],
    ['with a number as named arguments', { args: [], kwargs: 1 }, 'kwargs of a request is no map of texts'],
    ['with a number as a name', { args: [], kwargs: new Map([[1, 2]]) }, 'kwargs of a request is no map of texts'],
  ])('refuses a request %s', (_, value, problem) => {
    expect(() => decodeRequestBody(encodeMsgpack(value))).toThrow(MsgpackError);
    expect(() => decodeRequestBody(encodeMsgpack(value))).toThrow(problem);
  });

  it('refuses a request without a body', () => {
    expect(() => decodeRequestBody(null)).toThrow('the request has no body');
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
