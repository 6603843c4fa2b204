import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { systemClock } from '../lib/clock.ts';
import type { RunId } from '../lib/ids.ts';
import type { ExecuteRequest } from '../protocol/execute-request.ts';
import { encodeFrame } from '../protocol/frame.ts';
import { maxPrompt } from '../protocol/run-event.ts';
import { ContainerLog } from './container-log.ts';
import { Execution } from './execution.ts';
import { OutputRoom } from './output-room.ts';
import { PipePool } from './pipe-pool.ts';
import { Run, type RunObserver } from './run.ts';
import { Tenant } from './tenant.ts';

function setUp(timeoutMs: number | null = null, request: ExecuteRequest = { mode: 'query', code: 'x', timeoutMs }) {
  const clock = new FakeClock();
  const log = new ContainerLog(() => true, { debug: false, clock });
  const tenant = new Tenant({ uid: 1, gid: 1, home: '/nowhere', pipes: new PipePool('/nowhere'), log });
  const run = new Run('r' as RunId, request, {
    room: new OutputRoom(8 * 1024 * 1024),
    observer: { eventsAdded() {}, phaseChanged() {} },
    clock,
  });
  const execution = new Execution(run, tenant, clock);
  run.begin(execution);
  const signals: string[] = [];
  execution.aim({ signal: (name) => signals.push(name) > 0 });
  return { clock, run, execution, signals };
}

/** The events of a run after its first, each of which has to fit into a frame. */
function events(run: Run) {
  const found: { kind: string; size: number }[] = [];
  for (let next = run.replay.next(1); next; next = run.replay.next(next.n)) {
    encodeFrame({ t: 'event', run: run.id, n: next.n, event: next.event }, next.body);
    found.push({ kind: next.event.kind, size: next.body.length });
  }
  return found;
}

describe('an execution', () => {
  it('asks with any prompt: one that is too long for an event is output', () => {
    const { run, execution } = setUp();
    const asked = { password: false, answer() {} };
    using _escaped = execution.ask({ ...asked, prompt: '\ud800'.repeat(maxPrompt) });
    execution.input('');
    using _long = execution.ask({ ...asked, prompt: 'x'.repeat(maxPrompt + 1) });
    execution.input('');
    using _huge = execution.ask({ ...asked, prompt: 'x'.repeat(2_000_000) });
    const told = events(run);
    expect(told.filter(({ kind }) => kind === 'waiting-input')).toHaveLength(3);
    const output = told.filter(({ kind }) => kind === 'stdout').reduce((sum, { size }) => sum + size, 0);
    expect(output).toBe(maxPrompt + 1 + 2_000_000);
  });

  it('lets a stopped process take its interrupt', () => {
    const { execution, signals } = setUp();
    expect(execution.interrupt()).toBe(true);
    expect(signals).toEqual(['SIGINT', 'SIGCONT']);
    execution.aim(null);
    expect(execution.interrupt()).toBe(false);
  });

  it('kills at its time limit, and what begins after it too', async () => {
    const { clock, execution, signals } = setUp(1000);
    await clock.advance(1000);
    expect(signals).toEqual(['SIGKILL']);
    execution.aim({ signal: (name) => signals.push(`next ${name}`) > 0 });
    expect(signals).toEqual(['SIGKILL', 'next SIGKILL']);
    expect(execution.outcome(0)).toEqual({ exitCode: -9, reason: 'time-limit' });
  });

  // @promise run-limits
  it('prints as much as it may, to the byte, and is ended by more', () => {
    const limits = { outputBytes: 5 };
    const { run, execution, signals } = setUp(null, { mode: 'command', argv: ['x'], limits, timeoutMs: null });
    execution.output('stdout', Buffer.from('123'));
    execution.output('stderr', Buffer.from('45'));
    expect(signals).toEqual([]);
    execution.output('stdout', Buffer.from('6'));
    expect(signals).toEqual(['SIGKILL']);
    expect(events(run).map(({ kind, size }) => `${kind} ${size}`)).toEqual(['stdout 3', 'stderr 2']);
    expect(execution.outcome(-9)).toEqual({ exitCode: -9, reason: 'output-limit' });
  });

  // @promise run-limits
  it('that has used its CPU time says so, where it was given one', () => {
    const limited = setUp(null, { mode: 'command', argv: ['x'], limits: { cpuSeconds: 1 }, timeoutMs: null });
    for (const exitCode of [-24, 152]) expect(limited.execution.outcome(exitCode).reason).toBe('cpu-limit');
    expect(setUp().execution.outcome(-24).reason).toBe('signalled');
  });

  it('that is cancelled ends by the signal, by force after a while, with the status of its program', async () => {
    const { clock, execution, signals } = setUp();
    execution.cancel('SIGTERM');
    await clock.advance(2000);
    expect(signals).toEqual(['SIGTERM', 'SIGKILL']);
    expect(execution.outcome(3)).toEqual({ exitCode: 3, reason: 'cancelled' });
  });
});

