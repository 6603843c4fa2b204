import { mkdir, readdir, realpath, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { specFixture } from '../../test/support/kernel-record.ts';
import { FakeLeases, type FixtureOptions, KernelsFixture, testImage } from '../../test/support/kernels-fixture.ts';
import { DummyEngine } from '../engine/dummy/dummy-engine.ts';
import type { ContainerSpec } from '../engine/engine.ts';
import { sleep, systemClock } from '../lib/clock.ts';
import { KerneletError } from '../lib/errors.ts';
import type { ContainerId, KernelId } from '../lib/ids.ts';
import { labelNames, Ownership } from './ownership.ts';

const open: KernelsFixture[] = [];
const never = new AbortController().signal;

async function fixture(options: FixtureOptions = {}): Promise<KernelsFixture> {
  const made = await KernelsFixture.open(options);
  open.push(made);
  return made;
}

afterEach(async () => {
  for (const one of open.splice(0).reverse()) {
    await one[Symbol.asyncDispose]();
    await one.remove();
  }
});

/** Everything that a kernel may leave behind. */
async function traces(of: KernelsFixture): Promise<readonly string[]> {
  await of.kernels.scratch.settled();
  const folders = await Promise.all(
    ['kernels', 'scratch', 'scratch/.trash'].map(async (name) =>
      (await readdir(join(of.folder, name)).catch(() => [])).map((file) => `${name}/${file}`),
    ),
  );
  return [
    ...of.dummy.containers.map((container) => container.spec.name),
    ...folders.flat().filter((name) => name !== 'scratch/.trash'),
    ...[...of.leases.slots].map((kernel) => `slots of ${kernel}`),
    ...[...of.leases.held.keys()].map((port) => `port ${port}`),
  ];
}

describe('creating and destroying', () => {
  it('makes a hardened container and leaves nothing behind', async () => {
    const one = await fixture();
    const { kernels, dummy, events, clients } = one;
    const spec = specFixture({ publish: [8080], environ: [['SECRET', 'x']] });
    const record = await kernels.registry.create(spec, never);
    expect(record).toMatchObject({ phase: 'running', generation: 1 });
    expect(record.timings.map(({ step }) => step)).toEqual(
      expect.arrayContaining([
        'allocate',
        'ports',
        'image',
        'scratch',
        'network',
        'config-files',
        'container',
        'start',
        'ready',
      ]),
    );
    const made = dummy.container(`kernel.base.${spec.id}`).spec;
    expect(made).toMatchObject({
      capabilities: ['SETUID', 'SETGID', 'KILL'],
      noNewPrivileges: true,
      environ: [],
      network: 'none',
      limits: { cpus: 1, memoryBytes: 256 * 2 ** 20, processes: 64 },
    });
    expect(JSON.stringify(made)).not.toContain('SECRET');
    expect(made.labels[labelNames.ports]).toBe(`8080:${record.placement.hostPorts[0]?.hostPort}`);
    const ended = await kernels.registry.destroy(spec.id, { reason: 'user-requested', force: false });
    expect(ended).toMatchObject({ phase: 'terminated', termination: { reason: 'user-requested' } });
    expect(clients[0]).toMatchObject({ requests: ['shutdown'], disposed: true });
    expect(clients[0]?.end).not.toBeNull();
    expect(one.types()).toEqual(['kernel-preparing', 'kernel-creating', 'kernel-started', 'kernel-terminated']);
    expect(events.at(-1)).toMatchObject({ kernelId: spec.id, reason: 'user-requested' });
    expect(await traces(one)).toEqual([]);
    expect(kernels.registry.list()).toEqual([]);
    expect(kernels.registry.get(spec.id).phase).toBe('terminated');
  });

  it('refuses a second kernel of the same id and leaves the first alone', async () => {
    const { kernels } = await fixture();
    const spec = specFixture();
    await kernels.registry.create(spec, never);
    await expect(kernels.registry.create(spec, never)).rejects.toMatchObject({ code: 'KERNEL_EXISTS' });
    expect(kernels.registry.get(spec.id).phase).toBe('running');
    await kernels.registry.destroy(spec.id, { reason: 'user-requested', force: true });
  });

  it('undoes everything when the caller aborts in the middle, and answers CANCELLED', async () => {
    const abort = new AbortController();
    const one = await fixture({
      ready: (signal) => {
        abort.abort();
        return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
      },
    });
    const spec = specFixture({ publish: [80] });
    await expect(one.kernels.registry.create(spec, abort.signal)).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(await traces(one)).toEqual([]);
    expect(one.types().filter((type) => type === 'kernel-terminated')).toHaveLength(1);
  });

  it('answers every destroyer and the creator when a kernel is destroyed while it is being created', async () => {
    const reached = Promise.withResolvers<void>();
    const one = await fixture({
      ready: (signal) => {
        reached.resolve();
        return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
      },
    });
    const spec = specFixture();
    const creation = one.kernels.registry.create(spec, never).catch((error: unknown) => error);
    await reached.promise;
    const both = await Promise.all([
      one.kernels.registry.destroy(spec.id, { reason: 'idle-timeout', force: false }),
      one.kernels.registry.destroy(spec.id, { reason: 'user-requested', force: true }),
    ]);
    expect(both.map((record) => record.termination?.reason)).toEqual(['idle-timeout', 'idle-timeout']);
    expect(await creation).toMatchObject({
      code: 'CANCELLED',
      message: `kernel ${spec.id} was removed: no run was asked of it for its idle time-out`,
    });
    expect(await traces(one)).toEqual([]);
  });

  it('says why a runner did not get ready: the status and the end of the log', async () => {
    const one = await fixture({
      dummy: {
        onStart: (container) => {
          container.write('stderr', 'exec format error\n');
          container.exit(126);
        },
      },
      ready: (signal) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    });
    const error = await one.kernels.registry.create(specFixture(), never).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'RUNNER_NOT_READY', context: { exitCode: 126 } });
    expect(String(error)).toContain('exec format error');
    expect(one.events.at(-1)).toMatchObject({ type: 'kernel-terminated', reason: 'failed-to-start', exitCode: 126 });
    expect(await traces(one)).toEqual([]);
  });

  it('starts nothing when the journal cannot be written', async () => {
    const one = await fixture();
    const spec = specFixture();
    // A file where the kernel's folder would be: the write fails as on a full disk.
    await writeFile(join(one.state.kernels, spec.id), '');
    await expect(one.kernels.registry.create(spec, never)).rejects.toMatchObject({ code: 'STATE_UNUSABLE' });
    expect(one.dummy.calls).toEqual([]);
    expect(one.events).toEqual([]);
  });

  it('undoes everything when the journal cannot say that the kernel runs', async () => {
    const spec = specFixture({ publish: [80] });
    const one: KernelsFixture = await fixture({
      ready: async () => {
        await rm(join(one.state.kernels, spec.id), { recursive: true });
        await writeFile(join(one.state.kernels, spec.id), '');
      },
    });
    await expect(one.kernels.registry.create(spec, never)).rejects.toMatchObject({ code: 'STATE_UNUSABLE' });
    expect(await traces(one)).toEqual([]);
    expect(one.types()).toEqual(['kernel-preparing', 'kernel-creating', 'kernel-terminated']);
  });

  it('puts a taken port aside and tries again with another', async () => {
    const one = await fixture();
    const first = specFixture({ publish: [80] });
    const { placement } = await one.kernels.registry.create(first, never);
    const taken = placement.hostPorts[0]?.hostPort ?? 0;
    const other = await fixture({ engine: one.dummy, parts: { ports: new FakeLeases(taken) } });
    const second = await other.kernels.registry.create(specFixture({ publish: [80] }), never);
    expect(second.placement.hostPorts[0]?.hostPort).toBe(taken + 1);
    const label = one.dummy.container(`kernel.base.${second.spec.id}`).spec.labels[labelNames.ports];
    expect(label).toBe(`80:${taken + 1}`);
  });
});

