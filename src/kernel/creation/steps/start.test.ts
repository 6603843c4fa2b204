import { describe, expect, it } from 'vitest';
import { specFixture } from '../../../../test/support/kernel-record.ts';
import { FakeLeases, usingFixtures } from '../../../../test/support/kernels-fixture.ts';
import { KerneletError } from '../../../lib/errors.ts';

const fixture = usingFixtures();
const never = new AbortController().signal;
const refused = (
  context: KerneletError['context'],
  code: 'ENGINE_FAILED' | 'ENGINE_UNAVAILABLE' = 'ENGINE_FAILED',
) => ({
  ...{ kind: 'error' as const },
  error: new KerneletError(code, 'port is already allocated', { context }),
});

describe('a start that the engine refuses', () => {
  it('for a port that another program has taken is tried with another port, and that one is put aside', async () => {
    const ports = new FakeLeases(31_000);
    const one = await fixture({ parts: { ports } });
    one.dummy.fail('startContainer', refused({ port: 31_001 }));
    const spec = specFixture({ publish: [80, 81], network: 'bridge' });
    const { placement, containerId } = await one.kernels.registry.create(spec, never);
    expect(placement.hostPorts).toEqual([
      { containerPort: 80, hostPort: 31_000 },
      { containerPort: 81, hostPort: 31_002 },
    ]);
    expect([ports.quarantined, ports.heldBy(spec.id)]).toEqual([[31_001], [31_000, 31_002]]);
    const container = one.containerOf(spec.id);
    expect(container.id).toBe(containerId);
    expect(container.spec.ports.map(({ hostPort }) => hostPort)).toEqual([31_000, 31_002]);
    expect(one.dummy.containers).toHaveLength(1);
  });

  it('three times for its ports is tried a fourth time, and no more', async () => {
    const ports = new FakeLeases(31_000);
    const one = await fixture({ parts: { ports } });
    for (const port of [31_000, 31_001, 31_002]) one.dummy.fail('startContainer', refused({ port }));
    const spec = specFixture({ publish: [80], network: 'bridge' });
    const { placement } = await one.kernels.registry.create(spec, never);
    expect(placement.hostPorts).toEqual([{ containerPort: 80, hostPort: 31_003 }]);
    for (const port of [31_004, 31_005, 31_006, 31_007]) one.dummy.fail('startContainer', refused({ port }));
    const other = specFixture({ publish: [80], network: 'bridge' });
    await expect(one.kernels.registry.create(other, never)).rejects.toMatchObject({ code: 'ENGINE_FAILED' });
    expect(ports.heldBy(other.id)).toEqual([]);
  });

  it.each([
    ['for a port that is not the kernel’s', refused({ port: 1 })],
    ['for a port that is no number', refused({ port: '31000' })],
    ['since it does not answer', refused({ port: 31_000 }, 'ENGINE_UNAVAILABLE')],
  ])('%s costs the kernel its creation', async (_, fault) => {
    const ports = new FakeLeases(31_000);
    const one = await fixture({ parts: { ports } });
    one.dummy.fail('startContainer', fault);
    const spec = specFixture({ publish: [80], network: 'bridge' });
    await expect(one.kernels.registry.create(spec, never)).rejects.toMatchObject({ code: fault.error.code });
    expect(one.dummy.calls.filter(({ method }) => method === 'startContainer')).toHaveLength(1);
    expect(ports.quarantined).toEqual([]);
  });
});
