import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it } from 'vitest';
import { kernelet, program } from '../support/command.ts';

const limit = 256;
/** A sixteenth, and twice that for kernels. */
const reserve = limit / 16;

// @promise descriptors
it('a daemon with few descriptors refuses kernels, then connections, and keeps the last ones', async () => {
  await using cleanups = new AsyncDisposableStack();
  const folder = await mkdtemp(path.join(tmpdir(), 'kernelet-descriptors-'));
  cleanups.defer(() => rm(folder, { recursive: true }));
  const socket = path.join(folder, 'api.sock');
  const configuration = path.join(folder, 'agent.toml');
  await writeFile(configuration, '[agent]\nbackend = "dummy"\n');
  const environment = { KERNELET_STATE_DIR: path.join(folder, 'state'), KERNELET_SOCKET: socket };
  const serve = `ulimit -n ${limit}; exec "$0" serve --config "$1"`;
  const daemon = spawn('sh', ['-c', serve, program, configuration], {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  cleanups.defer(async () => {
    const ended = once(daemon, 'exit');
    daemon.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
  });
  let log = '';
  daemon.stderr.on('data', (chunk: Buffer) => {
    log += chunk.toString();
  });
  await expect.poll(() => log, { timeout: 20_000 }).toContain('"msg":"listening"');
  const run = (...args: string[]) => kernelet(args, { environment });
  const used = (): number => readdirSync(`/proc/${daemon.pid}/fd`).length;
  const held = new Set<Socket>();
  const holdUntil = async (descriptors: number): Promise<void> => {
    for (let more = descriptors - used(); more > 0; more -= 1) {
      const client = connect(socket);
      held.add(client);
      client.on('error', () => {});
      client.on('close', () => held.delete(client));
    }
    await expect.poll(used).toBeGreaterThan(Math.min(descriptors, limit - reserve) - 4);
  };
  const first = await run('create', '--lang', 'python');
  expect(first.status, first.stderr).toBe(0);

  await holdUntil(limit - 2 * reserve);
  expect((await run('create', '--lang', 'python')).stderr).toContain(`of its ${limit} file descriptors left`);
  expect((await run('ps', '-q')).text).toBe(first.text);

  // What the daemon had open for a moment when it was filled is room afterwards.
  await expect
    .poll(
      async () => {
        await holdUntil(limit + 40);
        return (await run('ps', '-q')).stderr;
      },
      { timeout: 20_000 },
    )
    .toContain('closed the connection');
  expect(used()).toBeLessThanOrEqual(limit - reserve + 1);

  for (const client of held) client.destroy();
  await expect.poll(used).toBeLessThan(limit / 2);
  const second = await run('create', '--lang', 'python');
  expect((await run('ps', '-q')).text.split('\n').toSorted()).toEqual(
    `${first.text}${second.text}`.split('\n').toSorted(),
  );
});
