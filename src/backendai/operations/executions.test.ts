import { once } from 'node:events';
import { expect, it } from 'vitest';
import { FakeClock } from '../../../test/support/fake-clock.ts';
import type { KernelView } from '../../agent/agent.ts';
import { newKernelId, parseRunId, type RunId } from '../../lib/ids.ts';
import { undescribed } from '../../protocol/run-description.ts';
import type { NumberedRunEvent, RunEvent, RunPhase, RunSummary } from '../../protocol/run-event.ts';
import { Executions, firstRunId, laterRunId, newestRunId } from './executions.ts';

/** An agent whose run says nothing to the first who asks, and then this without end; each event takes 4 ms. */
function endless(clock: FakeClock, event: RunEvent, body: string) {
  const counts = { asked: 0, read: 0 };
  const agent: ConstructorParameters<typeof Executions>[0] = {
    execute: async () => ({ existing: false }),
    input: async () => {},
    async *kernelEvents() {},
    inspect: async () => ({ phase: 'running', runs: [] }) as unknown as KernelView,
    async *events(_kernel, _run, _after, signal): AsyncGenerator<NumberedRunEvent> {
      counts.asked += 1;
      if (counts.asked === 1) await once(signal, 'abort').then(() => signal.throwIfAborted());
      for (;;) {
        counts.read += 1;
        await clock.advance(4);
        yield { n: counts.read, event, body: Buffer.from(body) };
      }
    },
  };
  return { agent, counts };
}

const turns = async (): Promise<void> => {
  for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => setImmediate(resolve));
};

async function stepOnce(executions: Executions): Promise<void> {
  const input = { kind: 'begin', request: { mode: 'query', code: 'x', timeoutMs: null } } as const;
  const step = { kernel: newKernelId(), run: 'r1', input, apiVersion: 3, flushMs: 5 };
  await executions.step(step, new AbortController().signal);
}

it('reads a run that prints without end in slices of time when nobody asks for it', async () => {
  const clock = new FakeClock();
  const { agent, counts } = endless(clock, { kind: 'stdout' }, 'x');
  await stepOnce(new Executions(agent, clock));
  await clock.advance(30_000);
  await turns();
  expect(counts.read).toBe(1);
  await clock.advance(90);
  await turns();
  expect(counts.read).toBe(4);
});

it('reads no further than it may keep of a run that asks without end', async () => {
  const clock = new FakeClock();
  const { agent, counts } = endless(clock, { kind: 'waiting-input', prompt: '?'.repeat(60_000), password: false }, '');
  await stepOnce(new Executions(agent, clock));
  await clock.advance(30_000);
  for (let slice = 0; slice < 5; slice += 1) {
    await turns();
    await clock.advance(90);
  }
  expect([counts.asked, counts.read]).toEqual([2, 5]);
});

const summary = (run: RunId, phase: RunPhase = 'finished'): RunSummary => ({
  ...undescribed,
  run,
  phase,
  last: 1,
  oldest: 1,
  exitCode: null,
  reason: null,
});

it('takes names that are ids as they are, and makes ids of all others', () => {
  expect(firstRunId('5facbf2f2697c1b7')).toBe('5facbf2f2697c1b7');
  const odd = ['', ' ', 'my run', '../x', '\u{1f600}', 'x'.repeat(65), 'a\0b'];
  const ids = odd.map(firstRunId);
  expect(ids.map(parseRunId)).toEqual(ids);
  expect(new Set(ids).size).toBe(odd.length);
  expect(odd.map(firstRunId)).toEqual(ids);
  expect(() => firstRunId('x'.repeat(1025))).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
});

it('finds the run that a name stands for', () => {
  const [early, late] = [laterRunId('my run', 999), laterRunId('my run', 1_795_627_344_433)];
  expect([early, late].map(parseRunId)).toEqual([early, late]);
  const first = firstRunId('my run');
  const others = [summary(parseRunId('my')), summary(laterRunId('another', 5))];
  expect(newestRunId('my run', others)).toBe(first);
  expect(newestRunId('my run', [...others, summary(first)])).toBe(first);
  expect(newestRunId('my run', [summary(late), summary(first), summary(early)])).toBe(late);
  expect(newestRunId('my run', [summary(early), summary(late), summary(first, 'running')])).toBe(first);
});
