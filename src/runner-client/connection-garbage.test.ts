import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { countGarbageCollections } from '../../test/support/garbage-collections.ts';
import { systemClock } from '../lib/clock.ts';
import { encodeFrame, maxBodyBytes } from '../protocol/frame.ts';
import { Connection } from './connection.ts';

const before = globalThis.gc;
afterEach(() => {
  globalThis.gc = before;
});

const welcome = {
  ...{ t: 'welcome', protocol: 1, kernelId: '6bf0a4cc-1d7f-4f0e-8a29-f86e0d1c4e33', generation: 0, runs: [] },
  status: { phase: 'ready', interpreter: 'idle', detail: '', startedAt: 0, logBytesDropped: 0, models: [] },
};

it('what output leaves behind on its way through the daemon is collected after each 32 MB', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'kernelet-connection-'));
  const server = createServer((socket) => {
    for (const piece of encodeFrame(welcome)) socket.write(piece);
    const body = new Uint8Array(maxBodyBytes);
    for (let sent = 0; sent < 70 * 1024 * 1024; sent += body.length) {
      for (const piece of encodeFrame({ t: 'data' }, body)) socket.write(piece);
    }
    socket.end();
  });
  try {
    const socketPath = path.join(folder, 'runner.sock');
    await new Promise<void>((resolve) => server.listen(socketPath, resolve));
    const { connection } = await Connection.open({
      address: { socketPath, secret: 'x' },
      role: 'control',
      clock: systemClock,
      signal: new AbortController().signal,
      greetingTimeoutMs: 10_000,
    });
    const collections = countGarbageCollections();
    let arrived = 0;
    connection.deliverTo((_, body) => {
      arrived += body.length;
    });
    await connection.closed;
    expect(arrived).toBe(70 * 1024 * 1024);
    expect(collections()).toBe(2);
  } finally {
    server.close();
    await rm(folder, { recursive: true, force: true });
  }
});
