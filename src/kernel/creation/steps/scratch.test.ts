import { describe, expect, it } from 'vitest';
import { recordFixture, specFixture } from '../../../../test/support/kernel-record.ts';
import { withDeadline } from '../../../lib/deadline.ts';
import { sameUsers } from '../../../storage/container-users.ts';
import type { ScratchFolders } from '../../../storage/scratch.ts';
import type { KernelPhase } from '../../record.ts';
import { scratchStep } from './scratch.ts';

/** The step, and what it asks of the folders. */
function noted() {
  const asked: unknown[] = [];
  const scratch = {
    adoptHome: async (id: string, inMemory: unknown) => void asked.push(['adopt', id, inMemory]),
    keep: async (id: string, note: string) =>
      void asked.push(['keep', id, note === '' ? note : JSON.parse(note).phase]),
    remove: async (id: string) => void asked.push(['remove', id]),
  } as unknown as ScratchFolders;
  return { asked, step: scratchStep(scratch, async () => sameUsers) };
}

const limits = { ...specFixture().limits, homeBytes: 2 ** 20 };
const limited = specFixture({ limits });

describe('the folders of a kernel of an earlier process', () => {
  it.each<[KernelPhase, boolean]>([
    ['running', true],
    ['restarting', true],
    ['terminating', false],
    ['creating', false],
  ])('have the limited home of one that is %s mounted: %s', async (phase, isMounted) => {
    const { asked, step } = noted();
    await withDeadline({ what: 'test', timeoutMs: 5_000 }, async (deadline) => {
      await step.adopt?.(recordFixture({ spec: limited, phase }), deadline);
      await step.adopt?.(recordFixture({ phase }), deadline);
    });
    expect(asked).toEqual(isMounted ? [['adopt', limited.id, null]] : []);
  });
});

it('the home of a kernel in memory is mounted again as its user’s where a start of the machine has taken it', async () => {
  const { asked, step } = noted();
  const spec = specFixture({ limits, homeInMemory: true });
  await withDeadline({ what: 'test', timeoutMs: 5_000 }, async (deadline) => {
    for (const phase of ['running', 'terminating'] as const)
      await step.adopt?.(recordFixture({ spec, phase }), deadline);
  });
  expect(asked).toEqual([['adopt', spec.id, { bytes: 2 ** 20, owner: spec.user }]]);
});

describe('the folders of a kernel that ends', () => {
  const ended = (reason: string) => ({ reason, exitCode: 3, detail: 'it ended', at: 5 });
  const { spec } = recordFixture({ spec: limited });

  it.each([
    [{ termination: ended('user-requested') }, ['remove', spec.id]],
    [{ termination: ended('self-terminated') }, ['keep', spec.id, 'terminating']],
    [{ termination: ended('self-terminated'), unrecordedSince: 5 }, ['keep', spec.id, '']],
  ])('go or stay by how it ended, without a way back where nothing is known of it: %j', async (change, expected) => {
    const { asked, step } = noted();
    await withDeadline({ what: 'test', timeoutMs: 5_000 }, (deadline) =>
      step.revert(recordFixture({ spec, phase: 'terminating', ...change }), deadline),
    );
    expect(asked).toEqual([expected]);
  });
});
