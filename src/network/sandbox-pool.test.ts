import { describe, expect, it } from 'vitest';
import { DummyEngine } from '../engine/dummy/dummy-engine.ts';
import { dummyImage } from '../engine/dummy/dummy-images.ts';
import type { ContainerSpec } from '../engine/engine.ts';
import { FakeClock } from '../lib/fake-clock.ts';
import { type ContainerId, newKernelId } from '../lib/ids.ts';
import { silentLogger } from '../lib/log.ts';
import { type PrewarmedNetworkForm, sandboxLabels, sandboxSpec } from './sandbox.ts';
import { PrewarmedNetworkPool, type PrewarmedNetworkPoolParts } from './sandbox-pool.ts';

const image = 'sha256:00';
const soon = (): AbortSignal => AbortSignal.timeout(5_000);
const form: PrewarmedNetworkForm = {
  tag: '0a1b2c3d',
  agentId: 'i-one',
  network: 'bridge',
  volume: { source: async () => '/volumes/one', target: '/opt/backend.ai' },
  proof: (name) => `proof of ${name}`,
};

function setUp(change: Partial<PrewarmedNetworkPoolParts> & { readonly engine?: DummyEngine } = {}) {
  const clock = new FakeClock();
  const engine = change.engine ?? new DummyEngine({ images: [dummyImage('base', { id: image })] });
  let ensured = 0;
  const pool = new PrewarmedNetworkPool({
    form,
    target: 2,
    ensureNetwork: async () => {
      ensured += 1;
    },
    joined: async () => new Set<ContainerId>(),
    networkBytes: async () => ({ receivedBytes: 10, sentBytes: 20 }),
    clock,
    log: silentLogger,
    ...change,
    engine,
  });
  const names = () => engine.containers.filter((one) => one.running).map(({ id }) => id);
  /** A kernel that found no network was created; then so many run. */
  const miss = async (running = 2) => {
    {
      using _creating = pool.creating();
      expect(await pool.lease(newKernelId(), image, soon())).toBeNull();
    }
    await expect.poll(() => names().length).toBe(running);
    await expect.poll(async () => (await idleOf(pool)).length).toBe(2);
  };
  return { clock, engine, pool, names, miss, ensured: () => ensured };
}

/** What can be leased; it is given back. */
async function idleOf(pool: PrewarmedNetworkPool): Promise<readonly ContainerId[]> {
  const kernels = [newKernelId(), newKernelId(), newKernelId(), newKernelId()];
  const leased = await Promise.all(kernels.map((kernel) => pool.lease(kernel, image, soon())));
  for (const kernel of kernels) if (pool.holds(kernel)) pool.release(kernel);
  return leased.flatMap((one) => one?.container ?? []);
}

async function start(engine: DummyEngine, spec: ContainerSpec): Promise<ContainerId> {
  const id = await engine.createContainer(spec, soon());
  await engine.startContainer(id, soon());
  return id;
}

