import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { systemClock } from '../../lib/clock.ts';
import { silentLogger } from '../../lib/log.ts';
import type { AgentProcess, ProcessEnd } from './agent-process.ts';
import { SupervisedAgent } from './supervised-agent.ts';

class FakeProcess implements AgentProcess {
  readonly pid: number;
  readonly heard: string[] = [];
  readonly #end = Promise.withResolvers<ProcessEnd>();
  readonly ended = this.#end.promise;
  /** What it does about a signal. */
  onSignal: (name: string) => void = (name) => {
    if (name === 'SIGTERM') this.end(0);
  };

  constructor(pid: number) {
    this.pid = pid;
  }

  signal(name: string): void {
    this.heard.push(name);
    this.onSignal(name);
  }

  end(end: ProcessEnd): void {
    this.#end.resolve(end);
  }
}

let folder: string;
let door: Server | null;
let started: FakeProcess[];
let there: FakeProcess | null;
let refused: Error | null;
let agent: SupervisedAgent;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'kernelet-supervised-'));
  [door, started, there, refused] = [null, [], null, null];
  agent = new SupervisedAgent({
    start: async () => {
      if (refused) throw refused;
      const process = new FakeProcess(100 + started.length);
      started.push(process);
      return process;
    },
    find: async () => there,
    socketPath: path.join(folder, 'socket'),
    clock: systemClock,
    log: silentLogger,
  });
});
afterEach(async () => {
  await agent[Symbol.asyncDispose]();
  door?.close();
  await rm(folder, { recursive: true });
});

/** From here on whoever asks at the socket is answered. */
async function answer(): Promise<void> {
  door = createServer().listen(path.join(folder, 'socket'));
  await once(door, 'listening');
}
const state = async (): Promise<string> => (await agent.status()).state;
const patient = { timeout: 5_000 };

it('is started once, active when it answers, and stopped by SIGTERM', async () => {
  expect(await state()).toBe('inactive');
  const starting = [agent.start(5_000), agent.start(5_000)];
  await expect.poll(state).toBe('activating');
  await answer();
  await Promise.all(starting);
  expect(await agent.status()).toMatchObject({
    state: 'active',
    pid: 100,
    restarts: 0,
    activeSince: expect.any(Number),
  });
  await agent.reload();
  await agent.stop(1_000);
  expect([started.length, started[0]?.heard, await state()]).toEqual([1, ['SIGHUP', 'SIGTERM'], 'inactive']);
});

it('has not started when it does not answer in time, and goes on', async () => {
  await expect(agent.start(300)).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
  expect(await state()).toBe('activating');
  await answer();
  await expect.poll(state, patient).toBe('active');
});

it('one that ends by itself is started again, unless another start is no help', async () => {
  await answer();
  await agent.start(5_000);
  started[0]?.end('SIGSEGV');
  await expect.poll(state).toBe('activating');
  expect(await agent.status()).toMatchObject({ subState: 'auto-restart', lastExit: 'SIGSEGV', pid: null });
  await expect.poll(() => agent.status(), patient).toMatchObject({ state: 'active', pid: 101, restarts: 1 });
  started[1]?.end(1);
  await expect.poll(state).toBe('failed');
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  expect(started).toHaveLength(2);
  await agent.start(5_000);
  expect(await state()).toBe('active');
});

it('one that could not be started is started again, and says so meanwhile', async () => {
  await answer();
  refused = new Error('spawn EAGAIN');
  await expect(agent.start(5_000)).rejects.toThrow('it could not be started: Error: spawn EAGAIN');
  expect(await agent.status()).toMatchObject({ state: 'activating', subState: 'auto-restart' });
  refused = null;
  await expect.poll(() => agent.status(), patient).toMatchObject({ state: 'active', pid: 100, restarts: 1 });
});

it('one that somebody else has told to end is not taken for failed', async () => {
  await answer();
  await agent.start(5_000);
  started[0]?.end(0);
  await expect.poll(state).toBe('inactive');
  const starting = agent.start(5_000);
  expect(await state()).toBe('activating');
  await starting;
});

it('one that ends while it starts is a start that failed, with its status', async () => {
  const starting = agent.start(5_000);
  await expect.poll(() => started.length).toBe(1);
  started[0]?.end(1);
  await expect(starting).rejects.toMatchObject({
    code: 'SERVICE_FAILED',
    message: expect.stringContaining('ended with 1'),
  });
});

it('one that does not stop in time is said to, cannot be started meanwhile, and is not started again', async () => {
  await answer();
  await agent.start(5_000);
  const [process] = started;
  if (process) process.onSignal = () => {};
  await expect(agent.stop(100)).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
  expect(await state()).toBe('deactivating');
  await expect(agent.start(100)).rejects.toMatchObject({ code: 'SERVICE_FAILED' });
  process?.end('SIGKILL');
  await expect.poll(state).not.toBe('deactivating');
  await agent.stop(100);
  expect([started.length, await state(), process?.heard]).toEqual([1, 'inactive', ['SIGTERM']]);
});

it('one that outlived its watcher is taken over, restarted and ended', async () => {
  there = new FakeProcess(7);
  const { heard } = there;
  await answer();
  await agent.start(5_000);
  expect([(await agent.status()).pid, started.length]).toEqual([7, 0]);
  const before = there;
  there = null;
  await agent.restart(5_000);
  expect([(await agent.status()).pid, heard]).toEqual([100, ['SIGTERM']]);
  expect(before.heard).toEqual(heard);
});
