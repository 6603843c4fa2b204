import { describe, expect, it } from 'vitest';
import { recordFixture } from '../../../test/support/kernel-record.ts';
import { systemClock } from '../../lib/clock.ts';
import { silentLogger } from '../../lib/log.ts';
import type { KernelRecord } from '../record.ts';
import { UnheldLimits } from './unheld-limits.ts';

const never = new AbortController().signal;

/** Tries a limit again, whose kernel is as `meanwhile` says when that has been set; answers what was undone. */
async function retried(scope: 'kernel' | 'generation', meanwhile: Partial<KernelRecord> | null): Promise<unknown[]> {
  const running = recordFixture({ phase: 'running' });
  let record: KernelRecord | null = running;
  const undone: unknown[] = [];
  const limits = new UnheldLimits({ clock: systemClock, log: silentLogger });
  const step = {
    ...{ name: 'host-limits', scope, deadlineMs: 1_000, apply: async () => ({}) },
    adopt: async () => {
      record = meanwhile && { ...running, ...meanwhile };
    },
    revert: async ({ generation }: KernelRecord) => void undone.push(generation),
  };
  limits.add(running, step, new Error('there is no program tc'));
  await limits.retry(() => record, never);
  expect(limits.of(running.spec.id)).toEqual([]);
  return undone;
}

describe('a limit that is set at last', () => {
  it('leaves nothing behind when its kernel has ended meanwhile', async () => {
    const { generation } = recordFixture();
    expect(await retried('generation', null)).toEqual([generation]);
    expect(await retried('generation', { phase: 'terminating' })).toEqual([generation]);
  });

  it('is not undone while the kernel lives, nor what the kernel keeps over its end', async () => {
    expect(await retried('generation', {})).toEqual([]);
    expect(await retried('generation', { phase: 'restarting' })).toEqual([]);
    expect(await retried('kernel', null)).toEqual([]);
  });
  it('is not tried again where there is no such container any more', async () => {
    const running = recordFixture({ phase: 'running' });
    const changed = [{ ...running, generation: 2 }, { ...running, phase: 'restarting' }, null] as const;
    for (const meanwhile of changed) {
      const limits = new UnheldLimits({ clock: systemClock, log: silentLogger });
      const adopt = async (): Promise<never> => expect.unreachable();
      const step = { name: 'host-limits', scope: 'generation', deadlineMs: 1_000, apply: async () => ({}) } as const;
      limits.add(running, { ...step, adopt, revert: adopt }, new Error('there is no program tc'));
      expect(limits.of(running.spec.id)).toHaveLength(1);
      await limits.retry(() => meanwhile, never);
      expect(limits.of(running.spec.id)).toEqual([]);
    }
  });
});
