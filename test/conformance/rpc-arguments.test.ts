import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { methods as served } from '../../src/backendai/rpc/methods/index.ts';
import { RpcFailure } from '../../src/backendai/rpc/rpc-failure.ts';
import { bindArguments } from '../../src/backendai/rpc/rpc-method.ts';
import { type CallArguments, decodeRequestBody } from '../../src/backendai/wire/callosum.ts';
import type { MsgpackValue } from '../../src/backendai/wire/msgpack/value.ts';
import { type ReadMessage, readFrames, readMessage } from './kinds/frames.ts';
import { fromBase64 } from './notation/base64.ts';
import { itemsOf, type JsonObject } from './vector-kind.ts';

const signatures = served.map(({ signature }) => signature);

const vectors = path.resolve(import.meta.dirname, '..', 'vectors');
const read = (file: string): unknown => JSON.parse(readFileSync(path.join(vectors, file), 'utf8'));
const unrecorded = ['purge_containers', 'drop_kernel_registry'];
const others: readonly MsgpackValue[] = [true, 5, 'text', [1], { x: 1 }, Buffer.from('x')];

interface Recorded {
  readonly method: string;
  readonly given: CallArguments;
}

function recorded({ header, data }: ReadMessage): Recorded {
  return { method: header?.method ?? '', given: decodeRequestBody(data?.body ?? null) };
}

const captured = readdirSync(path.join(vectors, 'captured')).filter((file) => /^rpc-(?!handshake|cancel)/.test(file));
const requests: readonly Recorded[] = [
  ...['rpc/methods.json', 'rpc/v26.json']
    .flatMap((file) => itemsOf(read(file), 'calls') ?? [])
    .map(({ request }) => recorded(readMessage((request as JsonObject)['frames_hex']))),
  ...captured
    .flatMap((file) => read(`captured/${file}`) as readonly JsonObject[])
    .filter(({ reply }) => ((reply as JsonObject)['header'] as JsonObject)['type'] === 2)
    .map((exchange) => recorded(readMessage(exchange['request_frames_hex']))),
  ...readdirSync(path.join(vectors, 'manager-traffic'))
    .filter((file) => file.endsWith('.json'))
    .flatMap((file) => itemsOf(read(`manager-traffic/${file}`), 'calls') ?? [])
    .map((call) => recorded(readFrames((call['request_frames_b64'] as readonly unknown[]).map(fromBase64)))),
];

function problem(method: string, given: CallArguments): string | null {
  const signature = signatures.find(({ name }) => name === method);
  if (!signature) return 'no such method';
  try {
    bindArguments(signature, given);
    return null;
  } catch (error) {
    if (error instanceof RpcFailure) return error.className;
    throw error;
  }
}

const kindOf = (value: MsgpackValue): string =>
  value === null ? 'null' : Array.isArray(value) ? 'array' : value instanceof Uint8Array ? 'bytes' : typeof value;
const requiredBy = (method: string): number => {
  const shape = signatures.find(({ name }) => name === method)?.args.shape ?? {};
  return Object.values(shape).filter(
    (field) => !(field as unknown as { safeParse(value: unknown): { success: boolean } }).safeParse(undefined).success,
  ).length;
};

describe('recorded requests', () => {
  it('are taken as they are', () => {
    expect(requests.length).toBeGreaterThan(280);
    expect(requests.filter(({ method, given }) => problem(method, given) !== null)).toEqual([]);
  });

  it('are refused with one argument missing', () => {
    const short = requests.filter(
      ({ method, given }) => given.args.length > 0 && given.args.length <= requiredBy(method),
    );
    expect(short.length).toBeGreaterThan(220);
    const taken = short.filter(
      ({ method, given }) => problem(method, { ...given, args: given.args.slice(0, -1) }) !== 'TypeError',
    );
    expect(taken).toEqual([]);
  });

  it('are refused with arguments added', () => {
    const more = (given: CallArguments): CallArguments => ({ ...given, args: [...given.args, ...others] });
    const named = (given: CallArguments): CallArguments => ({ ...given, kwargs: { ...given.kwargs, added: 1 } });
    for (const add of [more, named]) {
      expect(requests.filter(({ method, given }) => problem(method, add(given)) !== 'TypeError')).toEqual([]);
    }
  });

  it('are refused with an argument of another type', () => {
    let tried = 0;
    for (const { method, given } of requests) {
      // `ping` gives back whatever it gets.
      if (method === 'ping') continue;
      for (const [index, value] of given.args.entries()) {
        for (const other of others) {
          if (value === null || kindOf(other) === kindOf(value)) continue;
          tried += 1;
          const found = problem(method, { ...given, args: given.args.with(index, other) });
          expect(`${method} ${index} ${kindOf(other)}: ${found}`).toMatch(/: (TypeError|ValueError)$/);
        }
      }
    }
    expect(tried).toBeGreaterThan(1000);
  });

  it('are refused with an argument by name missing or of another type', () => {
    let tried = 0;
    for (const { method, given } of requests) {
      if (method === 'ping') continue;
      for (const [name, value] of Object.entries(given.kwargs)) {
        // It is no argument of the method: the server compares it with its own.
        if (name === 'agent_id') continue;
        const { [name]: _, ...without } = given.kwargs;
        if (name === 'req') expect(problem(method, { ...given, kwargs: without })).toBe('ValueError');
        for (const other of others) {
          if (value === null || kindOf(other) === kindOf(value)) continue;
          tried += 1;
          const found = problem(method, { ...given, kwargs: { ...given.kwargs, [name]: other } });
          expect(`${method} ${name} ${kindOf(other)}: ${found}`).toMatch(/: (TypeError|ValueError)$/);
        }
      }
    }
    expect(tried).toBeGreaterThan(50);
  });

  it('of every method are among them, but for two that came and went between the releases', () => {
    const methods = new Set(requests.map(({ method }) => method));
    expect(signatures.map(({ name }) => name).filter((name) => !methods.has(name))).toEqual(unrecorded);
    for (const method of unrecorded) {
      for (const args of [[], [5], ['text'], [[5]], [[['x', 'no id']]], [['no id']], [[], []]]) {
        expect(problem(method, { args, kwargs: {} })).toMatch(/^(TypeError|ValueError)$/);
      }
      expect(problem(method, { args: [[]], kwargs: {} })).toBeNull();
    }
  });
});
