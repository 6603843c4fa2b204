import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { namesFixture } from '../../test/support/kernels-fixture.ts';
import { DummyEngine } from '../engine/dummy/dummy-engine.ts';
import { dummyImage } from '../engine/dummy/dummy-images.ts';
import type { ContainerSpec } from '../engine/engine.ts';
import { type ContainerId, newKernelId } from '../lib/ids.ts';
import { silentLogger } from '../lib/log.ts';
import type { NetworkFiles } from './prewarmed-network.ts';
import { type PrewarmedNetworkForm, prewarmedNetworkLabels, prewarmedNetworkSpec } from './prewarmed-network.ts';
import { PrewarmedNetworkPool, type PrewarmedNetworkPoolParts } from './prewarmed-network-pool.ts';

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
    readFiles: async () => namesFixture(),
    readSockets: async () => '2 open, 0 waiting',
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

/** Networks that were given back are looked at by then. */
const checked = () => new Promise((resolve) => setImmediate(resolve));

async function start(engine: DummyEngine, spec: ContainerSpec): Promise<ContainerId> {
  const id = await engine.createContainer(spec, soon());
  await engine.startContainer(id, soon());
  return id;
}

describe('the pool of prewarmed networks', () => {
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

  it('leases no dead one, and replaces it', async () => {
    const { pool, engine, names, miss } = setUp();
    await miss();
    const [dead, alive] = names();
    engine.container(dead ?? '').exit(137);
    const kernel = newKernelId();
    expect((await pool.lease(kernel, image, soon()))?.container).toBe(alive);
    await expect.poll(() => engine.containers.length).toBe(1);
    await miss(3);
  });

  it('leases none that cannot be verified within its deadline', async () => {
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

  it('replaces those that an earlier process left, whose files nobody knows, and leaves foreign ones alone', async () => {
    const engine = new DummyEngine({ images: [dummyImage('base', { id: image })] });
    const name = (letter: string) => `kernelet-network.${form.tag}.${letter.repeat(12)}`;
    const idle = await start(engine, await prewarmedNetworkSpec(form, name('a'), image));
    const held = await start(engine, await prewarmedNetworkSpec(form, name('b'), image));
    const joined = await start(engine, await prewarmedNetworkSpec(form, name('c'), image));
    const dead = await engine.createContainer(await prewarmedNetworkSpec(form, name('d'), image), soon());
    const forged = await prewarmedNetworkSpec(form, name('f'), image);
    await start(engine, { ...forged, labels: { ...forged.labels, [prewarmedNetworkLabels.proof]: 'x' } });
    const { pool, names } = setUp({ engine, joined: async () => new Set([joined]) });
    const kernel = newKernelId();
    pool.adopt(kernel, held);
    expect(() => pool.adopt(newKernelId(), held)).toThrow(/two kernels/);
    await pool.reconcile(soon());
    await expect.poll(() => engine.containers.length).toBe(5);
    for (const gone of [dead, idle]) expect(engine.containers.map(({ id }) => id)).not.toContain(gone);
    const made = await idleOf(pool);
    expect(made).toHaveLength(2);
    for (const old of [dead, idle, held, joined]) expect(made).not.toContain(old);

    await pool[Symbol.asyncDispose]();
    expect(engine.containers.map(({ id }) => id)).toHaveLength(3);
    expect(names()).toEqual(expect.arrayContaining([held, joined]));
  });

  it('leases one that a kernel holds since before this process neither to it nor to others', async () => {
    const engine = new DummyEngine({ images: [dummyImage('base', { id: image })] });
    const held = await start(
      engine,
      await prewarmedNetworkSpec(form, `kernelet-network.${form.tag}.${'b'.repeat(12)}`, image),
    );
    const { pool } = setUp({ engine });
    const [kernel, other] = [newKernelId(), newKernelId()];
    pool.adopt(kernel, held);
    expect(pool.networkFilesOf(kernel)).toBeNull();
    pool.release(kernel);
    expect(await pool.lease(other, image, soon())).toBeNull();
    await expect.poll(() => engine.containers).toEqual([]);
    const again = await start(
      engine,
      await prewarmedNetworkSpec(form, `kernelet-network.${form.tag}.${'c'.repeat(12)}`, image),
    );
    pool.adopt(kernel, again);
    expect(await pool.lease(kernel, image, soon())).toBeNull();
    await expect.poll(() => engine.containers).toEqual([]);
  });

  it.each([
    ['content', namesFixture('127.0.0.1 localhost\n192.0.2.66 packages.example\n')],
    ['mode', { ...namesFixture(), 'resolv.conf': { ...namesFixture()['resolv.conf'], mode: 0o100666 } }],
    ['owner', { ...namesFixture(), hostname: { ...namesFixture().hostname, uid: 1000 } }],
  ])('gives up one whose network files have another %s than when it was made, and counts it', async (_, altered) => {
    const found = new Map<string, NetworkFiles>();
    const warnings: unknown[] = [];
    const { pool, engine, names, miss } = setUp({
      readFiles: async ({ hosts }) => found.get(hosts) ?? namesFixture(),
      log: { ...silentLogger, warn: (_text, fields) => void warnings.push(fields) },
    });
    await miss();
    const [bad = '', good] = names();
    const [first, kernel] = [newKernelId(), newKernelId()];
    expect((await pool.lease(first, image, soon()))?.container).toBe(bad);
    expect(pool.networkFilesOf(first)).toEqual(namesFixture());
    pool.release(first);
    await checked();
    found.set(engine.container(bad).detail().networkFiles.hosts, altered);
    expect((await pool.lease(kernel, image, soon()))?.container).toBe(good);
    expect(pool.altered).toBe(1);
    expect(warnings).toMatchObject([{ container: bad, lastKernel: first }]);
    await expect.poll(() => names()).toEqual([good]);
  });

  it.each<[string, Partial<PrewarmedNetworkPoolParts>]>([
    ['another number of sockets', { readSockets: async () => '2 open, 1 waiting' }],
    ['traffic', { networkBytes: async () => ({ receivedBytes: 10, sentBytes: 21 }) }],
    ['what cannot be read', { readSockets: async () => Promise.reject(new Error('ENOENT')) }],
  ])('gives up one in which a kernel has left %s, and makes another in its place', async (_, after) => {
    let usedPid = 0;
    const before = { readSockets: '2 open, 0 waiting', networkBytes: { receivedBytes: 10, sentBytes: 20 } };
    const { pool, engine, names, miss } = setUp({
      readSockets: async (pid) => await ((pid === usedPid && after.readSockets?.(pid)) || before.readSockets),
      networkBytes: async (pid) => await ((pid === usedPid && after.networkBytes?.(pid)) || before.networkBytes),
    });
    await miss();
    const [first, next] = [newKernelId(), newKernelId()];
    const used = (await pool.lease(first, image, soon()))?.container ?? '';
    usedPid = engine.container(used).detail().pid;
    pool.release(first);
    await expect.poll(() => engine.containers.some(({ id }) => id === used)).toBe(false);
    await expect.poll(() => names().length).toBe(2);
    expect((await pool.lease(next, image, soon()))?.container).not.toBe(used);
    expect(pool.altered).toBe(0);
  });

  it('leases none that is still looked at, and waits for that rather than give none', async () => {
    const looked = Promise.withResolvers<string>();
    let isSlow = false;
    const { pool, miss } = setUp({ readSockets: async () => (isSlow ? await looked.promise : '') });
    await miss();
    const [one, two, three, four] = [newKernelId(), newKernelId(), newKernelId(), newKernelId()];
    const used = await pool.lease(one, image, soon());
    isSlow = true;
    pool.release(one);
    expect((await pool.lease(two, image, soon()))?.container).not.toBe(used?.container);
    const waiting = pool.lease(three, image, soon());
    looked.resolve('');
    expect(await waiting).toEqual(used);
    expect(await pool.lease(four, image, soon())).toBeNull();
  });

  it('makes none whose network files cannot be read, and gives none', async () => {
    let fails = true;
    const { pool, engine, miss } = setUp({
      readFiles: async () => (fails ? Promise.reject(new Error('ENOENT')) : namesFixture()),
    });
    using creating = pool.creating();
    await pool.lease(newKernelId(), image, soon());
    creating[Symbol.dispose]();
    await expect.poll(() => engine.calls.some(({ method }) => method === 'removeContainer')).toBe(true);
    expect(engine.containers).toEqual([]);
    fails = false;
    await miss();
    fails = true;
    expect(await pool.lease(newKernelId(), image, soon())).toBeNull();
    expect(pool.altered).toBe(0);
  });

  it('does not take one that is being removed for an idle one', async () => {
    const { pool, engine, names, miss } = setUp();
    await miss();
    engine.fail('removeContainer', { kind: 'delay', delayMs: 100 }, { times: 2 });
    const gone = pool.removeIdle();
    await pool.reconcile(soon());
    expect(names()).toHaveLength(2);
    expect(await pool.lease(newKernelId(), image, soon())).toBeNull();
    await pool.reconcile(soon());
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

  it('with a target of 0 asks the engine nothing', async () => {
    const { pool, engine } = setUp({ target: 0 });
    using creating = pool.creating();
    expect(await pool.lease(newKernelId(), image, soon())).toBeNull();
    creating[Symbol.dispose]();
    await pool.reconcile(soon());
    await pool[Symbol.asyncDispose]();
    expect(engine.calls).toEqual([]);
  });
});
