import { beforeEach, expect, it } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { KerneletError } from '../lib/errors.ts';
import { type Logger, silentLogger } from '../lib/log.ts';
import type { AgentPhase, AgentStatus, KernelPhase, KernelView } from './agent.ts';
import { endKernels } from './end-kernels.ts';

let lines: unknown[];
beforeEach(() => {
  lines = [];
});
const log: Logger = {
  ...silentLogger,
  info: (_, fields) => void lines.push(fields),
  warn: (message) => void lines.push(message),
};

function agentWith(
  kernels: Readonly<Record<string, KernelPhase>>,
  destroy: (id: string) => Promise<void>,
  phase: AgentPhase = 'ready',
) {
  const asked: unknown[] = [];
  const views = Object.entries(kernels).map(([id, of]) => ({ id, phase: of }) as KernelView);
  return {
    asked,
    status: async () => ({ phase }) as AgentStatus,
    list: async () => views,
    destroy: async (id: string, options: object) => {
      asked.push([id, options]);
      await destroy(id);
      return views[0] as KernelView;
    },
  };
}

const options = { stop: AbortSignal.abort(), timeoutMs: 1_000, clock: new FakeClock(), log };
const how = { force: false, reason: 'agent-termination' };

it('ends those that run, and leaves creations to those who undo them', async () => {
  const agent = agentWith({ a: 'running', b: 'creating', c: 'restarting' }, async () => {});
  await endKernels(agent, options);
  expect(agent.asked).toEqual([
    ['a', how],
    ['c', how],
  ]);
  expect(lines).toEqual([{ ended: 2, left: 0 }]);
});

it('goes on over one that fails, and takes one that has ended by itself for ended', async () => {
  const agent = agentWith({ a: 'running', b: 'running' }, async (id) => {
    throw new KerneletError(id === 'a' ? 'ENGINE_FAILED' : 'KERNEL_NOT_RUNNING', id);
  });
  await endKernels(agent, options);
  expect(lines).toEqual(['a kernel could not be ended', { ended: 1, left: 1 }]);
});

it('waits within a bound for an engine that hangs', async () => {
  const clock = new FakeClock();
  const agent = agentWith({ a: 'running', b: 'running' }, async (id) => {
    if (id === 'b') await new Promise(() => {});
  });
  const ended = endKernels(agent, { ...options, clock });
  await clock.advance(1_000);
  await ended;
  expect(lines).toEqual([{ ended: 1, left: 1 }]);
});

it.each(['recovering', 'stopping'] as const)('ends none while the agent is %s', async (phase) => {
  const agent = agentWith({ a: 'running' }, async () => {}, phase);
  await endKernels(agent, options);
  expect([agent.asked, lines.length]).toEqual([[], 1]);
});

it('ends none when a failure ends the daemon', async () => {
  const agent = agentWith({ a: 'running' }, async () => {});
  await endKernels(agent, { ...options, stop: new AbortController().signal });
  expect([agent.asked, lines.length]).toEqual([[], 1]);
});
