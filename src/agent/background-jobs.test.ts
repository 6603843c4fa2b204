import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { specFixture } from '../../test/support/kernel-record.ts';
import { type FakeRunnerClient, KernelsFixture } from '../../test/support/kernels-fixture.ts';
import type { KernelEvent } from '../events/kernel-event.ts';
import type { KernelRecord } from '../kernel/record.ts';
import { type KernelId, parseRunId } from '../lib/ids.ts';
import { type LogFields, silentLogger } from '../lib/log.ts';
import { undescribed } from '../protocol/run-description.ts';
import type { RunSummary } from '../protocol/run-event.ts';
import { BackgroundJobs } from './background-jobs.ts';
import { OciRuntimes } from './oci-runtimes.ts';
import { Readiness } from './readiness.ts';

let one: KernelsFixture;
let clock: FakeClock;
let watch: BackgroundJobs;
let published: KernelEvent[];
/** Runs whose end an earlier process has published. */
let finished: Set<string>;
/** What the log was told of kernels. */
let warnings: LogFields[];
const never = new AbortController().signal;
const idleTimeoutMs = 5_000;

beforeEach(async () => {
  one = await KernelsFixture.open();
  clock = new FakeClock();
  published = [];
  finished = new Set();
  warnings = [];
  watch = await started();
});

async function started(
  ociRuntimes = new OciRuntimes({ names: [], trials: null, clock, log: silentLogger }),
): Promise<BackgroundJobs> {
  const parts = {
    kernels: one.kernels.registry,
    events: {
      publish: (event: KernelEvent) => void published.push(event),
      hasFinished: (_: unknown, asked: string) => finished.has(asked),
    },
    ociRuntimes,
    clock,
    log: { ...silentLogger, warn: (_: string, fields: LogFields = {}) => void warnings.push(fields) },
  };
  const made = new BackgroundJobs(parts, new Readiness(clock, 1000), { look: async () => [] });
  await made.start({ retry: false });
  return made;
}

afterEach(async () => {
  await watch[Symbol.asyncDispose]();
  await one[Symbol.asyncDispose]();
  await one.remove();
});

const run = parseRunId('r1');
const summary = (phase: RunSummary['phase']): RunSummary => ({
  ...undescribed,
  run,
  phase,
  last: 1,
  oldest: 1,
  exitCode: phase === 'finished' ? 0 : null,
  reason: phase === 'finished' ? 'exited' : null,
});

async function kernel(): Promise<{ record: KernelRecord; client: FakeRunnerClient }> {
  const record = await one.kernels.registry.create(specFixture({ idleTimeoutMs }), never);
  const client = one.clients.at(-1);
  if (!client) throw new Error('no client was made');
  return { record, client };
}

/** Lets the time go by in which the kernel is looked at, and the removal be done. */
async function idleFor(ms: number): Promise<void> {
  await clock.advance(ms);
  await expect.poll(() => one.kernels.registry.list().every(({ phase }) => phase === 'running')).toBe(true);
}

it('tries no runtimes where none are to be tried', async () => {
  const runtimes = new OciRuntimes({ names: ['runsc'], trials: null, clock, log: silentLogger });
  let begun = 0;
  const keepTrying = async (): Promise<void> => {
    begun += 1;
  };
  const none = await started(Object.assign(runtimes, { keepTrying }));
  await clock.advance(60_000);
  await none[Symbol.asyncDispose]();
  expect(begun).toBe(0);
});

describe('the announcements of runs', () => {
  it('say that a run began before they say that it ended, also when its end is heard of first', async () => {
    const { record, client } = await kernel();
    client.emit({ type: 'run', summary: summary('running') });
    client.emit({ type: 'run', summary: summary('finished') });
    watch.executionStarted(record, run);
    client.emit({ type: 'run', summary: summary('finished') });
    expect(published.map(({ type }) => type)).toEqual(['execution-started', 'execution-finished']);
  });
});

describe('the announcements of runs that an earlier process knew', () => {
  it('say nothing twice, and what ended while nobody was there', async () => {
    const { record } = await kernel();
    await one[Symbol.asyncDispose]();
    one = await KernelsFixture.open({ folder: one.folder, engine: one.dummy });
    await watch[Symbol.asyncDispose]();
    watch = await started();
    const client = one.clients.at(-1);
    if (!client) throw new Error('no client was made');
    const [before, away, lasting] = ['before', 'away', 'lasting'].map(parseRunId);
    if (!before || !away || !lasting) throw new Error('no runs');
    finished.add(before);
    client.known = [
      { ...summary('finished'), run: before },
      { ...summary('finished'), run: away },
      { ...summary('running'), run: lasting },
    ];
    client.emit({ type: 'connected' });
    for (const each of client.known) client.emit({ type: 'run', summary: each });
    expect(published).toMatchObject([{ type: 'execution-finished', kernelId: record.spec.id, runId: away }]);
    client.emit({ type: 'run', summary: { ...summary('finished'), run: lasting } });
    expect(published.map((event) => 'runId' in event && event.runId)).toEqual([away, lasting]);
  });
});

