import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import { FakeClock } from '../../lib/fake-clock.ts';
import { encodeFrame, FrameDecoder } from '../../wire/frame.ts';
import type { AgentHead } from '../../wire/runner-messages.ts';
import { ContainerLog } from '../container-log.ts';
import { FrameSocket } from '../frame-socket.ts';
import { PipePool } from '../pipe-pool.ts';
import { Tenant } from '../tenant.ts';
import type { ExitFacts, TenantProcess } from '../tenant-process.ts';
import { FileConnection } from './connection.ts';

/** A tenant that has stopped every process: workers say nothing until they are killed. */
class StoppedTenant extends Tenant {
  readonly signals: string[] = [];
  override spawnBare(): TenantProcess {
    const exited = Promise.withResolvers<ExitFacts>();
    const streams = [0, 1, 2, 3].map(() => new PassThrough());
    return {
      pid: 1,
      exited: exited.promise,
      duplex: (descriptor) => streams[descriptor] ?? null,
      signal: (name) => {
        this.signals.push(name);
        exited.resolve({ exitCode: -9, notStarted: null });
        for (const stream of streams) stream.destroy();
        return true;
      },
    };
  }
}

it('an upload to a tenant that has stopped everything fails a while after its end', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'kernelet-file-'));
  const clock = new FakeClock();
  const log = new ContainerLog(() => true, { debug: false, clock });
  const tenant = new StoppedTenant({ uid: 1, gid: 1, home: '/home/work', pipes: new PipePool('/nowhere'), log });
  const server = createServer((socket) => void new FileConnection(new FrameSocket(socket), tenant, clock));
  await new Promise<void>((resolve) => server.listen(join(folder, 's'), resolve));
  const peer = await new Promise<Socket>((resolve) => {
    const socket = connect(join(folder, 's'), () => resolve(socket));
  });
  try {
    const decoder = new FrameDecoder();
    const heads: unknown[] = [];
    peer.on('data', (chunk: Buffer) => heads.push(...decoder.push(chunk).map(({ head }) => head)));
    const send = (head: AgentHead) => peer.write(Buffer.concat(encodeFrame(head)));
    send({ t: 'request', id: 1, method: 'upload', params: { path: 'f', mode: null } });
    send({ t: 'end' });
    const closed = new Promise((resolve) => peer.on('close', resolve));
    await expect.poll(() => clock.pending).toBe(2);
    expect([tenant.signals, heads]).toEqual([[], []]);
    await clock.advance(60_000);
    await closed;
    expect(tenant.signals).toEqual(['SIGKILL']);
    expect(heads).toEqual([{ t: 'reply', id: 1, ok: false, error: expect.objectContaining({ code: 'FILE_ERROR' }) }]);
  } finally {
    peer.destroy();
    server.close();
    rmSync(folder, { recursive: true });
  }
});
