import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import http from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeClock } from '../../../test/support/fake-clock.ts';
import { openUnixAddress } from '../../lib/unix-address.ts';
import { DockerTransport, type EngineRequest } from './transport.ts';

let folder: string;
let server: http.Server;
let transport: DockerTransport;
let handle: http.RequestListener;
/** Connections that the server has seen. */
let connections: number;
let calls: string[];

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'transport-'));
  connections = 0;
  calls = [];
  handle = (_request, response) => response.end('{"ok":true}');
  server = http.createServer((request, response) => {
    calls.push(`${request.method} ${request.url}`);
    handle(request, response);
  });
  server.on('connection', () => {
    connections += 1;
  });
  const socket = path.join(folder, 'engine.sock');
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  transport = new DockerTransport(socket);
});

afterEach(async () => {
  transport[Symbol.dispose]();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await rm(folder, { recursive: true });
});

const get: EngineRequest = { method: 'GET', path: '/thing', what: 'give a thing' };
const post: EngineRequest = { method: 'POST', path: '/thing', what: 'make a thing', json: { a: 1 } };
const soon = (ms = 5_000): AbortSignal => AbortSignal.timeout(ms);

async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  return await promise.then(
    () => 'it succeeded',
    (error: unknown) => error,
  );
}

describe('DockerTransport', () => {
  it('gives up an engine that does not answer or breaks off in silence, but not a stream that has begun', async () => {
    const clock = new FakeClock();
    using hasty = new DockerTransport(transport.socketPath, { bounds: { readMs: 200, changeMs: 400 }, clock });
    const never = new AbortController();
    /** The reply to a call, once the engine has the call. */
    const reply = async (): Promise<http.ServerResponse> =>
      await new Promise((resolve) => {
        handle = (_request, response) => resolve(response);
      });
    const failing = async (
      call: () => Promise<unknown>,
      boundMs: number,
      begin = async (_: http.ServerResponse) => {},
    ) => {
      const reached = reply();
      let isOver = false;
      const failure = failureOf(call()).finally(() => {
        isOver = true;
      });
      await begin(await reached);
      await clock.advance(boundMs - 1);
      expect(isOver).toBe(false);
      await clock.advance(1);
      return await failure;
    };
    const expected = (what: string, ms: number) => ({
      code: 'DEADLINE_EXCEEDED',
      message: expect.stringContaining(`the engine, asked to ${what}, took longer than ${ms} ms`),
    });
    expect(await failing(() => hasty.json(get, never.signal), 200)).toMatchObject(expected('give a thing', 200));
    expect(await failing(() => hasty.json(post, never.signal), 400)).toMatchObject(expected('make a thing', 400));
    expect(await failing(() => hasty.stream(get, never.signal), 200)).toMatchObject(expected('give a thing', 200));
    const half = async (response: http.ServerResponse): Promise<void> => {
      await new Promise<void>((resolve) => response.write('{"half":', () => resolve()));
      await new Promise((resolve) => setTimeout(resolve, 20));
    };
    expect(await failing(() => hasty.json(get, never.signal), 200, half)).toMatchObject(expected('give a thing', 200));

    const begun = reply();
    const streaming = hasty.stream(get, never.signal);
    const answer = await begun;
    answer.flushHeaders();
    const stream = await streaming;
    await clock.advance(60_000);
    answer.end('late');
    let text = '';
    for await (const chunk of hasty.chunks(stream, get, never.signal)) text += Buffer.from(chunk).toString();
    expect(text).toBe('late');

    const asked = reply();
    const patient = hasty.json({ ...post, unbounded: true }, never.signal);
    const slow = await asked;
    await clock.advance(60_000);
    slow.end('1');
    expect(await patient).toEqual({ status: 200, value: 1 });
    expect(clock.pending).toBe(0);
  });

  it('shares a connection among repeatable calls, and gives the others their own', async () => {
    for (let index = 0; index < 5; index += 1) await transport.json(get, soon());
    expect(connections).toBe(1);
    await transport.json(post, soon());
    await transport.json(post, soon());
    expect(connections).toBe(3);
  });

  it('sends JSON with a length, and queries without what is undefined', async () => {
    let body = '';
    handle = (request, response) => {
      expect(request.headers['content-length']).toBe('7');
      request.on('data', (chunk) => {
        body += chunk;
      });
      request.on('end', () => response.end());
    };
    const query = { a: 'x y&z', b: undefined };
    expect(await transport.json({ ...post, query }, soon())).toEqual({ status: 200, value: null });
    expect(body).toBe('{"a":1}');
    expect(calls).toEqual(['POST /thing?a=x+y%26z']);
  });

  it('repeats a repeatable call once when its kept connection turns out to be dead', async () => {
    await transport.json(get, soon());
    let cut = true;
    handle = (request, response) => {
      if (cut) request.socket.destroy();
      else response.end('{"ok":2}');
      cut = false;
    };
    expect((await transport.json(get, soon())).value).toEqual({ ok: 2 });
    expect(calls).toHaveLength(3);
  });

  it('does not repeat a call on a fresh connection, nor one that must not be repeated', async () => {
    handle = (request) => request.socket.destroy();
    expect(await failureOf(transport.json(get, soon()))).toMatchObject({ code: 'ENGINE_UNAVAILABLE' });
    expect(await failureOf(transport.json(post, soon()))).toMatchObject({ code: 'ENGINE_UNAVAILABLE' });
    expect(calls).toHaveLength(2);
  });

  it('turns a status into ENGINE_FAILED with the words of the engine, unless it is accepted', async () => {
    handle = (_request, response) => {
      response.statusCode = 409;
      response.end('{"message":"Conflict. In use."}');
    };
    expect(await failureOf(transport.json(post, soon()))).toMatchObject({
      code: 'ENGINE_FAILED',
      message: 'the container engine refused to make a thing: Conflict. In use.',
      context: { status: 409 },
    });
    expect((await transport.json({ ...post, accept: [409] }, soon())).status).toBe(409);
  });

  it('reads no more of a refusal than it needs', async () => {
    handle = (_request, response) => {
      response.statusCode = 500;
      const flood = (): void => {
        while (!response.destroyed && response.write('x'.repeat(65_536)));
        response.once('drain', flood);
      };
      flood();
    };
    expect(await failureOf(transport.json(get, soon()))).toMatchObject({ code: 'ENGINE_FAILED' });
  });

  it('ends soon after the abort, before and after the head, with the reason of the signal', async () => {
    handle = () => {};
    expect(await failureOf(transport.json(get, soon(50)))).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    handle = (_request, response) => response.write('{"o');
    expect(await failureOf(transport.json(get, soon(50)))).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    const controller = new AbortController();
    const waiting = transport.json(post, controller.signal);
    controller.abort();
    expect(await failureOf(waiting)).toMatchObject({ code: 'CANCELLED' });
  });

  it('knows a reply that was cut, and one that is no JSON', async () => {
    handle = (request, response) => {
      response.setHeader('Content-Length', '100');
      response.write('{"a":', () => request.socket.destroy());
    };
    expect(await failureOf(transport.json(post, soon()))).toMatchObject({ code: 'ENGINE_UNAVAILABLE' });
    handle = (_request, response) => response.end('<html>');
    expect(await failureOf(transport.json(get, soon()))).toMatchObject({ code: 'ENGINE_FAILED' });
  });

  it('sends a stream, and fails when the stream does', async () => {
    let size = 0;
    handle = (request, response) => {
      request.on('data', (chunk: Buffer) => {
        size += chunk.length;
      });
      request.on('end', () => response.end());
    };
    const stream = new Blob(['x'.repeat(1_000_000)]).stream();
    await transport.json({ ...post, json: undefined, stream }, soon());
    expect(size).toBe(1_000_000);
    const broken = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.error(new Error('disk on fire')),
    });
    const failed = await failureOf(transport.json({ ...post, json: undefined, stream: broken }, soon()));
    expect(failed).toMatchObject({ code: 'FILE_ERROR', message: expect.stringContaining('disk on fire') });
  });

  it('takes a refusal that comes before the whole stream was sent', async () => {
    handle = (_request, response) => {
      response.statusCode = 400;
      response.end('{"message":"no"}');
    };
    let cancelled = false;
    const endless = new ReadableStream<Uint8Array>({
      pull: async (controller) => {
        await new Promise((resolve) => setTimeout(resolve, 5));
        controller.enqueue(new Uint8Array(65_536));
      },
      cancel: () => {
        cancelled = true;
      },
    });
    const failed = await failureOf(transport.json({ ...post, json: undefined, stream: endless }, soon()));
    expect(failed).toMatchObject({ code: 'ENGINE_FAILED', context: { status: 400 } });
    await expect.poll(() => cancelled).toBe(true);
  });

  it('reaches a socket whose path is longer than an address', async () => {
    const deep = path.join(folder, 'd'.repeat(100));
    await mkdir(deep);
    const socket = path.join(deep, 'engine.sock');
    const far = http.createServer((_request, response) => response.end('{"far":true}'));
    await using address = await openUnixAddress(socket);
    await new Promise<void>((resolve) => far.listen(address.address, resolve));
    using distant = new DockerTransport(socket);
    expect((await distant.json(get, soon())).value).toEqual({ far: true });
    expect((await distant.json(post, soon())).value).toEqual({ far: true });
    far.closeAllConnections();
    await new Promise((resolve) => far.close(resolve));
    using nowhere = new DockerTransport(path.join(deep, 'other.sock'));
    expect(await failureOf(nowhere.json(get, soon()))).toMatchObject({ code: 'ENGINE_UNAVAILABLE' });
  });
});
