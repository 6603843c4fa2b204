import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import { FakeClock } from '../../../test/support/fake-clock.ts';
import type { AgentFrameHeader } from '../../protocol/agent-frames.ts';
import { encodeFrame, FrameDecoder } from '../../protocol/frame.ts';
import { ContainerLog } from '../container-log.ts';
import { FrameSocket } from '../frame-socket.ts';
import { PipePool } from '../pipe-pool.ts';
import { Tenant } from '../tenant.ts';
import type { ExitFacts, TenantProcess } from '../tenant-process.ts';
import { FileConnection } from './connection.ts';

/** A tenant that has stopped every process: workers say nothing, or what the test says, until they are killed. */
class StoppedTenant extends Tenant {
  readonly signals: string[] = [];
  says = '';
  /** What a worker writes before it ends like this; null = it stays. */
  ends: { readonly output: string; readonly exitCode: number } | null = null;
  /** Has the last worker end by itself: its streams break first, as they do for whoever writes to it. */
  end: (exitCode: number) => void = () => {};
  override spawnBare(): TenantProcess {
    const exited = Promise.withResolvers<ExitFacts>();
    const streams = [0, 1, 2, 3].map(() => new PassThrough());
    if (this.says !== '') streams[3]?.write(this.says);
    if (this.ends) {
      streams[1]?.end(this.ends.output);
      exited.resolve({ exitCode: this.ends.exitCode, notStarted: null, cpuMs: 0 });
    }
    this.end = (exitCode) => {
      streams[3]?.once('close', () => exited.resolve({ exitCode, notStarted: null, cpuMs: 0 }));
      for (const stream of streams) stream.destroy();
    };
    return {
      pid: 1,
      exited: exited.promise,
      duplex: (descriptor) => streams[descriptor] ?? null,
      signal: (name) => {
        this.signals.push(name);
        exited.resolve({ exitCode: -9, notStarted: null, cpuMs: 0 });
        for (const stream of streams) stream.destroy();
        return true;
      },
    };
  }
}

/** A connection to the files of this tenant, and what came over it. */
async function connection(clock: FakeClock) {
  const folder = mkdtempSync(join(tmpdir(), 'kernelet-file-'));
  const log = new ContainerLog(() => true, { debug: false, clock });
  const tenant = new StoppedTenant({ uid: 1, gid: 1, home: '/home/work', pipes: new PipePool('/nowhere'), log });
  const server = createServer((socket) => void new FileConnection(new FrameSocket(socket), tenant, clock));
  await new Promise<void>((resolve) => server.listen(join(folder, 's'), resolve));
  const peer = await new Promise<Socket>((resolve) => {
    const socket = connect(join(folder, 's'), () => resolve(socket));
  });
  const decoder = new FrameDecoder();
  const headers: unknown[] = [];
  peer.on('data', (chunk: Buffer) => headers.push(...decoder.push(chunk).map(({ header }) => header)));
  const send = (header: AgentFrameHeader) => peer.write(Buffer.concat(encodeFrame(header)));
  const closed = new Promise((resolve) => peer.on('close', resolve));
  const close = (): void => {
    peer.destroy();
    server.close();
    rmSync(folder, { recursive: true });
  };
  return { tenant, headers, send, closed, [Symbol.dispose]: close };
}
const upload = { t: 'request', id: 1, method: 'upload', params: { path: 'f', mode: null } } as const;

const download = { t: 'request', id: 1, method: 'download', params: { path: 'f' } } as const;

it.each([
  [0, { t: 'end' }],
  [1, { t: 'reply', id: 1, ok: false, error: { code: 'FILE_ERROR', message: '"f" could not be read to its end' } }],
])('a download whose worker ends with status %d says so behind its bytes', async (exitCode, last) => {
  using opened = await connection(new FakeClock());
  const { tenant, headers, send, closed } = opened;
  const result = { form: 'file', size: 4, name: 'f' };
  tenant.says = `${JSON.stringify({ ok: true, result })}\n`;
  tenant.ends = { output: 'ab', exitCode };
  send(download);
  await closed;
  expect(headers).toEqual([{ t: 'reply', id: 1, ok: true, result }, { t: 'data' }, last]);
});

it('an upload to a tenant that has stopped everything fails a while after its end', async () => {
  const clock = new FakeClock();
  using opened = await connection(clock);
  const { tenant, headers, send, closed } = opened;
  send(upload);
  send({ t: 'end' });
  await expect.poll(() => clock.pending).toBe(2);
  expect([tenant.signals, headers]).toEqual([[], []]);
  await clock.advance(60_000);
  await closed;
  expect(tenant.signals[0]).toBe('SIGKILL');
  expect(headers).toEqual([{ t: 'reply', id: 1, ok: false, error: expect.objectContaining({ code: 'FILE_ERROR' }) }]);
});

it('an archive has longer than a file until all of it is in its place', async () => {
  const clock = new FakeClock();
  using opened = await connection(clock);
  const { tenant, headers, send, closed } = opened;
  send({ t: 'request', id: 1, method: 'unpack', params: { path: 'f' } });
  send({ t: 'end' });
  await expect.poll(() => clock.pending).toBe(2);
  await clock.advance(14 * 60_000);
  expect([tenant.signals, headers]).toEqual([[], []]);
  await clock.advance(60_000);
  await closed;
  expect(tenant.signals[0]).toBe('SIGKILL');
  expect(headers).toEqual([{ t: 'reply', id: 1, ok: false, error: expect.objectContaining({ code: 'FILE_ERROR' }) }]);
});

it('an upload fails when its worker has ended, also when that shows by its streams first', async () => {
  using opened = await connection(new FakeClock());
  const { tenant, headers, send, closed } = opened;
  send(upload);
  send({ t: 'end' });
  await expect.poll(() => tenant.end.length).toBe(1);
  tenant.end(9);
  await closed;
  const error = expect.objectContaining({ code: 'FILE_ERROR', message: 'the file worker ended with status 9' });
  expect(headers).toEqual([{ t: 'reply', id: 1, ok: false, error }]);
});

it.each([
  ['has its file', { ok: true, result: { bytes: 1 } }],
  ['has failed', { ok: false, code: 'FILE_ERROR', message: 'no' }],
])('an upload that %s leaves no worker behind', async (_, says) => {
  using opened = await connection(new FakeClock());
  const { tenant, headers, send, closed } = opened;
  tenant.says = `${JSON.stringify(says)}\n`;
  send(upload);
  send({ t: 'end' });
  await closed;
  expect(headers).toEqual([expect.objectContaining({ t: 'reply', id: 1, ok: says.ok })]);
  expect(tenant.signals).toEqual(['SIGKILL']);
});
