import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it, vi } from 'vitest';
import { systemClock } from '../lib/clock.ts';
import { Connection } from './connection.ts';

const letGo = Promise.withResolvers<void>();
vi.mock('../lib/unix-address.ts', () => ({
  openSocketAddress: async (address: string) => ({ address, [Symbol.asyncDispose]: () => letGo.promise }),
}));

/** Listens and never accepts: who connects waits in the queue, and is cut off when it is killed. */
const listener = `require('node:net').createServer().listen(process.argv[1], () => {
  require('node:fs').writeSync(1, 'up');
  for (;;) {}
});`;

it('a connection to a runner that ends before it accepts fails with CONNECTION_LOST, and with nothing else', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'kernelet-connection-'));
  const socketPath = path.join(folder, 'runner.sock');
  const child = spawn(process.execPath, ['-e', listener, socketPath], { stdio: ['ignore', 'pipe', 'ignore'] });
  try {
    await once(child.stdout, 'data');
    const opened = Connection.open({
      address: { socketPath, secret: 'x' },
      role: 'control',
      clock: systemClock,
      signal: new AbortController().signal,
      greetingTimeoutMs: 10_000,
    });
    const failed = expect(opened).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
    await sleep(100);
    child.kill('SIGKILL');
    await once(child, 'close');
    await sleep(50);
    letGo.resolve();
    await failed;
  } finally {
    child.kill('SIGKILL');
    await rm(folder, { recursive: true, force: true });
  }
});
