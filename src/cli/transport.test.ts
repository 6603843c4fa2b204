import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { StartingNote, startingText } from '../lib/starting-note.ts';
import { type ApiRequest, type ApiResponse, UnixTransport } from './transport.ts';

let folder: string;
let socket: string;
let server: Server | undefined;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kernelet-unix-'));
  socket = join(folder, 'api.sock');
});
afterEach(async () => {
  await stop();
  await rm(folder, { recursive: true, force: true });
});

async function serve(listener: RequestListener): Promise<void> {
  server = createServer(listener);
  await new Promise<void>((resolve) => server?.listen(socket, resolve));
}
async function stop(): Promise<void> {
  const stopped = new Promise((resolve) => (server ? server.close(resolve) : resolve(undefined)));
  server?.closeAllConnections();
  server = undefined;
  await stopped;
}
const textOf = async ({ body }: ApiResponse): Promise<string> => {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
};
const get: ApiRequest = { method: 'GET', path: '/' };

describe('a request through the socket', () => {
  it('carries its body, of bytes or of a source, and gives status, headers and body', async () => {
    await serve(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      response.writeHead(207, { 'x-length': request.headers['content-length'] ?? 'none' });
      response.end(Buffer.concat(chunks));
    });
    await using transport = new UnixTransport(socket);
    const bytes = await transport.send({ method: 'POST', path: '/', body: Buffer.from('größe') });
    expect([bytes.status, bytes.header('x-length'), bytes.header('absent'), await textOf(bytes)]).toEqual([
      207,
      '7',
      undefined,
      'größe',
    ]);
    const source = async function* () {
      yield Buffer.from('a');
      yield Buffer.from('b');
    };
    expect(await textOf(await transport.send({ method: 'PUT', path: '/', body: source }))).toBe('ab');
  });

  it('without a socket fails after a moment, and does not open its body', async () => {
    await using transport = new UnixTransport(socket, { startMs: 100 });
    let opened = false;
    const body = async function* () {
      opened = true;
      yield Buffer.from('x');
    };
    const before = performance.now();
    await expect(transport.send({ method: 'PUT', path: '/', body })).rejects.toMatchObject({
      code: 'DAEMON_UNREACHABLE',
      message: `no daemon answers on ${socket}`,
    });
    const took = performance.now() - before;
    expect([opened, took >= 100, took < 1_000]).toEqual([false, true, true]);
  });

  it('reaches a daemon that is just being started, unless it has no retry', async () => {
    await using transport = new UnixTransport(socket);
    await expect(transport.send({ ...get, retry: 'never' })).rejects.toMatchObject({ code: 'DAEMON_UNREACHABLE' });
    const sent = transport.send(get);
    await new Promise((resolve) => setTimeout(resolve, 150));
    await serve((_, response) => void response.end('started'));
    expect(await textOf(await sent)).toBe('started');
  });

  it('waits for a daemon that says that it is starting, and tells what it is about', async () => {
    const said = new Set<string>();
    await using transport = new UnixTransport(socket, { startMs: 0, whileStarting: (text) => said.add(text) });
    {
      await using note = new StartingNote(socket);
      note.say('installing');
      await expect.poll(() => startingText(socket)).toBe('installing');
      const sent = transport.send(get);
      await expect.poll(() => [...said]).toEqual(['installing']);
      await serve((_, response) => void response.end('started'));
      expect(await textOf(await sent)).toBe('started');
    }
    await stop();
    await expect(transport.send(get)).rejects.toMatchObject({ code: 'DAEMON_UNREACHABLE' });
  });

  it('waits for a daemon whose socket is there but does not answer yet', async () => {
    await serve((_, response) => void response.end());
    const { link } = await import('node:fs/promises');
    await link(socket, `${socket}.kept`);
    await stop();
    await link(`${socket}.kept`, socket);
    await using transport = new UnixTransport(socket, { startMs: 0 });
    await expect(transport.send({ ...get, retry: 'never' })).rejects.toMatchObject({ code: 'DAEMON_UNREACHABLE' });
    const sent = transport.send(get);
    await new Promise((resolve) => setTimeout(resolve, 50));
    await rm(socket);
    // It is not worth waiting any longer when the file has gone, unless the caller knows better.
    await expect(sent).rejects.toMatchObject({ code: 'DAEMON_UNREACHABLE' });
    const patient = transport.send({ ...get, retry: 'always' });
    await new Promise((resolve) => setTimeout(resolve, 50));
    await serve((_, response) => void response.end('back'));
    expect(await textOf(await patient)).toBe('back');
  });

  it('is sent again after a break only when it is idempotent', async () => {
    let requests = 0;
    await serve((request, response) => {
      requests += 1;
      if (requests % 2 === 1) request.socket.destroy();
      else response.end('ok');
    });
    await using transport = new UnixTransport(socket);
    await expect(transport.send(get)).rejects.toMatchObject({
      code: 'DAEMON_UNREACHABLE',
      message: `the daemon on ${socket} closed the connection`,
    });
    requests = 0;
    expect(await textOf(await transport.send({ ...get, idempotent: true }))).toBe('ok');
    expect(requests).toBe(2);
  });

  it('fails with DAEMON_UNREACHABLE when the connection breaks within the reply', async () => {
    await serve((_, response) => {
      response.write('part');
      setTimeout(() => response.destroy(), 20);
    });
    await using transport = new UnixTransport(socket);
    const response = await transport.send(get);
    await expect(textOf(response)).rejects.toMatchObject({ code: 'DAEMON_UNREACHABLE' });
  });

  it('rejects with the reason of its signal, before and during the reply', async () => {
    await serve((_, response) => void response.write('part'));
    await using transport = new UnixTransport(socket);
    const reason = new Error('enough');
    await expect(transport.send({ ...get, signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const leaving = new AbortController();
    const response = await transport.send({ ...get, signal: leaving.signal });
    const text = textOf(response);
    leaving.abort(reason);
    await expect(text).rejects.toBe(reason);
  });

  it('to a place that is no socket says so', async () => {
    await writeFile(socket, '');
    await using transport = new UnixTransport(socket);
    await expect(transport.send({ ...get, retry: 'never' })).rejects.toMatchObject({ code: 'DAEMON_UNREACHABLE' });
  });
});
