import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync, readSync, writeSync } from 'node:fs';
import { mkdir, open } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { parseEvents } from '../../src/events/event-file.ts';
import { isSystemError } from '../../src/lib/system-error.ts';
import { Member } from '../support/cluster/member.ts';
import { describeCluster } from '../support/cluster/services.ts';
import { callApi } from '../support/local-api.ts';

/**
 * A pipe in the place of the daemon's file of events: while it is full, a write to it hangs as one to a disk does that
 * answers no more.
 */
class PipeAsFile implements Disposable {
  readonly #path: string;
  #reader = -1;
  #text = '';

  constructor(file: string) {
    this.#path = file;
    execFileSync('mkfifo', [file]);
  }

  /** To a daemon that starts it is an empty file. */
  async letStart(): Promise<void> {
    await (await open(this.#path, 'w')).close();
    this.#reader = openSync(this.#path, constants.O_RDONLY | constants.O_NONBLOCK);
  }

  fill(): void {
    const writer = openSync(this.#path, constants.O_WRONLY | constants.O_NONBLOCK);
    const blank = Buffer.alloc(4096, '\n');
    for (const size of [4096, 1]) this.#until(() => writeSync(writer, blank, 0, size));
    closeSync(writer);
  }

  /** What has come, and makes room for more. */
  drain(): string {
    const buffer = Buffer.alloc(65_536);
    this.#until(() => {
      const size = readSync(this.#reader, buffer);
      this.#text += buffer.toString('utf8', 0, size);
      return size;
    });
    return this.#text;
  }

  [Symbol.dispose](): void {
    if (this.#reader >= 0) closeSync(this.#reader);
  }

  #until(transfer: () => number): void {
    try {
      while (transfer() > 0);
    } catch (error) {
      if (!isSystemError(error, 'EAGAIN')) throw error;
    }
  }
}

describeCluster('a member whose state folder lies on a disk that hangs', (services) => {
  // @promise disk-hangs, degraded-told
  it('goes on, says so, refuses new kernels, and writes everything when the disk answers again', async () => {
    await using member = await Member.make({
      ...{ id: 'i-hangs', etcdPort: services.etcd.port, stream: services.stream, heartbeatS: 1 },
    });
    const folder = path.join(member.stateDir, 'events');
    await mkdir(folder, { mode: 0o700 });
    using pipe = new PipeAsFile(path.join(folder, 'events.jsonl'));
    await member.startDaemon();
    await pipe.letStart();
    await member.untilLogged('member of the cluster');
    const status = async () => {
      const socket = path.join(member.folder, 'ipc', 'kernelet.sock');
      return (await callApi(socket, 'GET', '/v1/status', { timeoutMs: 2_000 })).document;
    };
    const kernel = await member.create();
    expect(await status()).toMatchObject({ disk: 'ok', kernels: 1 });
    pipe.fill();
    const hangsSince = Date.now();
    // Beginning and end of a run are events.
    for (const code of ['print(1)', 'print(2)']) expect(await member.execute(kernel, code)).toMatch(/^\d\n$/);
    await member.until('a stalled disk', async () => ((await status()) as { disk: string }).disk === 'stalled', 10_000);
    await sleep(3_000);
    const begun = performance.now();
    const listed = await member.run(['ps', '-q']);
    expect([listed.status, listed.stdout.toString()]).toEqual([0, `${kernel.id}\n`]);
    expect(performance.now() - begun).toBeLessThan(2_000);
    await expect(member.create()).rejects.toThrow('the disk of the state folder is stalled');
    const beats = (await member.events('agent_heartbeat')).map(({ at }) => at).filter((at) => at > hangsSince);
    expect(beats.length).toBeGreaterThan(3);
    expect(Math.max(...beats.slice(1).map((at, index) => at - (beats[index] ?? 0)))).toBeLessThan(2_300);
    await member.until('everything is written', async () => {
      const written = parseEvents(pipe.drain()).filter(({ event }) => event.type === 'execution-finished');
      return written.length === 2;
    });
    expect(await status()).toMatchObject({ disk: 'ok' });
    const events = parseEvents(pipe.drain());
    expect(events.map(({ sequence }) => sequence)).toEqual(events.map((_, index) => index + 1));
    expect(events.map(({ event }) => event.type)).toEqual([
      ...['kernel-preparing', 'kernel-creating', 'kernel-started'],
      ...['execution-started', 'execution-finished', 'execution-started', 'execution-finished'],
    ]);
    await member.until('the events of the runs', async () => (await member.events('execution_finished')).length === 2);
    expect(await member.events('execution_started')).toHaveLength(2);
    await member.execute(await member.create(), 'print(3)');
  });
});
