import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { shellSpec } from '../../test/support/engine.ts';
import { specFixture } from '../../test/support/kernel-record.ts';
import { FakeLeases, type KernelsFixture, testImage, usingFixtures } from '../../test/support/kernels-fixture.ts';
import { DummyEngine } from '../engine/dummy/dummy-engine.ts';
import type { ContainerSpec } from '../engine/engine.ts';
import { sleep, systemClock } from '../lib/clock.ts';
import { KerneletError } from '../lib/errors.ts';
import type { ContainerId } from '../lib/ids.ts';
import { labelNames, Ownership } from './container/ownership.ts';

const fixture = usingFixtures();
const never = new AbortController().signal;

describe('creating and destroying', () => {
  it('makes a hardened container and leaves nothing behind', async () => {
    const one = await fixture();
    const { kernels, events, clients } = one;
    const spec = specFixture({ publish: [8080], environ: [['SECRET', 'x']] });
    const record = await kernels.registry.create(spec, never);
    expect(record).toMatchObject({ phase: 'running', generation: 1 });
    expect(record.timings.map(({ step }) => step)).toEqual(
      expect.arrayContaining([
        'allocate',
        'ports',
        'image',
        'scratch',
        'sockets',
        'network',
        'config-files',
        'container',
        'start',
        'ready',
      ]),
    );
    const made = one.containerOf(spec.id).spec;
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
    expect(await one.leftovers()).toEqual([]);
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
    expect(await one.leftovers()).toEqual([]);
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
    expect(await one.leftovers()).toEqual([]);
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
    expect(await one.leftovers()).toEqual([]);
  });

  // @promise record-first
  it('starts nothing when the journal cannot be written', async () => {
    const one = await fixture();
    const spec = specFixture();
    // A file where the kernel's folder would be: the write fails as on a full disk.
    await writeFile(join(one.state.kernels, spec.id), '');
    await expect(one.kernels.registry.create(spec, never)).rejects.toMatchObject({ code: 'STATE_UNUSABLE' });
    const called = one.dummy.calls.map(({ method }) => method);
    expect(called).not.toContain('createContainer');
    expect(called).not.toContain('startContainer');
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
    expect(await one.leftovers()).toEqual([]);
    expect(one.types()).toEqual(['kernel-preparing', 'kernel-creating', 'kernel-terminated']);
  });

  it('puts a taken port aside and tries again with another', async () => {
    const one = await fixture();
    const first = specFixture({ publish: [80] });
    const { placement } = await one.kernels.registry.create(first, never);
    const taken = placement.hostPorts[0]?.hostPort ?? 0;
    const other = await fixture({ engine: one.dummy, parts: { ports: new FakeLeases(taken) } });
    const second = await other.kernels.registry.create(specFixture({ publish: [80, 81] }), never);
    expect(second.placement.hostPorts).toEqual([
      { containerPort: 80, hostPort: taken + 2 },
      { containerPort: 81, hostPort: taken + 1 },
    ]);
    const label = one.containerOf(second.spec.id).spec.labels[labelNames.ports];
    expect(label).toBe(`80:${taken + 2},81:${taken + 1}`);
  });
});

describe('a name that a container has already', () => {
  /** A node where a container has the name that the kernel's is to have, provably ours or not. */
  async function taken(isOurs: boolean) {
    const one = await fixture();
    const spec = specFixture();
    const ownership = new Ownership(one.state.agentId, one.state.secret);
    const [name] = ownership.containerNames(spec.id, spec.image.reference);
    const ours = {
      [labelNames.kernelId]: spec.id,
      [labelNames.sessionId]: spec.sessionId,
      [labelNames.generation]: '1',
      [labelNames.proof]: ownership.proof(name),
    };
    const labels = isOurs ? ours : {};
    const id = await one.dummy.createContainer(shellSpec('', { name, labels }), never);
    return { one, spec, id };
  }

  it('is taken from one that is provably ours, of a creation that was cut off', async () => {
    const { one, spec, id } = await taken(true);
    const record = await one.kernels.registry.create(spec, never);
    expect(record.containerId).not.toBe(id);
    expect(one.dummy.containers).toHaveLength(1);
  });

  it('is left to one that is not, and the creation fails', async () => {
    const { one, spec, id } = await taken(false);
    await expect(one.kernels.registry.create(spec, never)).rejects.toMatchObject({
      code: 'ENGINE_FAILED',
      message: expect.stringContaining('is taken by a container that is not ours'),
    });
    expect(one.dummy.containers.map((container) => container.id)).toEqual([id]);
  });
});