describe('the pool of networks', () => {
  it('makes some after a creation that found none, behind the firewall, and never while a kernel is created', async () => {
    const { pool, engine, names, ensured } = setUp();
    const first = pool.creating();
    const second = pool.creating();
    expect(await pool.lease(newKernelId(), image, soon())).toBeNull();
    first[Symbol.dispose]();
    await new Promise((resolve) => setImmediate(resolve));
    expect(engine.containers).toEqual([]);
    second[Symbol.dispose]();
    await expect.poll(() => names().length).toBe(2);
    expect(ensured()).toBe(2);
    expect(engine.containers[0]?.spec).toMatchObject({
      network: 'bridge',
      user: '65534:65534',
      readOnlyRoot: true,
      capabilities: [],
      noNewPrivileges: true,
      entrypoint: ['/opt/backend.ai/bin/busybox', 'sleep', '2147483647'],
    });
  });

  it('gives each to one kernel at a time, with what has gone through it, and uses it again', async () => {
    const { pool, names, miss } = setUp();
    await miss();
    const [one, two, three] = [newKernelId(), newKernelId(), newKernelId()];
    const leased = await Promise.all([one, two, three].map((kernel) => pool.lease(kernel, image, soon())));
    expect(new Set(leased.map((lease) => lease?.container ?? null))).toEqual(new Set([...names(), null]));
    expect(leased[0]).toMatchObject({ receivedBytes: 10, sentBytes: 20 });
    pool.release(one);
    expect(await pool.lease(three, image, soon())).toEqual(leased[0]);
    expect(await pool.lease(three, image, soon())).toEqual(leased[0]);
    pool.release(one);
    expect(pool.absentReleases).toBe(1);
  });

  it('gives no dead one, and replaces it', async () => {
    const { pool, engine, names, miss } = setUp();
    await miss();
    const [dead, alive] = names();
    engine.container(dead ?? '').exit(137);
    const kernel = newKernelId();
    expect((await pool.lease(kernel, image, soon()))?.container).toBe(alive);
    await expect.poll(() => engine.containers.length).toBe(1);
    await miss(3);
  });

  it('gives none that cannot be looked at, and is not waited for', async () => {
    const { pool, engine, miss } = setUp();
    await miss();
    engine.fail('inspectContainer', { kind: 'error' }, { times: 1 });
    engine.fail('inspectContainer', { kind: 'hang' }, { times: 1 });
    expect(await pool.lease(newKernelId(), image, soon())).toBeNull();
  });

  it('keeps no more than its target idle, and none when no kernel comes', async () => {
    const { pool, engine, names, miss, clock } = setUp();
    await miss();
    const kernels = [newKernelId(), newKernelId()];
    for (const kernel of kernels) await pool.lease(kernel, image, soon());
    await miss(4);
    for (const kernel of kernels) pool.release(kernel);
    await expect.poll(() => names().length).toBe(2);
    await clock.advance(5 * 60_000);
    await expect.poll(() => engine.containers.length).toBe(0);
  });

  it('fails no kernel when none can be made, and tries again after the next that found none', async () => {
    const { pool, engine, miss } = setUp();
    engine.fail('startContainer', { kind: 'error' });
    using creating = pool.creating();
    await pool.lease(newKernelId(), image, soon());
    creating[Symbol.dispose]();
    await expect.poll(() => engine.calls.some(({ method }) => method === 'removeContainer')).toBe(true);
    expect(engine.containers).toEqual([]);
    await miss();
  });

  it('finds out what an earlier process left: the living are kept, the rest goes, foreign ones are let be', async () => {
    const engine = new DummyEngine({ images: [dummyImage('base', { id: image })] });
    const name = (letter: string) => `kernelet-network.${form.tag}.${letter.repeat(12)}`;
    const idle = await start(engine, await sandboxSpec(form, name('a'), image));
    const held = await start(engine, await sandboxSpec(form, name('b'), image));
    const joined = await start(engine, await sandboxSpec(form, name('c'), image));
    const dead = await engine.createContainer(await sandboxSpec(form, name('d'), image), soon());
    const otherPlace = { ...form, volume: { ...form.volume, target: '/opt/other' } };
    const older = await start(engine, await sandboxSpec(otherPlace, name('e'), image));
    const forged = await sandboxSpec(form, name('f'), image);
    await start(engine, { ...forged, labels: { ...forged.labels, [sandboxLabels.proof]: 'x' } });
    const { pool, names } = setUp({ engine, joined: async () => new Set([joined]) });
    const kernel = newKernelId();
    pool.adopt(kernel, held);
    expect(() => pool.adopt(newKernelId(), held)).toThrow(/two kernels/);
    await pool.listOwnedContainers(soon());
    await expect.poll(() => engine.containers.length).toBe(4);
    expect(engine.containers.map(({ id }) => id)).not.toContain(dead);
    expect(names()).not.toContain(older);
    expect(await idleOf(pool)).toEqual([idle]);
    expect((await pool.lease(kernel, image, soon()))?.container).toBe(held);

    await pool[Symbol.asyncDispose]();
    expect(engine.containers.map(({ id }) => id)).toHaveLength(3);
    expect(names()).toEqual(expect.arrayContaining([held, joined]));
  });

  it('does not take one that is being removed for an idle one', async () => {
    const { pool, engine, names, miss } = setUp();
    await miss();
    engine.fail('removeContainer', { kind: 'delay', delayMs: 1_000 }, { times: 2 });
    const gone = pool.vacate();
    await pool.listOwnedContainers(soon());
    expect(names()).toHaveLength(2);
    expect(await pool.lease(newKernelId(), image, soon())).toBeNull();
    await pool.listOwnedContainers(soon());
    await gone;
    expect(engine.containers).toEqual([]);
  });

  it('leaves nothing when it stops, be it while one is made whose reply is late', async () => {
    const { pool, engine, clock } = setUp();
    engine.fail('createContainer', { kind: 'hang-after-success' });
    using creating = pool.creating();
    await pool.lease(newKernelId(), image, soon());
    creating[Symbol.dispose]();
    await expect.poll(() => engine.containers.length).toBe(1);
    const stopped = pool[Symbol.asyncDispose]();
    await clock.advance(5_000);
    await stopped;
    expect(engine.containers).toEqual([]);
  });

  it('stops within its bound when the engine hangs', async () => {
    const { pool, engine, miss } = setUp();
    await miss();
    engine.fail('listContainers', { kind: 'error' });
    await pool[Symbol.asyncDispose]();
    expect(engine.containers).toEqual([]);
  });

  it('of target 0 asks the engine nothing', async () => {
    const { pool, engine } = setUp({ target: 0 });
    using creating = pool.creating();
    expect(await pool.lease(newKernelId(), image, soon())).toBeNull();
    creating[Symbol.dispose]();
    await pool.listOwnedContainers(soon());
    await pool[Symbol.asyncDispose]();
    expect(engine.calls).toEqual([]);
  });
});