describe('restarting', () => {
  it('makes a new container with the same ports and files', async () => {
    const one = await fixture();
    const spec = specFixture({ publish: [80] });
    const before = await one.kernels.registry.create(spec, never);
    const kept = join(one.state.scratch, spec.id, 'work', 'kept.txt');
    await writeFile(kept, 'data');
    const [after, joined] = await Promise.all([
      one.kernels.registry.restart(spec.id, never),
      one.kernels.registry.restart(spec.id, never),
    ]);
    expect(after).toMatchObject({ phase: 'running', generation: 2, placement: before.placement });
    expect(joined.generation).toBe(2);
    expect(after.containerId).not.toBe(before.containerId);
    expect(one.dummy.containers).toHaveLength(1);
    expect(await readdir(join(one.state.scratch, spec.id, 'work'))).toEqual(['kept.txt']);
    expect(one.clients[0]?.address.secret).not.toBe(one.clients[1]?.address.secret);
    await one.kernels.registry.destroy(spec.id, { reason: 'user-requested', force: true });
    expect(await traces(one)).toEqual([]);
  });

  it('ends the kernel when the new container does not come up', async () => {
    const one = await fixture();
    const spec = specFixture();
    await one.kernels.registry.create(spec, never);
    one.dummy.fail('startContainer', { kind: 'error' });
    await expect(one.kernels.registry.restart(spec.id, never)).rejects.toMatchObject({ code: 'ENGINE_FAILED' });
    expect(one.events.at(-1)).toMatchObject({ type: 'kernel-terminated', reason: 'failed-to-start' });
    expect(await traces(one)).toEqual([]);
  });
});

