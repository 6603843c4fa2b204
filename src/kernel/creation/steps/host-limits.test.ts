import { describe, expect, it } from 'vitest';
import { shellSpec } from '../../../../test/support/engine.ts';
import { recordFixture, specFixture } from '../../../../test/support/kernel-record.ts';
import { testImage } from '../../../../test/support/kernels-fixture.ts';
import { DummyEngine } from '../../../engine/dummy/dummy-engine.ts';
import { withDeadline } from '../../../lib/deadline.ts';
import { KerneletError } from '../../../lib/errors.ts';
import type { ContainerId } from '../../../lib/ids.ts';
import type { ScratchFolders } from '../../../storage/scratch.ts';
import { hostLimitsStep } from './host-limits.ts';

const limits = { ...specFixture().limits, bitsPerSecond: 10e6 };

/** Applies the step to a container; the programs that limit its network fail, right after `meanwhile`. */
async function applied(meanwhile: (engine: DummyEngine, id: ContainerId) => unknown): Promise<unknown> {
  const engine = new DummyEngine({ images: [testImage] });
  const id = await engine.createContainer(shellSpec(''), AbortSignal.timeout(1_000));
  await engine.startContainer(id, AbortSignal.timeout(1_000));
  const bandwidth = {
    limit: async () => {
      await meanwhile(engine, id);
      throw new KerneletError('NOT_SUPPORTED', 'nsenter: no such process');
    },
    remove: async () => {},
  };
  const scratch = {} as ScratchFolders;
  const step = hostLimitsStep({ engine, scratch, bandwidth, processRoot: '/proc' });
  const record = recordFixture({ spec: specFixture({ limits }), containerId: id });
  return await withDeadline({ what: 'test', timeoutMs: 5_000 }, (deadline) => step.apply(record, deadline));
}

describe('a bandwidth that cannot be limited', () => {
  it('fails the creation of a kernel whose container runs', async () => {
    await expect(applied(() => {})).rejects.toMatchObject({ code: 'NOT_SUPPORTED' });
  });

  it.each([
    ['ended', (engine: DummyEngine, id: ContainerId) => engine.container(id).exit(3)],
    ['been removed', (engine: DummyEngine, id: ContainerId) => engine.removeContainer(id, AbortSignal.timeout(1_000))],
  ])('says nothing when the container has %s meanwhile: why is for the wait for its runner to say', async (_, end) => {
    expect(await applied(end)).toEqual({});
  });
});
