import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { setTimeout as wait } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readyStatus } from '../../test/support/fake-runner.ts';
import { RunnerPair, until } from '../../test/support/runner-pair.ts';
import { systemClock } from '../lib/clock.ts';
import { newKernelId } from '../lib/ids.ts';
import { protocolGeneration } from '../protocol/agent-frames.ts';
import { ContainerLog } from '../runner/container-log.ts';
import { PortConnection } from '../runner/ports/connection.ts';
import { serveRunner } from '../runner/server.ts';
import { maxPortConnections, PortConnections } from './port-connections.ts';
import { defaultOptions } from './runner-options.ts';

const never = new AbortController().signal;

let folder: string;
let runner: Server;
let over: AbortController;
let ports: PortConnections;
let opened: { destroy(): unknown }[];
let listening: Server[];
/** The runner's own side of ports, as it serves them. */
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kernelet-port-'));
  opened = [];
  listening = [];
  const socketPath = join(folder, 'runner.sock');
  runner = await serveRunner({
    ...{ path: socketPath, secret: 'secret', clock: systemClock },
    log: new ContainerLog(() => true, { debug: false }),
    accept: (socket, _, protocol) => {
      new PortConnection(socket, systemClock);
      socket.send({ t: 'welcome', protocol, kernelId: newKernelId(), generation: 1, status: readyStatus, runs: [] });
    },
  });
  over = new AbortController();
  const address = { socketPath, secret: 'secret' };
  ports = new PortConnections({ ...defaultOptions, address, signal: over.signal, assertReachable: () => {} });
});
afterEach(async () => {
  for (const stream of opened) stream.destroy();
  for (const server of [runner, ...listening]) server.close();
  await rm(folder, { recursive: true });
});

/** A port on which a program of the tenant listens. */
async function program(onConnection: (socket: Socket) => void, host = '127.0.0.1'): Promise<number> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    opened.push(socket.on('error', () => {}));
    onConnection(socket);
  });
  listening.push(server);
  server.listen(0, host);
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

async function connected(port: number): Promise<Duplex> {
  const stream = await ports.connect(port, never);
  opened.push(stream);
  return stream;
}

// @promise ports-unpublished
describe('a connection to a port of a kernel', () => {
  it('carries megabytes both ways, and each direction ends for itself', async () => {
    const all = Buffer.alloc(20 * 1024 * 1024, 'kernelet');
    const echo = await connected(await program((socket) => socket.pipe(socket)));
    echo.end(all);
    expect(all.equals(await buffer(echo))).toBe(true);
    const late = await connected(await program((socket) => void text(socket).then((got) => socket.end(`got ${got}`))));
    late.end('all');
    expect(await text(late)).toBe('got all');
    const early = await connected(
      await program((socket) => {
        socket.end('bye');
        void text(socket).then((got) => early.emit('heard', got));
      }),
    );
    expect(await text(early)).toBe('bye');
    early.end('late');
    expect(await once(early, 'heard')).toEqual(['late']);
  });

  it.each(['127.0.0.1', '127.0.0.2', '::1', '0.0.0.0', '::'])('finds a program that listens at %s', async (host) => {
    const stream = await connected(await program((socket) => socket.end('here'), host));
    expect(await text(stream)).toBe('here');
  });

  it('gives its place back when it has ended, whoever ended it', async () => {
    const port = await program((socket) => socket.resume().on('end', () => socket.end()));
    const streams = await Promise.all(Array.from({ length: maxPortConnections }, () => connected(port)));
    await expect(ports.connect(port, never)).rejects.toMatchObject({ code: 'OVERLOADED' });
    const [first, second, ...rest] = streams;
    first?.destroy();
    second?.resume().end();
    await until(() => first?.closed === true && second?.closed === true);
    await connected(port);
    await connected(port);
    await expect(ports.connect(port, never)).rejects.toMatchObject({ code: 'OVERLOADED' });
    expect(rest.every(({ destroyed }) => !destroyed)).toBe(true);
  });

  it('is refused where nothing listens, and its place is free again', async () => {
    const port = await program(() => {});
    listening.pop()?.close();
    for (let tries = 0; tries <= maxPortConnections; tries += 1) {
      await expect(ports.connect(port, never)).rejects.toMatchObject({
        code: 'PORT_CLOSED',
        message: `nothing listens on port ${port} in the kernel`,
      });
    }
  });

  it('ends with the kernel, with the reason', async () => {
    const stream = await connected(await program((socket) => socket.resume()));
    over.abort(new Error('the kernel has ended'));
    expect((await once(stream, 'error'))[0]).toMatchObject({
      message: expect.stringContaining('the kernel has ended'),
    });
  });

  it('is given up with its caller', async () => {
    const port = await program(() => {});
    await expect(ports.connect(port, AbortSignal.abort(new Error('gone')))).rejects.toThrow('gone');
  });
});

