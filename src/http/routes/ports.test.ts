import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type RequestListener,
  type RequestOptions,
  request,
} from 'node:http';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Duplex, Readable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { FakeAgent } from '../../../test/support/fake-agent.ts';
import { silentLogger } from '../../lib/log.ts';
import { createApp } from '../app.ts';
import { type ProxyPatience, usualPatience } from '../ports/port-proxy.ts';
import { type ApiServer, startApiServer } from '../server.ts';

let folder: string;
let socketPath: string;
let agent: FakeAgent;
let server: ApiServer;
let opened: (() => void)[];
beforeEach(async () => {
  opened = [];
  folder = await mkdtemp(join(tmpdir(), 'kernelet-ports-'));
  socketPath = join(folder, 'api.sock');
  agent = await FakeAgent.start();
  const request = {
    name: 'web',
    language: 'python',
    environ: {},
    mounts: [],
    publish: [8888],
    interpreter: 'lazy',
  } as const;
  await agent.create(request, new AbortController().signal);
  const portPatience = { answerMs: 300, upgradeMs: 300, answeringMs: 300, connectionMs: 300 };
  const app = createApp({ agent, version: '0', logger: silentLogger, portPatience });
  server = await startApiServer(app, socketPath, silentLogger);
});
afterEach(async () => {
  await server[Symbol.asyncDispose]();
  for (const close of opened) close();
  await agent[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

/** Has a server be on the port 80 of the kernel. */
async function plant(listening: Server): Promise<void> {
  const sockets = new Set<Socket>();
  listening.on('connection', (socket: Socket) => sockets.add(socket.on('error', () => {})));
  listening.listen(0, '127.0.0.1');
  await once(listening, 'listening');
  agent.plantedPorts.set(80, (listening.address() as AddressInfo).port);
  opened.push(() => {
    for (const socket of sockets) socket.destroy();
    listening.close();
  });
}
const serve = (listener: RequestListener): Promise<void> => plant(createHttpServer(listener));
const serveRaw = (onConnection: (socket: Socket) => void): Promise<void> =>
  plant(createServer({ allowHalfOpen: true }, onConnection));

async function ask(path: string, options: RequestOptions = {}, body?: Uint8Array | string): Promise<IncomingMessage> {
  const sent = request({ socketPath, agent: false, path: `/v1/kernels/web/ports/${path}`, ...options });
  sent.end(body);
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  return response;
}
const errorOf = async (response: IncomingMessage) => [
  response.statusCode,
  (JSON.parse(await text(response)) as { error: { code: string } }).error.code,
];

// @promise ports-unpublished
describe('the HTTP server on a port of a kernel', () => {
  it('is asked by its own path and query, as the caller wrote them', async () => {
    await serve((incoming, outgoing) => outgoing.end(`${incoming.method} ${incoming.url} ${incoming.headers.host}`));
    const asked = async (path: string, options?: RequestOptions) => await text(await ask(path, options));
    expect(await asked('80/')).toBe('GET / localhost:80');
    expect(await asked('80/a%2Fb//c;d?e=%20&f', { method: 'DELETE' })).toBe('DELETE /a%2Fb//c;d?e=%20&f localhost:80');
    const redirect = await ask('80?x=1');
    expect([redirect.statusCode, redirect.headers.location]).toEqual([308, '/v1/kernels/web/ports/80/?x=1']);
  });

  it('gets a body with its length or in chunks, and none where there is none', async () => {
    await serve(async (incoming, outgoing) => {
      const { 'content-length': length, 'transfer-encoding': coding } = incoming.headers;
      outgoing.end(`${length} ${coding} ${await text(incoming)}`);
    });
    const posted = async (headers: RequestOptions['headers'], body?: string) =>
      await text(await ask('80/', { method: 'POST', headers }, body));
    expect(await posted({ 'content-length': 3 }, 'abc')).toBe('3 undefined abc');
    expect(await posted({ 'transfer-encoding': 'chunked' }, 'abc')).toBe('undefined chunked abc');
    expect(await posted({ 'content-length': 0 })).toBe('0 undefined ');
  });

  it('streams both ways, and waits for who does not read', async () => {
    const sent = Buffer.alloc(8 * 1024 * 1024, 'kernelet');
    await serve((incoming, outgoing) => incoming.pipe(outgoing));
    const echoed = await ask('80/', { method: 'PUT' }, sent);
    expect(sent.equals(await buffer(echoed))).toBe(true);
    let written = 0;
    const pieces = function* () {
      for (; ; written += 65_536) yield Buffer.alloc(65_536);
    };
    const over = Promise.withResolvers<void>();
    await serve((_, outgoing) => {
      Readable.from(pieces()).pipe(outgoing.on('close', over.resolve));
    });
    const unread = await ask('80/');
    unread.pause();
    // Nothing has gone either way for too long.
    await over.promise;
    expect(written).toBeLessThan(16 * 1024 * 1024);
    unread.destroy();
  });

  it('tells events as they come', async () => {
    await serve((_, outgoing) => {
      outgoing.writeHead(200, { 'content-type': 'text/event-stream' });
      outgoing.write('data: 1\n\n');
    });
    const stream = await ask('80/');
    const [first] = (await once(stream, 'data')) as [Buffer];
    expect(first.toString()).toBe('data: 1\n\n');
    stream.destroy();
  });

  it('is told when the caller goes', async () => {
    const gone = Promise.withResolvers<void>();
    await serve((incoming) => incoming.on('close', () => gone.resolve()));
    const sent = request({ socketPath, agent: false, path: '/v1/kernels/web/ports/80/' });
    sent.on('error', () => {});
    sent.end();
    await new Promise((resolve) => setTimeout(resolve, 50));
    sent.destroy();
    await gone.promise;
  });

  it('speaks with WebSockets', async () => {
    const http = createHttpServer();
    new WebSocketServer({ server: http }).on('connection', (socket, incoming) => {
      socket.send(`${incoming.url} ${incoming.headers.origin}`);
      socket.on('message', (data) => socket.send(data));
    });
    await plant(http);
    const open = (options: object) => new WebSocket(`ws+unix://${socketPath}:/v1/kernels/web/ports/80/live?x`, options);
    const client = open({});
    const next = async () => String((await once(client, 'message'))[0]);
    expect(await next()).toBe('/live?x undefined');
    client.send('x'.repeat(300_000));
    expect(await next()).toHaveLength(300_000);
    client.close(1000);
    await once(client, 'close');
    const foreign = open({ origin: 'http://evil.example' });
    expect((await once(foreign, 'error'))[0]).toMatchObject({ message: expect.stringContaining('403') });
    const own = open({ origin: 'http://localhost' });
    expect(String((await once(own, 'message'))[0])).toBe('/live?x http://localhost:80');
    own.terminate();
  });

  it('may refuse another protocol, and is not asked for HTTP/2', async () => {
    await serve((incoming, outgoing) => outgoing.writeHead(426).end(String(incoming.headers.upgrade)));
    const upgrade = (protocol: string) => ask('80/', { headers: { connection: 'Upgrade', upgrade: protocol } });
    const refused = await upgrade('websocket');
    expect([refused.statusCode, await text(refused)]).toEqual([426, 'websocket']);
    expect(await text(await upgrade('h2c'))).toBe('undefined');
  });

  it('may answer at length instead of another protocol', async () => {
    const size = 20_000_000;
    await serve((_, outgoing) => outgoing.end(Buffer.alloc(size)));
    const answer = await ask('80/', { headers: { connection: 'Upgrade', upgrade: 'websocket' } });
    expect((await buffer(answer)).length).toBe(size);
  });
});

describe('a handshake for another protocol that no server answers', () => {
  const handshake =
    'GET /v1/kernels/web/ports/80/ HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n';
  /** An API that waits so long, and a kernel whose server says when its connection has ended. */
  async function abandoned(patience: Partial<ProxyPatience>): Promise<{ caller: Socket; freed: Promise<void> }> {
    const freed = Promise.withResolvers<void>();
    const asked = Promise.withResolvers<void>();
    await serveRaw((socket) => {
      socket.once('data', () => asked.resolve());
      socket.on('close', () => freed.resolve()).on('end', () => socket.end());
    });
    const portPatience = { ...usualPatience, ...patience };
    const path = join(folder, 'patient.sock');
    const app = createApp({ agent, version: '0', logger: silentLogger, portPatience });
    const patient = await startApiServer(app, path, silentLogger);
    opened.push(() => void patient[Symbol.asyncDispose]());
    const caller = connect({ path, allowHalfOpen: true });
    caller.write(handshake);
    await asked.promise;
    return { caller, freed: freed.promise };
  }

  it('ends when its caller ends', async () => {
    const { caller, freed } = await abandoned({});
    caller.end();
    await freed;
    expect(await text(caller)).toContain('CANCELLED');
  });

  it('is waited for less long than another answer', async () => {
    const { caller, freed } = await abandoned({ upgradeMs: 50 });
    expect(await text(caller)).toContain('504');
    await freed;
    caller.destroy();
  });
});

/** A connection to the port 80 of the kernel, as bytes. */
async function dial(path = '/v1/kernels/web/ports/80'): Promise<Duplex> {
  const sent = request({
    ...{ path, headers: { connection: 'Upgrade', upgrade: 'tcp' } },
    createConnection: () => connect({ path: socketPath, allowHalfOpen: true }),
  });
  sent.end();
  const [, socket, head] = (await once(sent, 'upgrade')) as [IncomingMessage, Duplex, Buffer];
  socket.unshift(head);
  return socket;
}

// @promise ports-unpublished
describe('a connection as bytes', () => {
  it('carries any protocol, and each direction ends for itself', async () => {
    await serveRaw((socket) => void buffer(socket).then((all) => socket.end(`got ${all.length}`)));
    const socket = await dial();
    socket.end(Buffer.alloc(3_000_000));
    expect(await text(socket)).toBe('got 3000000');
  });

  it('ends with that of the kernel, and when nothing comes for too long', async () => {
    await serveRaw((socket) => socket.once('data', () => socket.resetAndDestroy()));
    const reset = await dial();
    reset.on('error', () => {});
    reset.resume();
    reset.write('x');
    reset.once('end', () => reset.end());
    await once(reset, 'close');
    await serveRaw(() => {});
    const idle = await dial();
    idle.resume();
    await once(idle, 'end');
  });

  it('ends when the server stops', async () => {
    await serveRaw((socket) => socket.resume());
    const socket = await dial();
    socket.resume();
    const ended = once(socket, 'end');
    await server[Symbol.asyncDispose]();
    await ended;
  });
});

// @promise ports-hostile
describe('a tenant’s server', () => {
  it.each<[string, (socket: Socket) => void, number, string]>([
    ['that never answers', (socket) => socket.resume(), 504, 'DEADLINE_EXCEEDED'],
    ['that answers with garbage', (socket) => socket.end('SSH-2.0-hello\r\n'), 502, 'PORT_FAILED'],
    ['that closes', (socket) => socket.end(), 502, 'PORT_FAILED'],
    ['that resets', (socket) => socket.resetAndDestroy(), 502, 'PORT_FAILED'],
    [
      'whose head has no end',
      (socket) => socket.write(`HTTP/1.1 200 OK\r\nX: ${'a'.repeat(100_000)}`),
      502,
      'PORT_FAILED',
    ],
    [
      'that switches unasked',
      (socket) => socket.write('HTTP/1.1 101 Go\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n'),
      502,
      'PORT_FAILED',
    ],
    [
      'that says two lengths',
      (socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxy'),
      502,
      'PORT_FAILED',
    ],
  ])('%s is an error of its port', async (_, onConnection, status, code) => {
    await serveRaw((socket) => socket.once('data', () => onConnection(socket)));
    expect(await errorOf(await ask('80/'))).toEqual([status, code]);
    const connection = { connection: 'Upgrade', upgrade: 'websocket' };
    if (!code.startsWith('PORT') || !String(onConnection).includes('101')) {
      expect(await errorOf(await ask('80/', { headers: connection }))).toEqual([status, code]);
    }
  });

  it('that stops in the middle breaks its answer, which never looks whole', async () => {
    const ends: ((socket: Socket) => void)[] = [(socket) => socket.destroy(), () => {}];
    for (const end of ends) {
      await serveRaw((socket) =>
        socket.once('data', () => {
          socket.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf');
          setTimeout(() => end(socket), 20);
        }),
      );
      const answer = await ask('80/');
      await expect(text(answer)).rejects.toThrow('aborted');
    }
  });

  it('gets no second answer in on the caller’s connection', async () => {
    await serveRaw((socket) =>
      socket.once('data', () =>
        socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n\r\nsmuggled'),
      ),
    );
    expect(await text(await ask('80/'))).toBe('ok');
  });
});

it('nothing of the API is meant by what is no port of a kernel', async () => {
  for (const path of ['0/', '65536/', '80x/', '99999999/']) {
    const answer = await ask(path);
    expect([path, answer.statusCode]).toEqual([path, 404]);
  }
  expect(await errorOf(await ask('81/'))).toEqual([502, 'PORT_CLOSED']);
  for (const path of ['80/../../../../status', '../../nobody/ports/80/', '80/%2e%2E/81/'])
    expect(await errorOf(await ask(path))).toEqual([400, 'INVALID_ARGUMENT']);
  const missing = request({ socketPath, agent: false, path: '/v1/kernels/nobody/ports/80/' });
  missing.end();
  expect(await errorOf((await once(missing, 'response'))[0] as IncomingMessage)).toEqual([404, 'KERNEL_NOT_FOUND']);
});

it('the ports of a kernel are those that are published and those on which something listens', async () => {
  agent.plantedPorts.set(80, 1);
  const answer = await ask('', { path: '/v1/kernels/web/ports' });
  expect(JSON.parse(await text(answer))).toEqual({
    published: [{ containerPort: 8888, hostPort: expect.any(Number) }],
    ports: [{ port: 80, addresses: ['127.0.0.1'] }],
    more: false,
  });
});
