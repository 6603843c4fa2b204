import { describe, expect, it } from 'vitest';
import type { RunId } from '../lib/ids.ts';
import type { ExecuteRequest } from '../protocol/execute-request.ts';
import { OutputRoom } from './output-room.ts';
import { fingerprint, Run, type RunControl } from './run.ts';

const control: RunControl = {
  interrupt: () => true,
  cancel() {},
  signal: () => true,
  resize: () => false,
  ask: () => ({ [Symbol.dispose]() {} }),
  input: () => true,
  stdin: async () => true,
};

function setUp(limitBytes = 1000) {
  const told: string[] = [];
  const run = new Run(
    'r' as RunId,
    { mode: 'query', code: 'x', timeoutMs: null },
    {
      room: new OutputRoom(limitBytes),
      observer: {
        eventsAdded: () => void told.push('events'),
        phaseChanged: (changed) => void told.push(changed.phase),
      },
      clock: { now: () => 1700 },
    },
  );
  return { run, told, phases: () => told.filter((item) => item !== 'events') };
}

describe('a run', () => {
  it('has used what its programs have, one behind the other', () => {
    const { run } = setUp();
    expect(run.summary().usage).toBeNull();
    run.used({ cpuMs: 10, peakBytes: null });
    expect(run.summary().usage).toEqual({ cpuMs: 10, peakBytes: null });
    run.used({ cpuMs: 20, peakBytes: 5 });
    run.used({ cpuMs: 0, peakBytes: 3 });
    expect(run.summary().usage).toEqual({ cpuMs: 30, peakBytes: 5 });
  });

  it('goes from its begin over questions to its end, and each change is published', () => {
    const { run, phases } = setUp();
    run.begin(control);
    run.waitForInput('name? ', false);
    run.inputGiven();
    run.inputGiven();
    run.finish(3, 'exited');
    expect(phases()).toEqual(['running', 'waiting-input', 'running', 'finished']);
    expect(run.summary()).toEqual({
      ...{ run: 'r', phase: 'finished', last: 3, oldest: 1, exitCode: 3, reason: 'exited' },
      ...{
        mode: 'query',
        context: 'main',
        name: null,
        command: null,
        output: 'wait',
        tty: false,
        pid: null,
        startedAt: 1700,
        usage: null,
      },
    });
  });

  it('has one end, after which nothing can be said and nobody be talked to', () => {
    const { run, told } = setUp();
    run.begin(control);
    run.finish(0, 'exited');
    const before = told.length;
    run.finish(-9, 'time-limit');
    run.output('stdout', Buffer.from('late'));
    expect(told).toHaveLength(before);
    expect(run.summary()).toMatchObject({ exitCode: 0, reason: 'exited', last: 2 });
    expect([run.control, run.request]).toEqual([null, null]);
  });

  it('holds its program up while its reader is behind, and lets it go on once', () => {
    const { run } = setUp(1000);
    run.begin(control);
    let resumed = 0;
    run.whenSpace(() => {
      resumed += 1;
    });
    expect(run.output('stdout', Buffer.alloc(100))).toBe(true);
    expect(run.output('stderr', Buffer.alloc(900))).toBe(false);
    run.acknowledge(1);
    expect(resumed).toBe(0);
    run.acknowledge(3);
    run.acknowledge(3);
    expect(resumed).toBe(1);
  });

  it('holds its program up sooner while other runs take the room of all, and lets it go on when they do not', () => {
    const room = new OutputRoom(64_000);
    const [run, ...others] = ['r', 'a', 'b', 'c', 'd'].map(
      (name) =>
        new Run(
          name as RunId,
          { mode: 'query', code: 'x', timeoutMs: null },
          {
            room,
            observer: { eventsAdded() {}, phaseChanged() {} },
            clock: { now: () => 0 },
          },
        ),
    );
    let resumed = 0;
    run?.whenSpace(() => {
      resumed += 1;
    });
    for (const other of others) other.output('stdout', Buffer.alloc(64_000));
    expect(run?.output('stdout', Buffer.alloc(500))).toBe(true);
    expect(run?.output('stdout', Buffer.alloc(500))).toBe(false);
    others[0]?.acknowledge(1);
    expect([run?.isFull, resumed]).toEqual([false, 1]);
    others[0]?.output('stdout', Buffer.alloc(64_000));
    expect(run?.isFull).toBe(true);
    others[1]?.drop();
    expect([run?.isFull, resumed]).toEqual([false, 2]);
  });

  it('that never runs lets go of who waits for its begin', async () => {
    const { run } = setUp();
    run.finish(-15, 'cancelled');
    await expect(run.begun).resolves.toBeUndefined();
  });
});

it('requests are distinguished by each of their parts, and equal ones are one', () => {
  const requests: readonly ExecuteRequest[] = [
    { mode: 'query', code: 'ab', timeoutMs: null },
    { mode: 'query', code: 'ba', timeoutMs: null },
    { mode: 'query', code: 'ab', timeoutMs: 1 },
    { mode: 'query', code: 'ab\0', timeoutMs: null },
    { mode: 'command', argv: ['ab'], timeoutMs: null },
    { mode: 'command', argv: ['a', 'b'], timeoutMs: null },
    ...Array.from({ length: 2000 }, (_, index) => ({ mode: 'query', code: `x = ${index}`, timeoutMs: null }) as const),
  ];
  expect(new Set(requests.map(fingerprint)).size).toBe(requests.length);
  for (const request of requests) expect(fingerprint(structuredClone(request))).toBe(fingerprint(request));
});