/** A run whose programs are started as they would be for the tenant; `answer` is given to what they ask. */
function startFor(request: ExecuteRequest, answer: () => string | null = () => null) {
  const clock = systemClock;
  const log = new ContainerLog(() => true, { debug: false, clock });
  const own = { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 };
  const tenant = new Tenant({ ...own, home: '/', pipes: new PipePool('/bin/sh'), log });
  tenant.environ = { PATH: process.env['PATH'] ?? '' };
  const observer: RunObserver = {
    eventsAdded() {},
    phaseChanged: ({ phase }) => {
      if (phase === 'waiting-input') setImmediate(() => execution.input(answer()));
    },
  };
  const run = new Run('r' as RunId, request, { room: new OutputRoom(1024 * 1024), observer, clock });
  const execution = new Execution(run, tenant, clock);
  run.begin(execution);
  return { run, execution };
}

/** Carries out the main program of a run. */
async function carryOut(request: ExecuteRequest, script: string, answer: () => string | null) {
  const { run, execution } = startFor(request, answer);
  using _ = execution;
  if (request.mode === 'command') await execution.openInput();
  const facts = await execution.command({ argv: ['sh', '-c', script] }, true);
  const said: Buffer[] = [];
  for (let next = run.replay.next(1); next; next = run.replay.next(next.n)) said.push(Buffer.from(next.body));
  const questions = events(run).filter(({ kind }) => kind === 'waiting-input').length;
  return { facts, questions, said: Buffer.concat(said).toString() };
}

// @promise questions
it.each([
  ['query', 'read first; read second || echo "no more"; echo "$first-$second"'],
  ['batch', 'head -n 1 | { read first; read second </dev/null || echo "no more"; echo "$first-$second"; }'],
] as const)('the program of a %s is asked for what it reads, and told the end of its input', async (mode, script) => {
  const request =
    mode === 'query'
      ? { mode, code: '', timeoutMs: null }
      : { mode, clean: null, build: null, exec: '', timeoutMs: null };
  const answers = ['Ada', null];
  expect(await carryOut(request, script, () => answers.shift() ?? null)).toEqual({
    facts: { exitCode: 0, notStarted: null, cpuMs: expect.any(Number) },
    questions: mode === 'query' ? 2 : 1,
    said: 'no more\nAda-\n',
  });
});

it('a command whose input is closed is at its end at once, and nobody is asked', async () => {
  const request = { mode: 'command', argv: ['sh'], stdin: 'closed', timeoutMs: null } as const;
  expect(await carryOut(request, 'cat; echo over', () => 'Ada')).toMatchObject({ questions: 0, said: 'over\n' });
});

it('a program has used what itself has, and not what has built it or ended beside it', async () => {
  const { run, execution } = startFor({ mode: 'command', argv: ['x'], stdin: 'closed', timeoutMs: null });
  using _ = execution;
  const busy = { argv: ['sh', '-c', 'i=0; while [ $i -lt 400000 ]; do i=$((i+1)); done'] };
  await execution.command(busy, false);
  await Promise.all([execution.command(busy, false), execution.command({ argv: ['sleep', '1'] }, true)]);
  expect(run.summary().usage?.cpuMs).toBeLessThan(50);
  await execution.command(busy, true);
  expect(run.summary().usage?.cpuMs).toBeGreaterThan(100);
});
