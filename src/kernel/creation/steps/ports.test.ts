import { describe, expect, it } from 'vitest';
import { recordFixture, specFixture } from '../../../../test/support/kernel-record.ts';
import { FakeLeases } from '../../../../test/support/kernels-fixture.ts';
import { Deadline } from '../../../lib/deadline.ts';
import { noPlacement } from '../../record.ts';
import { portsStep } from './ports.ts';

const deadline = () => new Deadline({ what: 'test', timeoutMs: 5_000 });

describe('the step that leases ports', () => {
  it('passes over ports that others use, and puts them aside', async () => {
    const ports = new FakeLeases(100);
    const step = portsStep({ ports, canBind: async (port) => port % 2 === 1 });
    const record = recordFixture({ spec: specFixture({ publish: [80, 81] }) });
    using bound = deadline();
    const { placement } = await step.apply(record, bound);
    expect(placement?.hostPorts).toEqual([
      { containerPort: 80, hostPort: 101 },
      { containerPort: 81, hostPort: 103 },
    ]);
    expect(ports.quarantined).toEqual([100, 102]);
    await step.revert(record, bound);
    await step.revert(record, bound);
    expect(ports.held.size).toBe(0);
  });

  it('takes the ports that somebody has chosen, and gives them back with the others', async () => {
    const ports = new FakeLeases(100);
    const step = portsStep({ ports, canBind: async () => true });
    const fixedPorts = [{ containerPort: 2200, hostPort: 40_000 }];
    const spec = specFixture({ publish: [2200, 80], fixedPorts, assignedPorts: [40_000, 40_001] });
    const record = recordFixture({ spec });
    using bound = deadline();
    const { placement = noPlacement } = await step.apply(record, bound);
    expect(placement.hostPorts).toEqual([...fixedPorts, { containerPort: 80, hostPort: 100 }]);
    expect(ports.heldBy(spec.id).toSorted()).toEqual([100, 40_000, 40_001]);
    await step.revert({ ...record, placement }, bound);
    expect(ports.held.size).toBe(0);
    await step.adopt?.({ ...record, placement }, bound);
    expect(ports.heldBy(spec.id).toSorted()).toEqual([100, 40_000, 40_001]);
  });

  it('leases nothing more once it was cancelled: what it held is freed by then', async () => {
    const ports = new FakeLeases(100);
    const cancel = new AbortController();
    const probe = Promise.withResolvers<boolean>();
    const step = portsStep({ ports, canBind: () => probe.promise });
    const record = recordFixture({ spec: specFixture({ publish: [80] }) });
    using bound = new Deadline({ what: 'test', timeoutMs: 5_000, signal: cancel.signal });
    const applying = step.apply(record, bound);
    cancel.abort(new Error('cancelled'));
    await step.revert(record, bound);
    probe.resolve(false);
    await expect(applying).rejects.toThrow('cancelled');
    expect(ports.held.size).toBe(0);
  });

  it('gives up after many, and takes over what a record holds once', async () => {
    const ports = new FakeLeases(100);
    const step = portsStep({ ports, canBind: async () => false });
    using bound = deadline();
    await expect(step.apply(recordFixture({ spec: specFixture({ publish: [80] }) }), bound)).rejects.toMatchObject({
      code: 'NO_PORT_LEFT',
    });
    const record = recordFixture({ placement: { ...noPlacement, hostPorts: [{ containerPort: 80, hostPort: 7 }] } });
    await step.adopt?.(record, bound);
    await step.adopt?.(record, bound);
    expect(ports.heldBy(record.spec.id)).toEqual([7]);
  });
});
