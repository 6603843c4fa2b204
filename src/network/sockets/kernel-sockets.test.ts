import { lstat, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeClock } from '../../../test/support/fake-clock.ts';
import { connectTo, received } from '../../../test/support/unix-client.ts';
import { newKernelId } from '../../lib/ids.ts';
import { type Logger, silentLogger } from '../../lib/log.ts';
import { KernelSockets } from './kernel-sockets.ts';
import { proxyTo } from './socket-proxy.ts';

let folder: string;
let sockets: KernelSockets;
let hasRoom = true;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kernelet-sockets-'));
  hasRoom = true;
  sockets = new KernelSockets(() => hasRoom);
});
afterEach(async () => {
  await sockets[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

const greeter = { name: 'a.sock', serve: (connection: Socket) => connection.write('hello') };

describe('sockets of a kernel', () => {
  it('are for everybody in the folder, however long its path is, and gone with the kernel', async () => {
    const deep = join(folder, 'x'.repeat(120));
    await mkdir(deep);
    const kernel = newKernelId();
    await sockets.open(kernel, deep, [greeter]);
    expect((await lstat(join(deep, 'a.sock'))).mode & 0o777).toBe(0o666);
    const client = await connectTo(join(deep, 'a.sock'));
    expect(await received(client, 5)).toBe('hello');
    await sockets.close(kernel);
    expect(await received(client)).toBe('');
    await expect(lstat(join(deep, 'a.sock'))).rejects.toThrow('ENOENT');
    await sockets.close(kernel);
  });

  it('are opened where an earlier process has left its own, and anew', async () => {
    const kernel = newKernelId();
    await writeFile(join(folder, 'a.sock'), 'left');
    await sockets.open(kernel, folder, [greeter]);
    await sockets.open(kernel, folder, [greeter]);
    expect(await received(await connectTo(join(folder, 'a.sock')), 5)).toBe('hello');
  });

  // @promise kernel-sockets
  it('take a few connections of each kernel, and leave the others theirs', async () => {
    const [greedy, other] = [newKernelId(), newKernelId()];
    await mkdir(join(folder, 'other'));
    await sockets.open(greedy, folder, [greeter]);
    await sockets.open(other, join(folder, 'other'), [greeter]);
    const clients = [];
    for (let count = 0; count < 16; count += 1) {
      const client = await connectTo(join(folder, 'a.sock'));
      expect(await received(client, 5)).toBe('hello');
      clients.push(client);
    }
    expect(await received(await connectTo(join(folder, 'a.sock')))).toBe('');
    expect(await received(await connectTo(join(folder, 'other', 'a.sock')), 5)).toBe('hello');
    hasRoom = false;
    expect(await received(await connectTo(join(folder, 'other', 'a.sock')))).toBe('');
    for (const client of clients) client.destroy();
  });

  it('take no more connections of all kernels together than their bound', async () => {
    let served = 0;
    const counter = {
      name: 'a.sock',
      serve: (): void => {
        served += 1;
      },
    };
    const clients: Socket[] = [];
    for (let kernel = 0; kernel < 66; kernel += 1) {
      const own = join(folder, String(kernel));
      await mkdir(own);
      await sockets.open(newKernelId(), own, [counter]);
      for (let count = 0; count < 16; count += 1) clients.push(await connectTo(join(own, 'a.sock')));
    }
    expect(await received(clients.at(-1) as Socket)).toBe('');
    expect(served).toBe(1024);
    for (const client of clients) client.destroy();
  });

  // @promise kernel-sockets
  it('have nobody listening for a second when a kernel connects without end, and then again', async () => {
    const clock = new FakeClock();
    let onTimer = (): void => {};
    const after: FakeClock['after'] = (delayMs, callback) =>
      clock.after(delayMs, () => {
        callback();
        onTimer();
      });
    const monotonic = (): number => clock.monotonic();
    await using resting = new KernelSockets(() => true, { now: () => clock.now(), monotonic, after });
    await resting.open(newKernelId(), folder, [greeter]);
    const path = join(folder, 'a.sock');
    let connected = 0;
    const refusal = async (): Promise<unknown> => {
      for (; connected < 2_100; connected += 1) {
        const client = await connectTo(path).catch((error: unknown) => error);
        if (!(client instanceof Socket)) return client;
        client.destroy();
      }
      return null;
    };
    expect(await refusal()).toMatchObject({ syscall: 'connect' });
    expect(connected).toBeGreaterThanOrEqual(2_000);
    await clock.advance(1_000);
    await expect.poll(() => lstat(path).then(({ mode }) => mode & 0o777)).toBe(0o666);
    expect(await received(await connectTo(path), 5)).toBe('hello');
    // Ended in the moment in which it begins to listen once more, it takes away no socket of the next.
    connected = 0;
    expect(await refusal()).toMatchObject({ syscall: 'connect' });
    const ended = Promise.withResolvers<void>();
    onTimer = () => ended.resolve(resting[Symbol.asyncDispose]());
    void clock.advance(1_000);
    await ended.promise;
    await sockets.open(newKernelId(), folder, [greeter]);
    await setTimeout(100);
    expect(await received(await connectTo(path), 5)).toBe('hello');
  });

  it('take any number of connections one after another', async () => {
    await sockets.open(newKernelId(), folder, [
      { name: 'a.sock', serve: (connection) => connection.end('hello').resume() },
    ]);
    for (let count = 0; count < 1100; count += 1) {
      const client = await connectTo(join(folder, 'a.sock'));
      expect(await received(client)).toBe('hello');
      client.end();
    }
  });
});

describe('a proxy', () => {
  it('carries each half on its own, to its end', async () => {
    const seen: Buffer[] = [];
    const host = createServer({ allowHalfOpen: true }, (connection) => {
      connection.on('data', (data: Buffer) => void seen.push(data));
      connection.on('end', () => connection.end(`${Buffer.concat(seen).length} bytes`));
    });
    const path = join(folder, 'host.sock');
    await new Promise<void>((resolve) => host.listen(path, resolve));
    await sockets.open(newKernelId(), folder, [{ name: 'a.sock', serve: proxyTo(path, silentLogger) }]);
    const client = await connectTo(join(folder, 'a.sock'));
    client.end(Buffer.alloc(1_000_000));
    expect(await received(client)).toBe('1000000 bytes');
    await new Promise((resolve) => host.close(resolve));
  });

  it('lets no kernel fill the log with connections that nobody answers', async () => {
    const told: unknown[] = [];
    const log: Logger = { ...silentLogger, warn: (_, { connections } = {}) => void told.push(connections) };
    const clock = new FakeClock();
    const serve = proxyTo(join(folder, 'host.sock'), log, clock);
    await sockets.open(newKernelId(), folder, [{ name: 'a.sock', serve }]);
    const knock = async (times: number): Promise<void> => {
      for (let count = 0; count < times; count += 1) await received(await connectTo(join(folder, 'a.sock')));
    };
    await knock(50);
    expect(told).toEqual([1]);
    await clock.advance(60_000);
    await knock(2);
    expect(told).toEqual([1, 50]);
  });

  it('closes connections when nobody answers, and its own when the client is gone', async () => {
    const ended = Promise.withResolvers<void>();
    const path = join(folder, 'host.sock');
    await sockets.open(newKernelId(), folder, [{ name: 'a.sock', serve: proxyTo(path, silentLogger) }]);
    expect(await received(await connectTo(join(folder, 'a.sock')))).toBe('');
    const host = createServer((connection) => connection.on('close', () => ended.resolve()).resume());
    await new Promise<void>((resolve) => host.listen(path, resolve));
    const client = await connectTo(join(folder, 'a.sock'));
    client.write('x', () => client.destroy());
    await ended.promise;
    await new Promise((resolve) => host.close(resolve));
  });
});
