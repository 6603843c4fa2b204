import { mkdir, rmdir, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FakePacketFilter } from '../../../test/support/fake-packet-filter.ts';
import { specFixture } from '../../../test/support/kernel-record.ts';
import { type KernelsFixture, usingFixtures } from '../../../test/support/kernels-fixture.ts';
import type { ContainerSpec } from '../../engine/engine.ts';
import type { KernelId } from '../../lib/ids.ts';
import { labelNames, Ownership } from '../container/ownership.ts';

const fixture = usingFixtures();
const never = new AbortController().signal;

/** Makes a container of a kernel without a record. */
async function orphanSpec(one: KernelsFixture, like: ContainerSpec): Promise<KernelId> {
  const { id } = specFixture();
  const name = `kernel.base.${id}`;
  const proof = new Ownership(one.state.agentId, one.state.secret).proof(name);
  const labels = { ...like.labels, [labelNames.kernelId]: id, [labelNames.proof]: proof };
  await one.dummy.createContainer({ ...like, name, labels, ports: [] }, never);
  return id;
}

describe('sweeping', () => {
  // @promise firewall-mended
  it('puts the firewall’s rules back once there is a network: others flush them without a word', async () => {
    const filter = new FakePacketFilter();
    const one = await fixture({ parts: { packetFilter: filter } });
    const { registry } = one.kernels;
    await registry.sweep(never);
    await registry.create(specFixture({ network: 'none' }), never);
    await registry.sweep(never);
    expect(filter.calls).toEqual([]);
    const { spec } = await registry.create(specFixture({ network: 'bridge' }), never);
    const put = () => filter.calls.filter((call) => call === 'nft -f -').length;
    expect(put()).toBe(1);
    await registry.sweep(never);
    expect(put()).toBe(1);
    filter.tables.clear();
    await registry.sweep(never);
    expect(put()).toBe(2);
    // The next kernel comes to this network without a look at its rules.
    await registry.destroy(spec.id, { reason: 'user-requested', force: true });
    filter.tables.clear();
    await registry.sweep(never);
    expect([put(), filter.tables.size]).toEqual([3, 1]);
  });

  // @promise nothing-leaks
  it('removes an orphan that is provably ours at the second sight, and nothing else', async () => {
    const one = await fixture();
    const spec = specFixture();
    await one.kernels.registry.create(spec, never);
    const made = one.containerOf(spec.id).spec;
    const orphan = specFixture();
    const name = `kernel.base.${orphan.id}`;
    const labels = { ...made.labels, [labelNames.kernelId]: orphan.id };
    // It has every label of ours, but the proof is another name's: an image may have inherited it.
    await one.dummy.createContainer({ ...made, name, labels, ports: [] }, never);
    const proof = new Ownership(one.state.agentId, one.state.secret);
    const ours = specFixture();
    const oursName = `kernel.base.${ours.id}`;
    await one.dummy.createContainer(
      {
        ...made,
        name: oursName,
        labels: { ...labels, [labelNames.kernelId]: ours.id, [labelNames.proof]: proof.proof(oursName) },
      },
      never,
    );
    await one.kernels.registry.sweep(never);
    expect(one.dummy.containers).toHaveLength(3);
    await one.kernels.registry.sweep(never);
    expect(one.dummy.containers.map((container) => container.spec.name)).toEqual([made.name, name]);
    expect(one.events.at(-1)).toMatchObject({ type: 'kernel-terminated', kernelId: ours.id, reason: 'abandoned' });
  });

  it('leaves a container alone that is newer than its kernel knows of, and counts it', async () => {
    const one = await fixture();
    const { registry } = one.kernels;
    const { spec } = await registry.create(specFixture(), never);
    const made = one.containerOf(spec.id).spec;
    const name = `kernel.base.${spec.id}`;
    const proof = new Ownership(one.state.agentId, one.state.secret).proof(name);
    const labels = { ...made.labels, [labelNames.generation]: '2', [labelNames.proof]: proof };
    await one.dummy.createContainer({ ...made, name, labels, ports: [] }, never);
    for (let pass = 0; pass < 3; pass += 1) await registry.sweep(never);
    expect(one.dummy.containers.map((container) => container.spec.name)).toEqual([made.name, name]);
    expect(one.invariantViolations.snapshot()).toEqual({ 'newer-generation': 3 });
  });

  it('goes on once at a time: a pass beside one that waits for the engine asks it nothing', async () => {
    const one = await fixture();
    const { registry } = one.kernels;
    const abort = new AbortController();
    using _hanging = one.dummy.fail('listContainers', { kind: 'hang' });
    const first = registry.sweep(abort.signal).catch((error: unknown) => error);
    const asked = () => one.dummy.calls.filter(({ method }) => method === 'listContainers').length;
    await expect.poll(asked).toBe(1);
    await registry.sweep(never);
    expect(asked()).toBe(1);
    abort.abort();
    await first;
  });

  it('leaves a container and its folder alone while the record of its kernel lies aside', async () => {
    const one = await fixture();
    const { spec } = await one.kernels.registry.create(specFixture(), never);
    const id = await orphanSpec(one, one.containerOf(spec.id).spec);
    const longAgo = new Date(Date.now() - 86_400_000);
    await one.kernels.scratch.create(id, { uid: 1000, gid: 1000 });
    await utimes(one.kernels.scratch.paths(id).root, longAgo, longAgo);
    const aside = join(one.state.quarantine, `${id}.1.1`);
    await mkdir(aside);
    for (let pass = 0; pass < 3; pass += 1) await one.kernels.registry.sweep(never);
    const holders = () => one.dummy.containers.map((container) => container.spec.labels[labelNames.kernelId]);
    expect(holders()).toEqual([spec.id, id]);
    expect(await one.kernels.scratch.list()).toHaveLength(2);

    await rmdir(aside);
    for (let pass = 0; pass < 3; pass += 1) await one.kernels.registry.sweep(never);
    expect(holders()).toEqual([spec.id]);
    expect(await one.kernels.scratch.list()).toHaveLength(1);
  });

  it('leaves the old folder of a kernel that is not known alone while there is a container of it', async () => {
    const one = await fixture();
    const { spec } = await one.kernels.registry.create(specFixture(), never);
    const id = await orphanSpec(one, one.containerOf(spec.id).spec);
    const orphaned = specFixture().id;
    const longAgo = new Date(Date.now() - 86_400_000);
    for (const kernel of [id, orphaned]) {
      await one.kernels.scratch.create(kernel, { uid: 1000, gid: 1000 });
      await utimes(one.kernels.scratch.paths(kernel).root, longAgo, longAgo);
    }
    const folders = async () => (await one.kernels.scratch.list()).map(({ kernel }) => kernel).sort();
    await one.kernels.registry.sweep(never);
    expect(await folders()).toEqual([id, spec.id].sort());
    await one.kernels.registry.sweep(never);
    await one.kernels.registry.sweep(never);
    expect(await folders()).toEqual([spec.id]);
  });

  it('goes on when one cannot be removed, and tries that again', async () => {
    const one = await fixture();
    const { spec } = await one.kernels.registry.create(specFixture(), never);
    const made = one.containerOf(spec.id).spec;
    for (let count = 0; count < 2; count += 1) await orphanSpec(one, made);
    one.dummy.fail('removeContainer', { kind: 'error' });
    await one.kernels.registry.sweep(never);
    await one.kernels.registry.sweep(never);
    expect(one.dummy.containers).toHaveLength(2);
    await one.kernels.registry.sweep(never);
    expect(one.dummy.containers.map((container) => container.spec.name)).toEqual([made.name]);
    expect(one.invariantViolations.snapshot()).toEqual({ 'swept-container': 2 });
  });

  it('publishes no second end of a kernel', async () => {
    const one = await fixture({ settings: { sweepGraceMs: 0 } });
    const { spec } = await one.kernels.registry.create(specFixture(), never);
    const container = one.containerOf(spec.id).spec;
    await one.kernels.registry.destroy(spec.id, { reason: 'user-requested', force: true });
    await one.dummy.createContainer(container, never);
    await one.kernels.registry.sweep(never);
    await one.kernels.registry.sweep(never);
    expect(one.dummy.containers).toEqual([]);
    expect(one.types().filter((type) => type === 'kernel-terminated')).toHaveLength(1);
  });
});
