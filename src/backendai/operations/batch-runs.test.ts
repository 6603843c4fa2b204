import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { AgentFixture } from '../../../test/support/agent-fixture.ts';
import { FakeClock } from '../../../test/support/fake-clock.ts';
import { anySession } from '../../../test/support/rpc-node.ts';
import { systemClock } from '../../lib/clock.ts';
import { KerneletError } from '../../lib/errors.ts';
import { newKernelId, parseRunId, parseSessionId } from '../../lib/ids.ts';
import { silentLogger } from '../../lib/log.ts';
import { StateWrites } from '../../lib/state-writes.ts';
import { undescribed } from '../../protocol/run-description.ts';
import type { RunEvent } from '../../protocol/run-event.ts';
import { JsonStore } from '../../storage/json-store.ts';
import { type BatchNote, BatchRuns, type BatchRunsParts, batchNote } from './batch-runs.ts';

let folder: string;
let cleanups: AsyncDisposableStack;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kernelet-batch-'));
  cleanups = new AsyncDisposableStack();
});
afterEach(async () => {
  await cleanups.disposeAsync();
  await rm(folder, { recursive: true });
});

const ended = { type: 'kernel-terminated', sessionId: parseSessionId(anySession), detail: '' } as const;
const session = parseSessionId(anySession);
const batch = { session, code: 'make all', timeoutMs: null };

/** An agent whose runs end when the test says how. */
async function node() {
  const fixture = cleanups.use(await AgentFixture.start());
  let begun = 0;
  let finish: (event: Extract<RunEvent, { kind: 'finished' }>) => void = () => {};
  fixture.script = async function* () {
    begun += 1;
    const { promise, resolve } = Promise.withResolvers<Extract<RunEvent, { kind: 'finished' }>>();
    finish = resolve;
    yield [{ kind: 'started' }];
    yield [{ kind: 'stdout' }, 'output that nobody wants'];
    yield [await promise];
  };
  const published: string[] = [];
  const names = new Set<string>();
  const runs = async (change: Partial<BatchRunsParts> = {}): Promise<BatchRuns> =>
    cleanups.use(
      new BatchRuns({
        agent: fixture.agent,
        notes: await JsonStore.open(folder, batchNote, { writes: new StateWrites(), log: silentLogger }),
        publish: (name, { reason, exitCode }, once) => {
          if (!names.has(once)) published.push(`${name} ${reason} ${exitCode}`);
          names.add(once);
        },
        freeName: (once) => void names.delete(once),
        clock: systemClock,
        log: silentLogger,
        ...change,
      }),
    );
  const request = { image: 'kernelet/base:latest', environ: {}, mounts: [], publish: [], interpreter: 'lazy' } as const;
  const { id } = await fixture.agent.create(request, AbortSignal.timeout(5000));
  const end = (exitCode: number, reason: Extract<RunEvent, { kind: 'finished' }>['reason'] = 'exited'): void =>
    finish({ kind: 'finished', exitCode, reason });
  return { fixture, id, runs, published, names, end, begun: () => begun };
}

it.each([
  [0, 'exited', 'session_success task-finished 0'],
  [3, 'exited', 'session_failure task-failed 3'],
  [-9, 'memory-limit', 'session_failure task-failed -9'],
  [-15, 'time-limit', 'session_failure task-timeout -2'],
  [-15, 'cancelled', 'session_failure task-cancelled -2'],
] as const)('publishes the end of a batch run once: %i (%s)', async (exitCode, reason, words) => {
  const { id, runs, published, end, fixture, begun } = await node();
  const batches = await runs();
  await batches.begin(id, { ...batch, timeoutMs: 5000 });
  await expect.poll(begun).toBe(1);
  // A manager that asks twice does not get it twice.
  await batches.begin(id, batch);
  expect(published).toEqual([]);
  end(exitCode, reason);
  await expect.poll(() => published).toEqual([words]);
  await batches.begin(id, batch);
  const { params } = fixture.runners[0]?.requests.find(({ method }) => method === 'execute') ?? {};
  expect(params).toEqual({
    run: 'batch-job',
    request: { mode: 'batch', clean: null, build: null, exec: 'make all', timeoutMs: 5000 },
  });
  batches.kernelEnds({ ...ended, kernelId: id, reason: 'task-finished', exitCode: 0 }, true);
  await expect.poll(() => readdir(folder)).toEqual([]);
  expect([begun(), batches.size, published.length]).toEqual([1, 0, 1]);
});