// @promise ports-hostile
describe('a program of a tenant', () => {
  it('that resets breaks the connection, which does not end as if it were whole', async () => {
    const stream = await connected(await program((socket) => socket.once('data', () => socket.resetAndDestroy())));
    stream.write('x');
    expect((await once(stream, 'error'))[0]).toMatchObject({ code: 'CONNECTION_LOST' });
  });

  it('that sends without end to who does not read is made to wait', async () => {
    let written = 0;
    const stream = await connected(
      await program((socket) => {
        const more = (): void => {
          while (!socket.destroyed && socket.write(Buffer.alloc(65_536))) written += 65_536;
        };
        socket.on('drain', more);
        more();
      }),
    );
    let last = -1;
    while (last !== written) {
      last = written;
      await wait(150);
    }
    expect(written).toBeLessThan(16 * 1024 * 1024);
    expect(stream.readableLength).toBeLessThan(1024 * 1024);
    stream.resume();
    await until(() => written > last + 16 * 1024 * 1024);
  });

  it('that does not read makes who writes to it wait', async () => {
    const stream = await connected(await program((socket) => socket.pause()));
    let taken = 0;
    const write = (): void => {
      stream.write(Buffer.alloc(65_536), (error) => {
        if (error) return;
        taken += 65_536;
        write();
      });
    };
    write();
    let last = -1;
    while (last !== taken) {
      last = taken;
      await wait(150);
    }
    expect(taken).toBeLessThan(16 * 1024 * 1024);
  });
});

// @promise runner-generations
it('a runner that is older is asked for no port, and said to be older', async () => {
  await using pair = await RunnerPair.open({ listens: false });
  pair.runner.protocol = protocolGeneration - 1;
  await pair.runner.listen(pair.path);
  await expect(pair.client.connectPort(80, never)).rejects.toMatchObject({
    code: 'NOT_SUPPORTED',
    message: expect.stringContaining('has no way to ports that are not published; `kernelet restart` it'),
  });
  await expect(pair.client.request('listening-ports', null, { signal: never })).rejects.toMatchObject({
    code: 'NOT_SUPPORTED',
  });
  expect(pair.runner.headers.filter((header) => header.t === 'request' && header.method !== 'ping')).toEqual([]);
});

// @promise hostile-runner
it.each<[string, object, string]>([
  ['data before it is connected', { t: 'data' }, 'PROTOCOL_ERROR'],
  ['an end before it is connected', { t: 'end' }, 'PROTOCOL_ERROR'],
  ['a status', { t: 'status', status: readyStatus }, 'PROTOCOL_ERROR'],
])('a runner that answers with %s is not believed', async (_, frame, code) => {
  await using pair = await RunnerPair.open({ listens: true });
  pair.runner.answer = ({ method }) => {
    if (method !== 'connect') return undefined;
    for (const { socket, role } of pair.runner.connections) if (role === 'port') pair.runner.sendTo(socket, frame);
    return null;
  };
  await expect(pair.client.connectPort(80, never)).rejects.toMatchObject({ code });
});