describe('a kernel that nobody can use', () => {
  it.each(['its container is missing', 'another engine answers'])('is not ended for idleness: %s', async (why) => {
    const { id } = (await one.kernels.registry.create(specFixture({ idleTimeoutMs }), never)).spec;
    const { listContainers, inspectContainer, readMark } = one.dummy;
    Object.assign(one.dummy, { listContainers: async () => [], inspectContainer: async () => null });
    if (why !== 'its container is missing') Object.assign(one.dummy, { readMark: async () => null });
    await one.kernels.registry.sweep(never).catch(() => {});
    expect(one.kernels.registry.get(id).missingSince).not.toBeNull();
    await idleFor(idleTimeoutMs + 1_000);
    expect(one.kernels.registry.list()).toMatchObject([{ phase: 'running' }]);
    Object.assign(one.dummy, { listContainers, inspectContainer, readMark });
    await one.kernels.registry.sweep(never);
    await expect.poll(() => one.kernels.registry.get(id).missingSince).toBeNull();
    await idleFor(1_000);
    await expect.poll(() => one.kernels.registry.get(id).termination?.reason).toBe('idle-timeout');
  });
});

describe('a kernel whose runner does not answer', () => {
  it('is told of, and again when it is back, and is not ended for idleness', async () => {
    const { record, client } = await kernel();
    client.emit({ type: 'reachable' });
    client.silentSince = clock.now();
    client.emit({ type: 'unreachable' });
    await idleFor(2 * idleTimeoutMs);
    expect(one.kernels.registry.list()).toHaveLength(1);
    client.silentSince = null;
    client.emit({ type: 'reachable' });
    const { id: kernelId, sessionId } = record.spec;
    expect(published).toEqual([
      { type: 'reachability', kernelId, sessionId, reachable: false },
      { type: 'reachability', kernelId, sessionId, reachable: true },
    ]);
    await idleFor(1_000);
    await expect.poll(() => one.kernels.registry.get(kernelId).termination?.reason).toBe('idle-timeout');
  });
});

describe('the idle time-out', () => {
  it('counts from the end of a run that was over before its request was answered', async () => {
    const { record, client } = await kernel();
    client.emit({ type: 'run', summary: summary('finished') });
    watch.executionStarted(record, run);
    await idleFor(idleTimeoutMs + 1_000);
    expect(one.kernels.registry.list()).toEqual([]);
  });

  it('does not count runs that a restart has ended, and counts those that go on', async () => {
    const { record, client } = await kernel();
    client.emit({ type: 'run', summary: summary('running') });
    await idleFor(2 * idleTimeoutMs);
    expect(one.kernels.registry.list()).toHaveLength(1);
    await one.kernels.registry.restart(record.spec.id, never);
    await idleFor(idleTimeoutMs + 1_000);
    expect(one.kernels.registry.list()).toEqual([]);
  });

  it('does not count a run that ended, and was forgotten, while the connection was broken', async () => {
    const { client } = await kernel();
    client.emit({ type: 'run', summary: summary('running') });
    client.emit({ type: 'disconnected' });
    client.known = [];
    client.emit({ type: 'connected' });
    await idleFor(idleTimeoutMs + 1_000);
    expect(one.kernels.registry.list()).toEqual([]);
  });
});

describe('a kernel that is to be paused when it is idle', () => {
  const idleKernel = async (): Promise<{ id: KernelId; client: FakeRunnerClient }> => {
    const { spec } = await one.kernels.registry.create(specFixture({ idleTimeoutMs, onIdle: 'pause' }), never);
    const client = one.clients.at(-1);
    if (!client) throw new Error('no client was made');
    return { id: spec.id, client };
  };
  const pause = (id: KernelId) => one.kernels.registry.get(id).paused;

  // @promise pause-when-idle
  it('is paused after its time-out, and again after as long when it has gone on', async () => {
    const { id } = await idleKernel();
    await clock.advance(idleTimeoutMs - 1_000);
    expect(pause(id)).toBeNull();
    await clock.advance(2_000);
    await expect.poll(() => pause(id)).toMatchObject({ by: 'idle', confirmed: true });
    await clock.advance(10 * idleTimeoutMs);
    expect(one.kernels.registry.get(id).phase).toBe('running');
    await one.kernels.registry.resume(id, never);
    await clock.advance(idleTimeoutMs - 1_000);
    expect(pause(id)).toBeNull();
    await clock.advance(2_000);
    await expect.poll(() => pause(id)).toMatchObject({ by: 'idle', confirmed: true });
  });

  // @promise pause-when-idle
  it('is left alone while a run, a request or a file of it is under way', async () => {
    const { id, client } = await idleKernel();
    client.emit({ type: 'run', summary: summary('running') });
    await clock.advance(3 * idleTimeoutMs);
    expect(pause(id)).toBeNull();
    client.isBusy = true;
    client.emit({ type: 'run', summary: summary('finished') });
    await clock.advance(3 * idleTimeoutMs);
    expect(pause(id)).toBeNull();
    client.isBusy = false;
    await clock.advance(idleTimeoutMs + 1_000);
    await expect.poll(() => pause(id)).toMatchObject({ by: 'idle' });
  });

  it('is tried again after its time-out where the engine has refused it', async () => {
    const { id } = await idleKernel();
    one.dummy.fail('pauseContainer', { kind: 'error' });
    await clock.advance(idleTimeoutMs + 1_000);
    await expect.poll(() => warnings).toContainEqual(expect.objectContaining({ kernel: id }));
    await one.kernels.registry.sweep(never);
    expect(pause(id)).toBeNull();
    await clock.advance(idleTimeoutMs + 1_000);
    await expect.poll(() => pause(id)).toMatchObject({ by: 'idle', confirmed: true });
  });

  it('is not told to be unreachable while it is paused, by whomever', async () => {
    const { id, client } = await idleKernel();
    await one.kernels.registry.pause(id, 'request');
    client.emit({ type: 'unreachable' });
    client.emit({ type: 'reachable' });
    expect(published).toEqual([]);
  });
});

