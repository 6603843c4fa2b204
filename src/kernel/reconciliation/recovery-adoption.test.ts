import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { specFixture } from '../../../test/support/kernel-record.ts';
import { FakeLeases, usingFixtures } from '../../../test/support/kernels-fixture.ts';
import { KerneletError } from '../../lib/errors.ts';
import type { CreationPlan, CreationStep } from '../creation/step.ts';

const fixture = usingFixtures();
const never = new AbortController().signal;

describe('recovering', () => {
  it('does nothing by halves when the engine goes away in the middle, so that it can be tried again', async () => {
    const first = await fixture();
    const specs = [specFixture({ publish: [80] }), specFixture()];
    for (const spec of specs) await first.kernels.registry.create(spec, never);
    await first[Symbol.asyncDispose]();
    for (const spec of specs) first.containerOf(spec.id).exit(3);
    const second = await fixture({ folder: first.folder, engine: first.dummy });
    const turns = [false, true];
    const gone = new KerneletError('ENGINE_UNAVAILABLE', 'gone');
    using _fault = first.dummy.fail(
      'inspectContainer',
      { kind: 'error', error: gone },
      { matches: () => turns.shift() ?? false },
    );
    await expect(second.kernels.registry.recover(never)).rejects.toBe(gone);
    expect(second.events).toEqual([]);
    expect(second.kernels.registry.list()).toEqual([]);
    expect(await second.kernels.registry.recover(never)).toEqual({ adopted: 0, ended: 2, quarantined: 0 });
    expect(second.types()).toEqual(['kernel-terminated', 'kernel-terminated']);
    expect(await second.leftovers()).toEqual([]);
  });

  it('adopts running kernels with their leases, and ends what died meanwhile', async () => {
    const first = await fixture();
    const alive = specFixture({ publish: [80] });
    const dead = specFixture();
    const gone = specFixture();
    const record = await first.kernels.registry.create(alive, never);
    await first.kernels.registry.create(dead, never);
    await first.kernels.registry.create(gone, never);
    await first[Symbol.asyncDispose]();
    expect(first.dummy.containers.every((container) => container.running)).toBe(true);
    first.containerOf(dead.id).exit(3);
    await first.dummy.removeContainer(first.containerOf(gone.id).id, never);
    await writeFile(join(first.folder, 'kernels', 'damaged'), 'no record');

    const second = await fixture({ folder: first.folder, engine: first.dummy });
    const summary = await second.kernels.registry.recover(never);
    expect(summary).toEqual({ adopted: 2, ended: 1, quarantined: 1 });
    expect(second.kernels.registry.get(gone.id)).toMatchObject({ phase: 'running', missingSince: expect.any(Number) });
    expect(() => second.kernels.registry.client(gone.id)).toThrow(expect.objectContaining({ code: 'KERNEL_MISSING' }));
    for (let pass = 0; pass < 2; pass += 1) await second.kernels.registry.sweep(never);
    await expect.poll(() => second.kernels.registry.list()).toHaveLength(1);
    expect(second.kernels.registry.get(alive.id)).toMatchObject({ phase: 'running', containerId: record.containerId });
    expect(second.devices.holders()).toEqual([alive.id]);
    expect([...second.leases.held.keys()]).toEqual(record.placement.hostPorts.map(({ hostPort }) => hostPort));
    expect(second.clients).toContain(second.kernels.registry.client(alive.id));
    expect(second.clients.map(({ address }) => address)).toContainEqual(first.clients[0]?.address);
    const reasons = second.events.map((event) => event.type === 'kernel-terminated' && [event.kernelId, event.reason]);
    expect(reasons).toEqual(
      expect.arrayContaining([
        [dead.id, 'self-terminated'],
        [gone.id, 'container-not-found'],
      ]),
    );
    await second.kernels.registry.destroy(alive.id, { reason: 'user-requested', force: true });
    expect(await second.leftovers()).toEqual([]);
  });

  it('tells a kernel that ended by itself from those that its engine ended later', async () => {
    const first = await fixture();
    const [own, fallen] = [specFixture(), specFixture()];
    for (const spec of [own, fallen]) await first.kernels.registry.create(spec, never);
    await first[Symbol.asyncDispose]();
    const now = Date.now();
    first.containerOf(own.id).exit(0, { now });
    first.containerOf(fallen.id).exit(137, { now: now + 60_000 });
    await expect.poll(() => Date.now()).toBeGreaterThan(now);
    first.dummy.restart(137);
    const second = await fixture({ folder: first.folder, engine: first.dummy });
    await second.kernels.registry.recover(never);
    const reasons = second.events.map((event) => event.type === 'kernel-terminated' && [event.kernelId, event.reason]);
    expect(reasons).toHaveLength(2);
    expect(reasons).toEqual(
      expect.arrayContaining([
        [own.id, 'self-terminated'],
        [fallen.id, 'engine-restart'],
      ]),
    );
  });

  it('takes no start of the machine for the end of a kernel that was started after it', async () => {
    const first = await fixture();
    const spec = specFixture();
    await first.kernels.registry.create(spec, never);
    await first[Symbol.asyncDispose]();
    first.containerOf(spec.id).exit(0);
    // An earlier process was killed before it could note the start.
    await writeFile(join(first.state.path, 'boot-id'), '00000000-0000-4000-8000-000000000000\n');
    const second = await fixture({ folder: first.folder, engine: first.dummy });
    await second.kernels.registry.recover(never);
    expect(second.events).toMatchObject([{ type: 'kernel-terminated', reason: 'self-terminated' }]);
  });

  it('takes the copy in the scratch folder when the record is damaged', async () => {
    const blocker = await fixture();
    const blocking = await blocker.kernels.registry.create(specFixture({ publish: [80] }), never);
    const taken = blocking.placement.hostPorts[0]?.hostPort ?? 0;
    const first = await fixture({ engine: blocker.dummy, parts: { ports: new FakeLeases(taken) } });
    const spec = specFixture({ publish: [80] });
    const { placement } = await first.kernels.registry.create(spec, never);
    expect(placement.hostPorts).toEqual([{ containerPort: 80, hostPort: taken + 1 }]);
    await first[Symbol.asyncDispose]();
    await writeFile(join(first.state.kernels, spec.id, 'record.json'), '{"version":1,');
    const second = await fixture({ folder: first.folder, engine: first.dummy });
    expect(await second.kernels.registry.recover(never)).toEqual({ adopted: 1, ended: 0, quarantined: 1 });
    expect(second.kernels.registry.get(spec.id)).toMatchObject({ phase: 'running', spec, placement });
    // Not the port that the record's copy has, which another program had taken.
    expect([...second.leases.held.keys()]).toEqual([taken + 1]);
  });

  it('finds kernels, orphans and prewarmed networks of the time when the agent was called something else', async () => {
    const networks = { settings: { prewarmedNetworks: 1 } };
    const first = await fixture({ ...networks, agentId: 'i-before' });
    const [running, lost, left] = [specFixture({ network: 'bridge' }), specFixture(), specFixture()];
    for (const spec of [running, lost, left]) await first.kernels.registry.create(spec, never);
    const prewarmedNetworks = () =>
      first.dummy.containers.filter(({ spec }) => spec.name.startsWith('kernelet-network.'));
    await expect.poll(() => prewarmedNetworks().length).toBe(1);
    const [prewarmedNetwork] = prewarmedNetworks();
    {
      using _fault = first.dummy.fail('removeContainer', { kind: 'error' }, { times: 10 });
      await first[Symbol.asyncDispose]();
    }
    expect(prewarmedNetworks()).toEqual([prewarmedNetwork]);
    // Both records are lost, one kernel's scratch folder as well; of the third a dead container is left.
    for (const { id } of [running, lost, left]) await rm(join(first.state.kernels, id), { recursive: true });
    for (const { id } of [lost, left]) await rm(first.kernels.scratch.paths(id).root, { recursive: true });
    first.containerOf(left.id).exit(0);

    const second = await fixture({ ...networks, agentId: 'i-now', folder: first.folder, engine: first.dummy });
    expect(second.state.agentId).toBe('i-now');
    expect(await second.kernels.registry.recover(never)).toEqual({ adopted: 2, ended: 0, quarantined: 0 });
    for (const { id } of [running, lost]) expect(second.kernels.registry.get(id).phase).toBe('running');
    // Nobody knows any more what was in its files: another one takes its place.
    await expect.poll(() => prewarmedNetworks().filter((one) => one !== prewarmedNetwork).length).toBe(1);
    await expect.poll(() => prewarmedNetworks().length).toBe(1);
    for (let pass = 0; pass < 2; pass += 1) await second.kernels.registry.sweep(never);
    expect(second.events).toMatchObject([{ type: 'kernel-terminated', kernelId: left.id, reason: 'abandoned' }]);
    for (const { id } of [running, lost]) {
      await second.kernels.registry.destroy(id, { reason: 'user-requested', force: true });
    }
    await second.kernels[Symbol.asyncDispose]();
    expect(second.dummy.containers).toEqual([]);
  });

  it('leaves what an agent of the same id has made alone', async () => {
    const [ours, theirs] = [specFixture(), specFixture({ network: 'bridge' })];
    const networks = { settings: { prewarmedNetworks: 1 } };
    const other = await fixture({ ...networks, agentId: 'i-twin' });
    await other.kernels.registry.create(theirs, never);
    await expect.poll(() => other.dummy.containers.length).toBe(2);
    const before = other.dummy.containers;
    const one = await fixture({ ...networks, agentId: 'i-twin', engine: other.dummy });
    expect(await one.kernels.registry.recover(never)).toEqual({ adopted: 0, ended: 0, quarantined: 0 });
    await one.kernels.registry.create(ours, never);
    for (let pass = 0; pass < 3; pass += 1) await one.kernels.registry.sweep(never);
    await one.kernels.registry.destroy(ours.id, { reason: 'user-requested', force: true });
    await one.kernels[Symbol.asyncDispose]();
    expect(other.dummy.containers).toEqual(before);
    expect(before.map(({ running }) => running)).toEqual([true, true]);
  });

  it('takes over the leases of all kernels side by side', async () => {
    const first = await fixture();
    for (let count = 0; count < 3; count += 1) await first.kernels.registry.create(specFixture(), never);
    await first[Symbol.asyncDispose]();
    const all = Promise.withResolvers<void>();
    let waiting = 0;
    const meet = async (): Promise<void> => {
      waiting += 1;
      if (waiting === 3) all.resolve();
      await all.promise;
    };
    const adaptPlan = (plan: CreationPlan): CreationPlan =>
      plan.map((entry) => ('apply' in entry && entry.name === 'network' ? { ...entry, adopt: meet } : entry));
    const second = await fixture({ folder: first.folder, engine: first.dummy, parts: { adaptPlan } });
    expect(await second.kernels.registry.recover(never)).toEqual({ adopted: 3, ended: 0, quarantined: 0 });
    expect(second.invariantViolations.snapshot()).toEqual({});
  });

  it('tries limits that could not be set again until they hold, and says so until then', async () => {
    const first = await fixture();
    const specs = [specFixture(), specFixture(), specFixture()] as const;
    for (const spec of specs) await first.kernels.registry.create(spec, never);
    await first[Symbol.asyncDispose]();
    const failures = new Map(specs.map(({ id }, index) => [id, index]));
    const adopt: CreationStep['adopt'] = async ({ spec }) => {
      const left = failures.get(spec.id) ?? 0;
      failures.set(spec.id, left - 1);
      if (left > 0) throw new KerneletError('NOT_SUPPORTED', 'there is no program tc');
    };
    const adaptPlan = (plan: CreationPlan): CreationPlan =>
      plan.map((entry) =>
        'apply' in entry ? entry : entry.map((step) => (step.name === 'host-limits' ? { ...step, adopt } : step)),
      );
    const second = await fixture({ folder: first.folder, engine: first.dummy, parts: { adaptPlan } });
    const { registry } = second.kernels;
    await registry.recover(never);
    const told = () => specs.map(({ id }) => registry.unheldLimits(id).join());
    const text = 'not limited since the daemon’s start, and tried again: there is no program tc';
    expect(told()).toEqual(['', text, text]);
    await registry.sweep(never);
    expect(told()).toEqual(['', '', text]);
    await registry.sweep(never);
    expect(told()).toEqual(['', '', '']);
    const tried = new Map(failures);
    await registry.sweep(never);
    expect(failures).toEqual(tried);
  });

  it.each([
    ['ENGINE_UNAVAILABLE', 'the engine goes away, which says nothing of leases', {}],
    ['NO_PORT_LEFT', 'two kernels claim one, which should never be', { 'unadopted-lease': 1 }],
  ] as const)('keeps a kernel of which a lease cannot be taken over: %s, since %s', async (code, _, counted) => {
    const first = await fixture();
    const { spec } = await first.kernels.registry.create(specFixture(), never);
    await first[Symbol.asyncDispose]();
    const adopt = async (): Promise<never> => {
      throw new KerneletError(code, 'not now');
    };
    const adaptPlan = (plan: CreationPlan): CreationPlan =>
      plan.map((entry) => ('apply' in entry && entry.name === 'network' ? { ...entry, adopt } : entry));
    const second = await fixture({ folder: first.folder, engine: first.dummy, parts: { adaptPlan } });
    expect(await second.kernels.registry.recover(never)).toMatchObject({ adopted: 1, ended: 0 });
    expect(second.kernels.registry.get(spec.id).phase).toBe('running');
    expect(second.kernels.registry.unheldLimits(spec.id)).toEqual([]);
    expect(second.invariantViolations.snapshot()).toEqual(counted);
  });

  it('begins nothing when the daemon stops meanwhile', async () => {
    const first = await fixture();
    await first.kernels.registry.create(specFixture(), never);
    await first[Symbol.asyncDispose]();
    const second = await fixture({ folder: first.folder, engine: first.dummy });
    const stop = new AbortController();
    const recovering = second.kernels.registry.recover(stop.signal);
    stop.abort(new Error('stopping'));
    await expect(recovering).rejects.toThrow('stopping');
    expect(second.kernels.registry.list()).toEqual([]);
    expect(second.clients).toEqual([]);
    expect(first.dummy.containers.every((container) => container.running)).toBe(true);
  });
});
