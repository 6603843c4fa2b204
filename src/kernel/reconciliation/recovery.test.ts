import { describe, expect, it } from 'vitest';
import { recordFixture } from '../../../test/support/kernel-record.ts';
import { asContainerId, type KernelId, newKernelId, parseSessionId } from '../../lib/ids.ts';
import type { ListedContainer } from './owned-containers.ts';
import { decideRecovery } from './recovery.ts';
import { judge } from './sweep.ts';

function container(change: Partial<ListedContainer> = {}): ListedContainer {
  const kernelId = change.kernelId ?? newKernelId();
  return {
    containerId: asContainerId('c1'),
    kernelId,
    sessionId: parseSessionId(kernelId),
    generation: 1,
    state: 'running',
    placement: null,
    ...change,
  };
}

const none: ReadonlySet<KernelId> = new Set();

describe('deciding a recovery', () => {
  it('gives every record its own container and leaves older ones to the sweep', () => {
    const record = recordFixture({ generation: 2, containerId: asContainerId('new') });
    const kernelId = record.spec.id;
    const [older, own] = [
      container({ kernelId, containerId: asContainerId('old') }),
      container({ kernelId, generation: 2, containerId: asContainerId('new') }),
    ];
    expect(decideRecovery([record], [older, own], none)).toEqual([
      { kind: 'resume', record, container: own },
      { kind: 'leave-to-sweep', container: older },
    ]);
  });

  it('resumes a record without a container, and restores a living container without a record', () => {
    const record = recordFixture();
    const [alive, dead] = [container(), container({ state: 'exited' })];
    expect(decideRecovery([record], [alive, dead], none)).toEqual([
      { kind: 'resume', record, container: null },
      { kind: 'restore', container: alive },
      { kind: 'leave-to-sweep', container: dead },
    ]);
  });

  it('restores the latest container of a kernel that lives, and one that does not where the record was put aside', () => {
    const kernelId = newKernelId();
    const of = (generation: number, state: ListedContainer['state']) =>
      container({ kernelId, generation, state, containerId: asContainerId(`c${generation}`) });
    const [older, latest, dead] = [of(1, 'running'), of(2, 'paused'), of(3, 'exited')];
    const restored = (containers: readonly ListedContainer[], aside: ReadonlySet<KernelId>) =>
      decideRecovery([], containers, aside).flatMap((one) => (one.kind === 'restore' ? one.container.generation : []));
    const own = new Set([kernelId]);
    expect(restored([older, latest, dead], none)).toEqual([2]);
    expect(restored([dead, latest, older], own)).toEqual([2]);
    expect(restored([of(1, 'exited'), dead], own)).toEqual([3]);
    expect(restored([of(1, 'exited'), dead], none)).toEqual([]);
  });

  it('does not take a container of a newer generation for the record’s', () => {
    const record = recordFixture();
    const newer = container({ kernelId: record.spec.id, generation: 2 });
    expect(decideRecovery([record], [newer], none)).toEqual([
      { kind: 'resume', record, container: null },
      { kind: 'leave-to-sweep', container: newer },
    ]);
  });
});

describe('judging a container in a sweep', () => {
  const record = recordFixture({ generation: 2, containerId: asContainerId('mine') });
  const of = (containerId: string, generation: number) =>
    container({ kernelId: record.spec.id, containerId: asContainerId(containerId), generation });

  it.each([
    ['its own', of('mine', 2), { record, steady: true }, 'fine'],
    ['an older one', of('old', 1), { record, steady: true }, 'suspect'],
    ['a newer one', of('odd', 3), { record, steady: true }, 'newer'],
    ['any, while something is under way', of('old', 1), { record, steady: false }, 'fine'],
    [
      'any, in another phase',
      of('old', 1),
      { record: { ...record, phase: 'restarting' as const }, steady: true },
      'fine',
    ],
    ['one without a kernel', of('old', 1), undefined, 'suspect'],
  ])('finds %s', (_, one, actor, verdict) => {
    expect(judge(one, actor)).toBe(verdict);
  });
});