it('a program that asks is told that there is no input, since nobody is there to answer', async () => {
  const { fixture, id, runs, published } = await node();
  const asked = (): unknown => fixture.runners[0]?.requests.find(({ method }) => method === 'input')?.params;
  fixture.script = async function* () {
    yield [{ kind: 'started' }];
    yield [{ kind: 'waiting-input', prompt: '', password: false }];
    await expect.poll(asked).toEqual({ run: 'batch-job', text: null });
    yield [{ kind: 'finished', exitCode: 0, reason: 'exited' }];
  };
  await (await runs()).begin(id, batch);
  await expect.poll(() => published).toEqual(['session_success task-finished 0']);
});

it('follows on after a restart of the agent, and begins nothing twice', async () => {
  const { id, runs, published, end, begun } = await node();
  const before = await runs();
  await before.begin(id, batch);
  await expect.poll(begun).toBe(1);
  await before[Symbol.asyncDispose]();
  expect([published, await readdir(folder)]).toEqual([[], [`${id}.json`]]);
  const after = await runs();
  after.resume();
  after.resume();
  end(0);
  await expect.poll(() => published).toEqual(['session_success task-finished 0']);
  expect(begun()).toBe(1);
  const last = await runs();
  last.resume();
  await last.begin(id, batch);
  expect([begun(), published.length, last.size]).toEqual([1, 1, 0]);
});

/** Notes on a disk that takes none of those that say `told`, or no note at all, as long as the test wants. */
async function notesOnBadDisk(isBad: (note: BatchNote) => boolean) {
  const notes = await JsonStore.open(folder, batchNote, { writes: new StateWrites(), log: silentLogger });
  const put = async (name: string, note: BatchNote): Promise<void> => {
    if (!isBad(note)) return await notes.put(name, note);
    // As the real ones do: in memory it is there.
    (notes.all as Map<string, BatchNote>).set(name, note);
    throw new KerneletError('STATE_UNUSABLE', 'the disk is full');
  };
  return { all: notes.all, put, remove: (name: string) => notes.remove(name) };
}

it('publishes an end once though the process is killed before that is noted', async () => {
  const { id, runs, published, names, end, begun } = await node();
  const before = await runs({ notes: await notesOnBadDisk(({ state }) => state === 'told') });
  await before.begin(id, batch);
  await expect.poll(begun).toBe(1);
  end(3);
  await expect.poll(() => published).toEqual(['session_failure task-failed 3']);
  await before[Symbol.asyncDispose]();
  const after = await runs();
  expect(after.size).toBe(1);
  after.resume();
  await expect.poll(() => after.size).toBe(0);
  await expect.poll(() => [...names]).toEqual([]);
  after.kernelEnds({ ...ended, kernelId: id, reason: 'task-finished', exitCode: 0 }, true);
  await expect.poll(() => readdir(folder)).toEqual([]);
  expect([published.length, begun()]).toEqual([1, 1]);
});

it('notes an end as soon as the disk takes it', async () => {
  const { id, runs, published, names, end, begun } = await node();
  let isFull = true;
  const clock = new FakeClock();
  const batches = await runs({ clock, notes: await notesOnBadDisk(({ state }) => isFull && state === 'told') });
  await batches.begin(id, batch);
  await expect.poll(begun).toBe(1);
  end(0);
  await expect.poll(() => published).toEqual(['session_success task-finished 0']);
  expect([batches.size, [...names]]).toEqual([0, [`batch ${id}`]]);
  isFull = false;
  expect(names.size).toBe(1);
  await clock.advance(500);
  await expect.poll(() => names.size).toBe(0);
  expect(
    (await JsonStore.open(folder, batchNote, { writes: new StateWrites(), log: silentLogger })).all.get(id)?.state,
  ).toBe('told');
});

it('begins nothing that cannot be noted, and begins it when it can be', async () => {
  const { id, runs, published, end, begun } = await node();
  let isFull = true;
  const batches = await runs({ notes: await notesOnBadDisk(() => isFull) });
  await expect(batches.begin(id, batch)).rejects.toMatchObject({ code: 'STATE_UNUSABLE' });
  expect([begun(), batches.size]).toEqual([0, 0]);
  isFull = false;
  await batches.begin(id, batch);
  await expect.poll(begun).toBe(1);
  end(0);
  await expect.poll(() => published).toEqual(['session_success task-finished 0']);
});