describe('what happens outside', () => {
  async function watched(): Promise<{
    one: KernelsFixture;
    id: KernelId;
    ended: Promise<unknown>;
    stop: () => Promise<void>;
  }> {
    const one = await fixture();
    const abort = new AbortController();
    const watch = one.kernels.registry.watch(abort.signal);
    const spec = specFixture();
    await one.kernels.registry.create(spec, never);
    const ended = new Promise((resolve) => one.kernels.registry.onEnded(resolve));
    const stop = async (): Promise<void> => {
      abort.abort();
      await watch;
    };
    return { one, id: spec.id, ended, stop };
  }

  it.each([
    [137, true, 'out-of-memory', 'memory limit'],
    [137, false, 'self-terminated', 'signal 9'],
    [0, true, 'self-terminated', 'status 0'],
  ])('turns an end with status %i (memory: %s) into one event: %s', async (code, outOfMemory, reason, words) => {
    const { one, id, ended, stop } = await watched();
    one.dummy.container(`kernel.base.${id}`).exit(code, { outOfMemory });
    await ended;
    await stop();
    const terminal = one.events.filter((event) => event.type === 'kernel-terminated');
    expect(terminal).toMatchObject([{ reason, exitCode: code }]);
    expect(one.kernels.registry.get(id).termination?.detail).toContain(words);
    expect(() => one.kernels.registry.client(id)).toThrow(expect.objectContaining({ code: 'KERNEL_DIED' }));
    expect(await traces(one)).toEqual([]);
  });

  it('notices a removed container after a lost connection, by listing', async () => {
    const { one, id, ended, stop } = await watched();
    one.dummy.disconnectEvents();
    await one.dummy.removeContainer(one.dummy.container(`kernel.base.${id}`).id, never);
    await ended;
    await stop();
    expect(one.events.at(-1)).toMatchObject({ type: 'kernel-terminated', reason: 'container-not-found' });
    expect(await traces(one)).toEqual([]);
  });
});

/** Like an engine on the other end of a socket: whoever hangs up learns nothing, and gets the container all the same. */
class DeafEngine extends DummyEngine {
  override async createContainer(spec: ContainerSpec, signal: AbortSignal): Promise<ContainerId> {
    const made = sleep(systemClock, 50).then(() => super.createContainer(spec, never));
    const hungUp = new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    });
    return await Promise.race([made, hungUp]);
  }
}