describe('a kernel with a time to live', () => {
  // @promise ttl
  it('ends when that is over, whatever it does, and says why', async () => {
    await watch[Symbol.asyncDispose]();
    await one[Symbol.asyncDispose]();
    one = await KernelsFixture.open({ parts: { clock } });
    watch = await started();
    const { spec } = await one.kernels.registry.create(specFixture({ ttlMs: 60_000 }), never);
    one.clients.at(-1)?.emit({ type: 'run', summary: summary('running') });
    await clock.advance(59_000);
    expect(one.kernels.registry.get(spec.id).phase).toBe('running');
    await clock.advance(2_000);
    await expect
      .poll(() => one.kernels.registry.get(spec.id).termination)
      .toMatchObject({
        reason: 'expired',
        detail: 'its time to live was over',
      });
    await clock.advance(2_000);
    await expect.poll(() => one.events.filter(({ type }) => type === 'kernel-terminated')).toHaveLength(1);
  });
});

describe('what a kernel reports unasked', () => {
  it('is counted for it and for the node, and told once a minute', async () => {
    const create = () => one.kernels.registry.create(specFixture(), never);
    const record = await create();
    const client = one.clients.at(-1);
    if (!client) throw new Error('no client was made');
    const other = await create();
    for (let count = 0; count < 1_000; count += 1) client.emit({ type: 'unasked' });
    expect([watch.dropped.of(record.spec.id), watch.dropped.of(other.spec.id), watch.dropped.total]).toEqual([
      1_000, 0, 1_000,
    ]);
    expect(warnings).toEqual([expect.objectContaining({ kernel: record.spec.id, dropped: 1 })]);
    await idleFor(1_000);
    client.emit({ type: 'unasked' });
    expect(warnings).toHaveLength(1);
    await clock.advance(60_000);
    client.emit({ type: 'unasked' });
    expect(warnings.slice(1)).toEqual([expect.objectContaining({ kernel: record.spec.id, dropped: 1_002 })]);
    await one.kernels.registry.destroy(record.spec.id, { reason: 'user-requested', force: true });
    expect([watch.dropped.of(record.spec.id), watch.dropped.total]).toEqual([0, 1_002]);
  });
});

describe('the health of a kernel’s models', () => {
  const model = { name: 'm', path: '/m', port: 8000, command: ['serve'], preStart: '[]', healthCheck: null };
  const status = { phase: 'ready', interpreter: 'none', detail: '', startedAt: 0, logBytesDropped: 0 } as const;
  const say = (healthy: boolean | null): void =>
    one.clients.at(-1)?.emit({ type: 'status', status: { ...status, models: [{ name: 'm', healthy }] } });

  it('is published at each change', async () => {
    const { spec } = await one.kernels.registry.create(specFixture({ models: [model] }), never);
    for (const healthy of [null, true, true, false]) say(healthy);
    const { id: kernelId, sessionId } = spec;
    expect(published).toEqual([
      { type: 'model-health', kernelId, sessionId, model: 'm', healthy: true },
      { type: 'model-health', kernelId, sessionId, model: 'm', healthy: false },
    ]);
  });

  it('is published as it is in the end, when it changed too fast and its runner is silent then', async () => {
    const { spec } = await one.kernels.registry.create(specFixture({ models: [model] }), never);
    for (let count = 0; count < 101; count += 1) say(count % 2 === 0);
    expect(published.at(-1)).toMatchObject({ model: 'm', healthy: false });
    expect([published.length, watch.dropped.of(spec.id)]).toEqual([100, 1]);
    await clock.advance(1_000);
    expect(published.slice(100)).toEqual([expect.objectContaining({ model: 'm', healthy: true })]);
    await clock.advance(5_000);
    expect(published).toHaveLength(101);
  });
});