describe('kernels that do not run', () => {
  it('are named by what is wrong with them', async () => {
    const reached = Promise.withResolvers<void>();
    const one = await fixture({
      ready: (signal) => {
        reached.resolve();
        return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
      },
    });
    const { registry } = one.kernels;
    const spec = specFixture();
    const creating = registry.create(spec, never).catch(() => {});
    await reached.promise;
    const refusal = (code: string, message = '') =>
      expect.objectContaining({ code, message: expect.stringContaining(message) });
    expect(() => registry.client(spec.id)).toThrow(refusal('KERNEL_NOT_RUNNING', `kernel ${spec.id} is creating`));
    await registry.destroy(spec.id, { reason: 'user-requested', force: true });
    await creating;
    expect(() => registry.client(spec.id)).toThrow(refusal('KERNEL_DIED', `kernel ${spec.id} has ended`));
    await expect(registry.restart(spec.id, never)).rejects.toEqual(refusal('KERNEL_DIED'));
    await expect(registry.restart(specFixture().id, never)).rejects.toEqual(refusal('KERNEL_NOT_FOUND'));
    expect(() => registry.get(specFixture().id)).toThrow(refusal('KERNEL_NOT_FOUND'));
    expect(() => registry.resolve('no id')).toThrow(refusal('INVALID_ARGUMENT'));
    expect(registry.resolve(spec.id.slice(0, 8))).toBe(registry.get(spec.id));
    expect([registry.list(), registry.list({ ended: true })]).toEqual([[], [registry.get(spec.id)]]);
    expect(registry.stuckOf(spec.id)).toBeNull();
  });
});

describe('a daemon that has stopped', () => {
  it('makes no kernel any more, and asks the engine for nothing', async () => {
    const one = await fixture();
    const { registry } = one.kernels;
    await one[Symbol.asyncDispose]();
    const before = one.dummy.calls.length;
    await expect(registry.create(specFixture(), never)).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
    await Promise.all([registry.sweep(never), registry.auditDevices(never), registry.rescanDevices(never)]);
    expect(one.dummy.calls.length).toBe(before);
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

// @promise creation-undone
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
    expect(await one.leftovers()).toEqual([]);
  });

  it.each([
    [new KerneletError('SHUTTING_DOWN', 'the agent is shutting down'), 'agent-termination', 'SHUTTING_DOWN'],
    [undefined, 'user-requested', 'CANCELLED'],
  ])('says who has cancelled it, and whether to ask again', async (why, reason, code) => {
    const one = await fixture({ ready: () => new Promise(() => {}) });
    const cancel = new AbortController();
    const creating = one.kernels.registry.create(specFixture(), cancel.signal);
    await vi.waitFor(() => expect(one.dummy.containers).toHaveLength(1));
    cancel.abort(why);
    await expect(creating).rejects.toMatchObject({ code });
    expect(one.events.at(-1)).toMatchObject({ type: 'kernel-terminated', reason });
  });

  it('tells whoever waits for it at a stop of the daemon to ask again', async () => {
    const one = await fixture({ ready: () => new Promise(() => {}) });
    const creating = one.kernels.registry.create(specFixture(), never);
    const told = expect(creating).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
    await vi.waitFor(() => expect(one.dummy.containers).toHaveLength(1));
    await one[Symbol.asyncDispose]();
    await told;
    expect(one.events.at(-1)).toMatchObject({ type: 'kernel-terminated', reason: 'agent-termination' });
  });
});