it.each([
  ['self-terminated', 0, 'session_failure task-failed 0'],
  ['out-of-memory', 137, 'session_failure task-failed 137'],
  ['container-not-found', null, 'session_failure task-failed -1'],
  ['user-requested', null, 'session_failure task-cancelled -2'],
  ['exec-timeout', null, 'session_failure task-timeout -2'],
])('publishes the end of a batch run whose kernel ends (%s)', async (reason, exitCode, words) => {
  const { id, runs, published } = await node();
  const batches = await runs();
  await batches.begin(id, batch);
  batches.kernelEnds({ ...ended, kernelId: id, reason, exitCode }, true);
  batches.kernelEnds({ ...ended, kernelId: id, reason, exitCode }, true);
  expect(published).toEqual([words]);
});

it('publishes nothing for a suppressed termination, or for a kernel without a run', async () => {
  const { id, runs, published } = await node();
  const batches = await runs();
  await batches.begin(id, batch);
  const end = { ...ended, reason: 'failed-to-start', exitCode: null };
  batches.kernelEnds({ ...end, kernelId: id }, false);
  batches.kernelEnds({ ...end, kernelId: newKernelId() }, true);
  expect([published, batches.size]).toEqual([[], 0]);
});

it('learns from the runner how a run ended of which nothing else is left', async () => {
  const { fixture, id, published } = await node();
  const summary = {
    ...undescribed,
    run: parseRunId('batch-job'),
    phase: 'finished',
    last: 5,
    oldest: 6,
    exitCode: 0,
    reason: 'exited',
  } as const;
  const gone = new KerneletError('RUN_NOT_FOUND', 'its output is gone');
  let heard = false;
  const notes = await JsonStore.open(folder, batchNote, { writes: new StateWrites(), log: silentLogger });
  await notes.put(id, { ...batch, state: 'begun' });
  const batches = cleanups.use(
    new BatchRuns({
      agent: {
        execute: () => Promise.reject(new Error('it is begun again')),
        input: () => Promise.reject(new Error('nothing is asked')),
        inspect: async () => ({ ...(await fixture.agent.inspect(id)), runs: heard ? [summary] : [] }),
        // biome-ignore lint/correctness/useYield: it has nothing to give
        async *events() {
          heard = true;
          throw gone;
        },
      },
      notes,
      publish: (name, { reason, exitCode }) => void published.push(`${name} ${reason} ${exitCode}`),
      freeName: () => {},
      clock: systemClock,
      log: silentLogger,
    }),
  );
  batches.resume();
  await expect.poll(() => published).toEqual(['session_success task-finished 0']);
});

it('reports a command as failed that no runner takes', async () => {
  const { fixture, id, published } = await node();
  const refusal = new KerneletError('INVALID_ARGUMENT', 'exec contains a NUL');
  const batches = cleanups.use(
    new BatchRuns({
      agent: {
        execute: () => Promise.reject(refusal),
        input: () => Promise.reject(new Error('nothing is asked')),
        inspect: (kernel) => fixture.agent.inspect(kernel),
        events: (...of) => fixture.agent.events(...of),
      },
      notes: await JsonStore.open(folder, batchNote, { writes: new StateWrites(), log: silentLogger }),
      publish: (name, { reason, exitCode }) => void published.push(`${name} ${reason} ${exitCode}`),
      freeName: () => {},
      clock: systemClock,
      log: silentLogger,
    }),
  );
  await batches.begin(id, { ...batch, code: 'a\0b' });
  await expect.poll(() => published).toEqual(['session_failure task-failed -1']);
  expect(batches.size).toBe(0);
});

it('reports a run as failed whose kernel is not here after a restart', async () => {
  const { runs, published } = await node();
  const gone = newKernelId();
  await (await JsonStore.open(folder, batchNote, { writes: new StateWrites(), log: silentLogger })).put(gone, {
    ...batch,
    state: 'begun',
  });
  const batches = await runs();
  batches.resume();
  await expect.poll(() => published).toEqual(['session_failure task-failed -1']);
  await expect.poll(() => readdir(folder)).toEqual([]);
  await expect(batches.begin(gone, batch)).rejects.toMatchObject({ code: 'KERNEL_NOT_FOUND' });
});
