import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { Agent, type IncomingMessage, request } from 'node:http';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { collectGarbage } from '../../test/support/collect-garbage.ts';
import { FakeAgent, type PlantedEvent } from '../../test/support/fake-agent.ts';
import { KerneletError } from '../lib/errors.ts';
import { silentLogger } from '../lib/log.ts';
import { openUnixAddress } from '../lib/unix-address.ts';
import { createApp } from './app.ts';
import { startApiServer } from './server.ts';

let folder: string;
let agent: FakeAgent;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kernelet-api-'));
  agent = await FakeAgent.start();
});
afterEach(async () => {
  await agent[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const start = (path: string, descriptors?: { readonly hasRoom: boolean }) =>
  startApiServer(createApp({ agent, version: '0', logger: silentLogger }), path, silentLogger, descriptors);
const ask = async (
  path: string,
  url: string,
  method = 'GET',
  body?: string,
  more: Record<string, string> = {},
): Promise<IncomingMessage> => {
  await using address = await openUnixAddress(path);
  return await new Promise((resolve, reject) => {
    const headers = body === undefined ? more : { 'content-type': 'application/json', ...more };
    const sent = request({ socketPath: address.address, path: url, method, headers, agent: false }, resolve);
    sent.on('error', reject);
    sent.end(body);
  });
};
/** How many sockets listen that were bound below a folder. */
const listeningBelow = async (bound: string): Promise<number> => {
  const sockets = (await readFile('/proc/net/unix', 'utf8')).split('\n').map((line) => line.split(/\s+/));
  return sockets.filter(([, , , flags, , , , path]) => flags === '00010000' && path?.startsWith(bound)).length;
};
const textOf = async (response: IncomingMessage): Promise<string> => {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
};

describe('the socket', () => {
  // @promise closed-files
  it('is for its owner alone, in a folder for its owner alone, and goes away with the server', async () => {
    const path = join(folder, 'run', 'api.sock');
    {
      await using server = await start(path);
      expect(server.socketPath).toBe(path);
      expect((await stat(path)).mode & 0o777).toBe(0o600);
      expect((await stat(join(folder, 'run'))).mode & 0o777).toBe(0o700);
      expect((await ask(path, '/v1/status')).statusCode).toBe(200);
      expect(await readdir(join(folder, 'run'))).toEqual(['api.sock']);
    }
    expect(await readdir(join(folder, 'run'))).toEqual([]);
  });

  it('takes no connection that would need one of the last descriptors, and those after it', async () => {
    const path = join(folder, 'api.sock');
    const descriptors = { hasRoom: false };
    await using _ = await start(path, descriptors);
    await expect(ask(path, '/v1/status')).rejects.toThrow(/hang up|ECONNRESET|EPIPE/);
    descriptors.hasRoom = true;
    expect((await ask(path, '/v1/status')).statusCode).toBe(200);
  });

  it('may have a longer path than an address takes', async () => {
    const path = join(folder, 'a'.repeat(100), 'b'.repeat(60), 'api.sock');
    await using _ = await start(path);
    expect((await ask(path, '/v1/status')).statusCode).toBe(200);
  });

  it('replaces one that nobody listens on', async () => {
    const path = join(folder, 'api.sock');
    const dead = createServer();
    await new Promise<void>((resolve) => dead.listen(join(folder, 'other'), resolve));
    const { link } = await import('node:fs/promises');
    await link(join(folder, 'other'), path);
    await new Promise((resolve) => dead.close(resolve));
    await using _ = await start(path);
    expect((await ask(path, '/v1/status')).statusCode).toBe(200);
  });

  it('is not taken from a daemon that answers, and not removed by the one that was refused', async () => {
    const path = join(folder, 'api.sock');
    await using _ = await start(path);
    await expect(start(path)).rejects.toMatchObject({ code: 'STATE_LOCKED' });
    expect((await ask(path, '/v1/status')).statusCode).toBe(200);
  });

  it('is there again soon when somebody removes it or its folder, for its owner alone, and goes on as before', async () => {
    const path = join(folder, 'run', 'api.sock');
    const server = await start(path);
    const follow = await ask(path, '/v1/events?follow=true');
    for (const gone of [path, join(folder, 'run'), path]) {
      await rm(gone, { recursive: true });
      const status = () => ask(path, '/v1/status').catch(() => null);
      await expect.poll(async () => (await status())?.statusCode, { timeout: 5_000 }).toBe(200);
      expect((await stat(path)).mode & 0o777).toBe(0o600);
      // The server and its present file: no more, however often that happens.
      expect(await listeningBelow(folder)).toBe(2);
    }
    expect(follow.complete).toBe(false);
    const ended = textOf(follow);
    // What came by the new file ends like what came by the first.
    const later = await ask(path, '/v1/events?follow=true');
    const laterEnded = textOf(later);
    await server[Symbol.asyncDispose]();
    await Promise.all([ended, laterEnded]);
    expect(await readdir(join(folder, 'run'))).toEqual([]);
  });

  it('leaves nothing that listens when its file cannot be put in its place', async () => {
    // A name that only a folder can have.
    await expect(start(join(folder, 'api.sock/'))).rejects.toMatchObject({ code: 'STATE_UNUSABLE' });
    expect(await listeningBelow(folder)).toBe(0);
    expect(await readdir(folder)).toEqual([]);
  });

  it('is left to whoever has put another in its place', async () => {
    const path = join(folder, 'api.sock');
    const first = await start(path);
    await rm(path);
    await using _second = await start(path);
    await sleep(1_500);
    await first[Symbol.asyncDispose]();
    expect((await ask(path, '/v1/status')).statusCode).toBe(200);
  });

  it('does not replace what is not a socket', async () => {
    const path = join(folder, 'api.sock');
    await writeFile(path, 'precious');
    await expect(start(path)).rejects.toMatchObject({ code: 'STATE_UNUSABLE' });
    await mkdir(join(folder, 'file'), { recursive: true });
    await writeFile(join(folder, 'plain'), '');
    await expect(start(join(folder, 'plain', 'api.sock'))).rejects.toMatchObject({ code: 'STATE_UNUSABLE' });
    expect((await stat(path)).size).toBe(8);
  });
});

describe('requests over the socket', () => {
  const create = async (path: string): Promise<string> => {
    const response = await ask(path, '/v1/kernels', 'POST', '{"language":"python"}');
    return (JSON.parse(await textOf(response)) as { id: string }).id;
  };
  const execute = (path: string, id: string) =>
    ask(path, `/v1/kernels/${id}/runs`, 'POST', '{"run":"r","request":{"mode":"query","code":"1"}}');

  it('are refused in the form of every error when they are malformed', async () => {
    const path = join(folder, 'api.sock');
    await using _ = await start(path);
    const response = await ask(path, '/v1/kernels', 'POST', '{');
    expect([response.statusCode, JSON.parse(await textOf(response))]).toMatchObject([
      400,
      { error: { code: 'INVALID_ARGUMENT' } },
    ]);
    await expect(ask(path, `/v1/${'x'.repeat(40_000)}`).then(({ statusCode }) => statusCode)).resolves.toBe(431);
  });

  it('stream to the end with every byte, slow readers hold the source back', async () => {
    const path = join(folder, 'api.sock');
    await using _ = await start(path);
    const id = await create(path);
    const piece = Buffer.alloc(64 * 1024, 7);
    agent.script = () => Array.from({ length: 400 }, (): PlantedEvent => [{ kind: 'stdout' }, piece]);
    await execute(path, id);
    const response = await ask(path, `/v1/kernels/${id}/runs/r/events`);
    response.pause();
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(agent.consumed.get('r') ?? 0).toBeLessThan(50);
    const text = await textOf(response);
    expect(text.match(/^id: \d+$/gm)).toHaveLength(400);
    expect(text.length).toBeGreaterThan(400 * 64 * 1024 * 1.3);
  });

  it('signal the source when the client has left', async () => {
    const path = join(folder, 'api.sock');
    await using _ = await start(path);
    const id = await create(path);
    const { promise, resolve } = Promise.withResolvers<void>();
    agent.script = async function* (_run, signal) {
      yield [{ kind: 'started' }];
      await new Promise<void>((aborted) => signal.addEventListener('abort', () => aborted()));
      resolve();
    };
    await execute(path, id);
    (await ask(path, `/v1/kernels/${id}/runs/r/events`)).destroy();
    await promise;
  });

  // @promise api-document
  it('go on behind the last event after a broken connection: each event once', async () => {
    const path = join(folder, 'api.sock');
    await using _ = await start(path);
    const id = await create(path);
    const gate = Promise.withResolvers<void>();
    agent.script = async function* () {
      for (let n = 1; n <= 6; n += 1) {
        if (n === 4) await gate.promise;
        yield [{ kind: 'stdout' }, `${n}`];
      }
    };
    await execute(path, id);
    const broken = await ask(path, `/v1/kernels/${id}/runs/r/events`);
    let seen = '';
    for await (const chunk of broken) {
      seen += String(chunk);
      if (seen.includes('id: 3\n')) break;
    }
    broken.destroy();
    gate.resolve();
    const last =
      seen
        .match(/^id: \d+$/gm)
        ?.at(-1)
        ?.slice(4) ?? '';
    const resumed = await ask(path, `/v1/kernels/${id}/runs/r/events`, 'GET', undefined, { 'last-event-id': last });
    expect((await textOf(resumed)).match(/^id: \d+$/gm)).toEqual(['id: 4', 'id: 5', 'id: 6']);
    const odd = await ask(path, `/v1/kernels/${id}/runs/r/events`, 'GET', undefined, { 'last-event-id': 'x' });
    expect(odd.statusCode).toBe(400);
  });

  it.each([
    ['of a JSON body that is too large', 'POST', '/v1/kernels', 'content-type: application/json\r\n', 413],
    ['of one over a connection that is to close', 'POST', '/v1/kernels', 'connection: close\r\n', 413],
    ['of an upload', 'PUT', '/v1/kernels/%/files?path=../x', '', 403],
    ['of an upload for which there is no more space', 'PUT', '/v1/kernels/%/files?path=full', '', 422],
    ['of standard input that nobody reads any more', 'POST', '/v1/kernels/%/runs/r/stdin', '', 200],
    ['of an address that is none', 'PUT', '/nowhere', '', 404],
  ])('get the refusal %s however slowly they send on', async (_, method, target, header, status) => {
    const path = join(folder, 'api.sock');
    await using _server = await start(path);
    const id = await create(path);
    await execute(path, id);
    agent.stdin = async () => ({ open: false });
    const url = target.replace('%', id);
    const upload = agent.upload.bind(agent);
    agent.upload = async (kernel, name, content, options) => {
      if (name !== 'full') return upload(kernel, name, content, options);
      for await (const _chunk of content) throw new KerneletError('FILE_ERROR', 'no space left');
      return { bytes: 0 };
    };
    const socket = connect(path);
    const ended = Promise.withResolvers<string>();
    let reply = '';
    socket.on('data', (chunk) => {
      reply += chunk.toString();
    });
    socket.on('error', ended.reject).on('close', () => ended.resolve(reply));
    // It looks at the reply only when it has sent everything, as a busy client does.
    socket.pause();
    const piece = 'x'.repeat(700_000);
    socket.write(`${method} ${url} HTTP/1.1\r\nhost: x\r\n${header}content-length: ${piece.length * 10}\r\n\r\n`);
    for (let sent = 0; sent < 10; sent += 1) {
      socket.write(piece);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    socket.resume();
    socket.end();
    expect(await ended.promise).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
  });

  it.each([
    ['more', 4, 'abcdHTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nforged', 'abcd'],
    ['more than nothing', 0, 'HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nforged', ''],
    ['less', 4, 'ab', 'ab'],
    ['nothing', 4, '', ''],
  ])(
    'get no reply behind a body that has %s than was announced: the connection ends',
    async (_, size, content, body) => {
      const path = join(folder, 'api.sock');
      await using _server = await start(path);
      const id = await create(path);
      agent.lies.set('f', { size, content: () => new Blob([content]).stream() });
      await using address = await openUnixAddress(path);
      const socket = connect(address.address);
      const { promise: closed, resolve } = Promise.withResolvers<void>();
      let text = '';
      socket.on('data', (chunk: Buffer) => {
        text += chunk.toString();
      });
      socket.on('error', () => {}).on('close', () => resolve());
      // As a client that keeps its connections: the next request goes out on the same one.
      for (const url of [`/v1/kernels/${id}/files/content?path=f`, '/v1/status']) {
        socket.write(`GET ${url} HTTP/1.1\r\nhost: x\r\n\r\n`);
      }
      await closed;
      const [head, ...rest] = text.split('\r\n\r\n');
      expect(head).toMatch(new RegExp(`^HTTP/1.1 200 OK\r\n(.*\r\n)*content-length: ${size}\r\n`));
      expect(rest.join('\r\n\r\n')).toBe(body);
    },
  );

  it('remove an attached kernel when its client is gone, also after a garbage collection', async () => {
    const path = join(folder, 'api.sock');
    await using _ = await start(path);
    const headers = { accept: 'text/event-stream' };
    const stream = await ask(path, '/v1/kernels?attached=true', 'POST', '{"language":"python"}', headers);
    await new Promise((resolve) => stream.once('data', resolve));
    expect(agent.kernels.size).toBe(1);
    await new Promise((resolve) => setTimeout(resolve, 10));
    collectGarbage();
    stream.destroy();
    await expect.poll(() => agent.kernels.size).toBe(0);
  });

  it('end their streams by saying so when the server stops, and attached kernels stay', async () => {
    const path = join(folder, 'api.sock');
    const server = await start(path);
    const id = await create(path);
    agent.script = async function* (_run, signal) {
      yield [{ kind: 'started' }];
      await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    };
    await execute(path, id);
    const events = await ask(path, `/v1/kernels/${id}/runs/r/events`);
    const text = textOf(events);
    await new Promise((resolve) => setTimeout(resolve, 50));
    await server[Symbol.asyncDispose]();
    const [started, ...rest] = (await text).trimEnd().split('\n\n');
    expect(started).toMatch(/^id: 1\ndata: [^\n]*started[^\n]*$/);
    expect(rest).toEqual([expect.stringMatching(/^event: error\ndata: {"code":"SHUTTING_DOWN"/)]);
    expect(agent.calls).toEqual([]);
  });

  it('do not hold up a server that stops: what was kept alive is closed at once', async () => {
    const path = join(folder, 'api.sock');
    const server = await start(path);
    const id = await create(path);
    agent.script = async function* (_run, signal) {
      yield [{ kind: 'started' }];
      await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    };
    await execute(path, id);
    await using address = await openUnixAddress(path);
    const keeping = new Agent({ keepAlive: true });
    const { promise: ended, resolve } = Promise.withResolvers<void>();
    const options = { socketPath: address.address, path: `/v1/kernels/${id}/runs/r/events`, agent: keeping };
    request(options, (response) => void response.resume().once('end', resolve)).end();
    await new Promise((tick) => setTimeout(tick, 50));
    const before = performance.now();
    await server[Symbol.asyncDispose]();
    expect(performance.now() - before).toBeLessThan(1_000);
    await ended;
    keeping.destroy();
  });
});
