import { describe, expect, it } from 'vitest';
import { FakeClock } from '../lib/fake-clock.ts';
import { parseRunId } from '../lib/ids.ts';
import type { RunPhase } from '../wire/run-event.ts';
import { RunFollower } from './run-follower.ts';
import type { RunnerClientEvent } from './runner-client.ts';

const run = (phase: RunPhase, id = 'r'): RunnerClientEvent => ({
  type: 'run',
  summary: { run: parseRunId(id), phase, last: 0, oldest: 1, exitCode: null, reason: null },
});

function follow(): { clock: FakeClock; follower: RunFollower; say: (event: RunnerClientEvent) => void } {
  const clock = new FakeClock();
  const listeners = new Set<(event: RunnerClientEvent) => void>();
  const follower = new RunFollower(
    {
      runs: () => [],
      subscribe: (listener) => {
        listeners.add(listener);
        return { [Symbol.dispose]: () => void listeners.delete(listener) };
      },
    },
    clock,
  );
  return { clock, follower, say: (event) => [...listeners].forEach((listener) => void listener(event)) };
}

describe('RunFollower', () => {
  it('counts idle time from the start, and from the end of the last run', async () => {
    const { clock, follower, say } = follow();
    await clock.advance(5);
    expect(follower.idleMs()).toBe(5);
    say(run('queued'));
    say(run('running', 'other'));
    await clock.advance(100);
    say(run('finished'));
    expect(follower.idleMs()).toBe(0);
    say(run('finished', 'other'));
    await clock.advance(7);
    expect(follower.idleMs()).toBe(7);
    follower.touch();
    expect(follower.idleMs()).toBe(0);
  });

  it('is idle while its user lets it wait, and forgets runs that a new connection does not know', async () => {
    const { clock, follower, say } = follow();
    say(run('running'));
    say(run('waiting-input'));
    await clock.advance(3);
    expect(follower.idleMs()).toBe(3);
    say(run('running'));
    say({ type: 'connected' });
    await clock.advance(2);
    expect(follower.idleMs()).toBe(2);
    follower[Symbol.dispose]();
    say(run('running'));
    expect(follower.idleMs()).toBe(2);
  });
});