describe('a creation that is cancelled while the engine makes the container', () => {
  it('leaves no container that appears afterwards', async () => {
    const engine = new DeafEngine({ images: [testImage] });
    const one = await fixture({ engine });
    const cancel = new AbortController();
    const creating = one.kernels.registry.create(specFixture(), cancel.signal);
    await vi.waitFor(() => expect(one.kernels.registry.list()[0]?.timings.at(-1)?.step).toBe('config-files'));
    cancel.abort();
    await expect(creating).rejects.toMatchObject({ code: 'CANCELLED' });
    await sleep(systemClock, 100);
    expect(engine.containers).toEqual([]);
    expect(await traces(one)).toEqual([]);
  });
});

describe('sweeping', () => {
  it('puts the firewall’s rules back while a kernel is on the network: others flush them without a word', async () => {
    const filled: string[] = [];
    const one = await fixture({
      parts: {
        iptables: async (program) => {
          if (program === 'iptables-restore') filled.push(program);
          return { exitCode: 0, stderr: '' };
        },
      },
    });
    const { registry } = one.kernels;
    await registry.sweep(never);
    await registry.create(specFixture({ network: 'none' }), never);
    await registry.sweep(never);
    expect(filled).toHaveLength(0);
    const { spec } = await registry.create(specFixture({ network: 'bridge' }), never);
    expect(filled).toHaveLength(1);
    await registry.sweep(never);
    expect(filled).toHaveLength(2);
    await registry.destroy(spec.id, { reason: 'user-requested', force: true });
    await registry.sweep(never);
    expect(filled).toHaveLength(2);
  });

  it('removes a stray that is provably ours at the second sight, and nothing else', async () => {
    const one = await fixture();
    const spec = specFixture();
    await one.kernels.registry.create(spec, never);
    const made = one.dummy.container(`kernel.base.${spec.id}`).spec;
    const stray = specFixture();
    const name = `kernel.base.${stray.id}`;
    const labels = { ...made.labels, [labelNames.kernelId]: stray.id };
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
});

describe('a restart', () => {
  it('mounts nothing that the tenant has put in the place of an allowed folder meanwhile', async () => {
    const one = await fixture();
    const source = join(one.folder, 'shared');
    await mkdir(source);
    const mounts = [{ source, target: '/data', readOnly: false }];
    const { spec } = await one.kernels.registry.create(specFixture({ mounts }), never);
    await rename(source, join(one.folder, 'aside'));
    await symlink('/etc', source);
    await expect(one.kernels.registry.restart(spec.id, never)).rejects.toMatchObject({ code: 'FORBIDDEN_MOUNT' });
    expect(await traces(one)).toEqual([]);
    expect(one.types().filter((type) => type === 'kernel-terminated')).toHaveLength(1);
  });
});

describe('a restart with a mount in the home', () => {
  it('does not let the tenant lead the mount over the runner’s folders', async () => {
    const one = await fixture();
    const mounts = [{ source: await realpath(one.folder), target: '/home/work/a/data', readOnly: false }];
    const { spec } = await one.kernels.registry.create(specFixture({ mounts }), never);
    const { work } = one.kernels.scratch.paths(spec.id);
    await mkdir(join(work, 'z'));
    await symlink('/opt/kernel/run', join(work, 'z', 'data'));
    await symlink('z', join(work, 'a'));
    await expect(one.kernels.registry.restart(spec.id, never)).rejects.toMatchObject({ code: 'FORBIDDEN_MOUNT' });
    expect(await traces(one)).toEqual([]);
  });
});

/** Makes a container of a kernel without a record. */
async function straySpec(one: KernelsFixture, like: ContainerSpec): Promise<KernelId> {
  const { id } = specFixture();
  const name = `kernel.base.${id}`;
  const proof = new Ownership(one.state.agentId, one.state.secret).proof(name);
  const labels = { ...like.labels, [labelNames.kernelId]: id, [labelNames.proof]: proof };
  await one.dummy.createContainer({ ...like, name, labels, ports: [] }, never);
  return id;
}

describe('an engine that answers no listing any more', () => {
  it('counts as unhealthy until it does', async () => {
    const { kernels, dummy } = await fixture();
    expect(kernels.registry.engineHealthy()).toBe(true);
    dummy.fail('listContainers', { kind: 'error' });
    await expect(kernels.registry.sweep(never)).rejects.toMatchObject({ code: 'ENGINE_FAILED' });
    expect(kernels.registry.engineHealthy()).toBe(false);
    await kernels.registry.sweep(never);
    expect(kernels.registry.engineHealthy()).toBe(true);
  });
});

describe('sweeping strays', () => {
  it('goes on when one cannot be removed, and tries that again', async () => {
    const one = await fixture();
    const { spec } = await one.kernels.registry.create(specFixture(), never);
    const made = one.dummy.container(`kernel.base.${spec.id}`).spec;
    for (let count = 0; count < 2; count += 1) await straySpec(one, made);
    one.dummy.fail('removeContainer', { kind: 'error' });
    await one.kernels.registry.sweep(never);
    await one.kernels.registry.sweep(never);
    expect(one.dummy.containers).toHaveLength(2);
    await one.kernels.registry.sweep(never);
    expect(one.dummy.containers.map((container) => container.spec.name)).toEqual([made.name]);
    expect(one.oddities.snapshot()).toEqual({ 'swept-container': 2 });
  });

  it('publishes no second end of a kernel', async () => {
    const one = await fixture({ settings: { sweepGraceMs: 0 } });
    const { spec } = await one.kernels.registry.create(specFixture(), never);
    const container = one.dummy.container(`kernel.base.${spec.id}`).spec;
    await one.kernels.registry.destroy(spec.id, { reason: 'user-requested', force: true });
    await one.dummy.createContainer(container, never);
    await one.kernels.registry.sweep(never);
    await one.kernels.registry.sweep(never);
    expect(one.dummy.containers).toEqual([]);
    expect(one.types().filter((type) => type === 'kernel-terminated')).toHaveLength(1);
  });
});

describe('recovering', () => {
  it('does nothing by halves when the engine goes away in the middle, so that it can be tried again', async () => {
    const first = await fixture();
    const specs = [specFixture({ publish: [80] }), specFixture()];
    for (const spec of specs) await first.kernels.registry.create(spec, never);
    await first[Symbol.asyncDispose]();
    for (const spec of specs) first.dummy.container(`kernel.base.${spec.id}`).exit(3);
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
    expect(await traces(second)).toEqual([]);
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
    first.dummy.container(`kernel.base.${dead.id}`).exit(3);
    await first.dummy.removeContainer(first.dummy.container(`kernel.base.${gone.id}`).id, never);
    await writeFile(join(first.folder, 'kernels', 'damaged'), 'no record');

    const second = await fixture({ folder: first.folder, engine: first.dummy });
    const summary = await second.kernels.registry.recover(never);
    expect(summary).toEqual({ adopted: 1, ended: 2, quarantined: 1 });
    expect(second.kernels.registry.get(alive.id)).toMatchObject({ phase: 'running', containerId: record.containerId });
    expect([...second.leases.slots]).toEqual([alive.id]);
    expect([...second.leases.held.keys()]).toEqual(record.placement.hostPorts.map(({ hostPort }) => hostPort));
    expect(second.kernels.registry.client(alive.id)).toBe(second.clients[0]);
    expect(second.clients[0]?.address).toEqual(first.clients[0]?.address);
    const reasons = second.events.map((event) => event.type === 'kernel-terminated' && [event.kernelId, event.reason]);
    expect(reasons).toEqual(
      expect.arrayContaining([
        [dead.id, 'self-terminated'],
        [gone.id, 'container-not-found'],
      ]),
    );
    await second.kernels.registry.destroy(alive.id, { reason: 'user-requested', force: true });
    expect(await traces(second)).toEqual([]);
  });

  it('takes the copy in the scratch folder when the record is damaged', async () => {
    const first = await fixture();
    const spec = specFixture();
    await first.kernels.registry.create(spec, never);
    await first[Symbol.asyncDispose]();
    await writeFile(join(first.state.kernels, spec.id, 'record.json'), '{"version":1,');
    const second = await fixture({ folder: first.folder, engine: first.dummy });
    expect(await second.kernels.registry.recover(never)).toEqual({ adopted: 1, ended: 0, quarantined: 1 });
    expect(second.kernels.registry.get(spec.id)).toMatchObject({ phase: 'running', spec });
  });
});
