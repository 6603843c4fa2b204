import { mkdir, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { containerSpec as engineSpec } from '../../../test/support/engine-fixtures.ts';
import { localFiles } from '../../../test/support/foreign-files.ts';
import { recordFixture, specFixture } from '../../../test/support/kernel-record.ts';
import { testSettings } from '../../../test/support/kernels-fixture.ts';
import { scratchParts } from '../../../test/support/scratch-parts.ts';
import { noProvision } from '../../devices/device-provision.ts';
import { DummyEngine, type DummyEngineOptions } from '../../engine/dummy/dummy-engine.ts';
import { dummyImage } from '../../engine/dummy/dummy-images.ts';
import { Deadline } from '../../lib/deadline.ts';
import { KerneletError } from '../../lib/errors.ts';
import { asContainerId, parseAgentId } from '../../lib/ids.ts';
import { sameUsers } from '../../storage/container-users.ts';
import { ScratchFolders } from '../../storage/scratch.ts';
import { type KernelPlacement, type KernelRecord, noPlacement } from '../record.ts';
import type { ContainerSettings } from './container-spec.ts';
import { KernelContainers } from './kernel-containers.ts';
import { labelNames, Ownership } from './ownership.ts';

let folder: string;
let deadline: Deadline;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kernelet-containers-'));
  deadline = new Deadline({ what: 'a test', timeoutMs: 10_000 });
});
afterEach(async () => {
  deadline[Symbol.dispose]();
  await rm(folder, { recursive: true, force: true });
});

const image = dummyImage('kernelet/base:latest');
const spec = specFixture({ image: { ...specFixture().image, id: image.id } });
const recordOf = (change: Partial<KernelRecord> = {}, placed: Partial<KernelPlacement> = {}): KernelRecord =>
  recordFixture({ spec, containerId: null, generation: 2, placement: { ...noPlacement, ...placed }, ...change });

/** Containers in an engine in memory, and what they have told others. */
function containersIn(options: DummyEngineOptions = {}, settings: Partial<ContainerSettings> = {}) {
  const engine = new DummyEngine(options);
  engine.addImage(image);
  const told: string[] = [];
  const ownership = new Ownership(parseAgentId('i-one'), new Uint8Array(32));
  const scratch = new ScratchFolders(join(folder, 'scratch'), scratchParts());
  const containers = new KernelContainers({
    engine,
    ownership,
    engineGuard: { confirm: async () => void told.push('confirmed') },
    scratch,
    settings: { ...testSettings.container, bridgeName: 'kernelet', ...settings },
    users: async () => sameUsers,
    files: localFiles,
    imageRoots: { find: async () => null, keep: async (image) => void told.push(`kept ${image}`) },
    hooks: { beforeRemoval: async (_, { id }) => void told.push(`before the removal of ${id}`) },
  });
  /** Makes a container by this name with these labels beside those that prove it ours. */
  const plant = (
    labels: Readonly<Record<string, string>> = {},
    name = ownership.containerNames(spec.id, 'kernelet/base')[0],
  ) =>
    engine.createContainer(
      engineSpec({
        name,
        image: image.id,
        entrypoint: ['sleep'],
        labels: {
          [labelNames.kernelId]: spec.id,
          [labelNames.sessionId]: spec.sessionId,
          [labelNames.generation]: '2',
          [labelNames.proof]: ownership.proof(name),
          ...labels,
        },
      }),
      deadline.signal,
    );
  return { engine, containers, told, ownership, scratch, plant };
}

const ids = (engine: DummyEngine) => engine.containers.map(({ id }) => id);

describe('making a container', () => {
  it('has the engine make what the record says, with what is asked for each container', async () => {
    const view = { source: '/proc/x', target: '/proc/x', readOnly: true };
    const hardening = { ...testSettings.container.hardening, overrides: async () => ({ HostConfig: { Tty: true } }) };
    const { engine, containers, ownership } = containersIn(
      {},
      { hardening, views: async () => [view], commonDevices: async () => ({ nodes: ['/dev/x'], lockedBytes: 7 }) },
    );
    const id = await containers.make(recordOf(), deadline);
    const [made] = engine.containers;
    expect(made?.id).toBe(id);
    expect(made?.spec).toMatchObject({
      name: ownership.containerNames(spec.id, 'kernelet/base')[0],
      overrides: { HostConfig: { Tty: true } },
      mounts: expect.arrayContaining([view, expect.objectContaining({ source: '/nonexistent/volume' })]),
      limits: { lockedBytes: 7 },
    });
    expect(JSON.stringify(made?.spec.devices)).toContain('/dev/x');
  });

  it('removes one of ours that a crash has left in its way', async () => {
    const { engine, containers, plant } = containersIn();
    const left = await plant({ [labelNames.generation]: '1' });
    const id = await containers.make(recordOf(), deadline);
    expect(ids(engine)).toEqual([id]);
    expect(id).not.toBe(left);
  });

  // @promise foreign-untouched
  it('leaves a container alone that has its name and is not ours, and says so', async () => {
    const { engine, containers, plant, ownership } = containersIn();
    const foreign = await plant({ [labelNames.proof]: 'x' });
    const [name] = ownership.containerNames(spec.id, 'kernelet/base');
    await expect(containers.make(recordOf(), deadline)).rejects.toMatchObject({
      code: 'ENGINE_FAILED',
      message: `the name ${name} is taken by a container that is not ours`,
      context: { container: name },
      cause: { code: 'KERNEL_EXISTS' },
    });
    expect(ids(engine)).toEqual([foreign]);
  });

  it('hands on what else the engine says', async () => {
    const { engine, containers, plant } = containersIn();
    const left = await plant();
    using _fault = engine.fail('createContainer', { kind: 'error', error: new KerneletError('ENGINE_FAILED', 'no') });
    await expect(containers.make(recordOf(), deadline)).rejects.toMatchObject({ code: 'ENGINE_FAILED', message: 'no' });
    expect(ids(engine)).toEqual([left]);
  });

  it('refuses a volume of the image that would hide what is the kernel’s, and asks the engine for nothing', async () => {
    const { engine, containers } = containersIn();
    const hiding = { ...spec, image: { ...spec.image, volumes: ['/opt/kernel'] } };
    await expect(containers.make(recordOf({ spec: hiding }), deadline)).rejects.toMatchObject({
      code: 'FORBIDDEN_VOLUME',
    });
    expect(engine.calls).toEqual([]);
  });

  it('begins nothing once its time is over', async () => {
    const { engine, containers } = containersIn();
    const ended = AbortSignal.abort(new Error('over'));
    using late = new Deadline({ what: 'a test', timeoutMs: 10_000, signal: ended });
    await expect(containers.make(recordOf(), late)).rejects.toThrow('over');
    expect(engine.calls).toEqual([]);
  });

  it('lays a place in the folder of sockets for each thing that is mounted there', async () => {
    const { containers, scratch } = containersIn();
    const { sockets } = scratch.paths(spec.id);
    await scratch.create(spec.id, spec.user);
    await mkdir(sockets);
    const withSockets = { ...spec, agentSocket: true, sudo: true };
    const provision = { ...noProvision, hooks: ['/usr/lib/libx.so'] };
    await containers.make(recordOf({ spec: withSockets }, { provision }), deadline);
    expect((await stat(join(sockets, 'run'))).isDirectory()).toBe(true);
    for (const file of ['su-exec', 'libx.so']) expect(await readFile(join(sockets, file), 'utf8')).toBe('');
    expect((await readdir(sockets)).sort()).toEqual(['libx.so', 'run', 'su-exec']);
  });

  it('reads an image whose root is read-only in a container that has nothing of the kernel’s, and removes that', async () => {
    const seen: object[] = [];
    const hardening = { ...testSettings.container.hardening, overrides: async () => ({ HostConfig: {} }) };
    const { engine, containers, told, scratch } = containersIn(
      { onCreate: (made) => void seen.push(made), files: { '/etc/passwd': 'root:x:0:0::/root:/bin/sh\n' } },
      { hardening, views: async () => [{ source: '/a', target: '/a', readOnly: true }] },
    );
    await scratch.create(spec.id, spec.user);
    const network = { name: 'kernelet', aliases: ['main1'], hosts: [['sub1', '10.0.0.6']] as const };
    const id = await containers.make(recordOf({ spec: { ...spec, readOnlyRoot: true, network } }), deadline);
    const bare = { mounts: [], temporaryFilesystems: {}, network: 'none', networkAliases: [], hosts: [], ports: [] };
    expect(seen[0]).toMatchObject(bare);
    expect(seen[0]).not.toHaveProperty('overrides');
    expect(seen[1]).toMatchObject({ network: 'kernelet', overrides: { HostConfig: {} } });
    expect(ids(engine)).toEqual([id]);
    expect(told).toContain(`kept ${image.id}`);
    const { users } = scratch.paths(spec.id);
    expect(await readFile(join(users, 'passwd'), 'utf8')).toBe('root:x:0:0::/root:/bin/sh\n');
  });
});

describe('starting a container', () => {
  it('starts it and then joins the networks of its devices', async () => {
    const { engine, containers } = containersIn();
    const id = await containers.make(recordOf(), deadline);
    const networks = ['fabric-a', 'fabric-b'];
    for (const name of networks) await engine.createNetwork({ name, labels: {} }, deadline.signal);
    const before = engine.calls.length;
    await containers.start(recordOf({ containerId: id }, { provision: { ...noProvision, networks } }), deadline);
    expect(engine.container(id).running).toBe(true);
    expect(engine.calls.slice(before).map(({ method }) => method)).toEqual([
      'startContainer',
      'connectContainer',
      'connectContainer',
    ]);
  });

  it('refuses a record without one', async () => {
    const { engine, containers } = containersIn();
    await expect(containers.start(recordOf(), deadline)).rejects.toMatchObject({
      code: 'INTERNAL',
      message: 'there is no container to start',
    });
    expect(engine.calls).toEqual([]);
  });

  it.each<[string, Partial<KernelRecord>, Partial<KernelPlacement>, DummyEngineOptions, string]>([
    [
      'a mount whose source is gone',
      { spec: { ...spec, mounts: [{ source: '/nonexistent/data', target: '/data', readOnly: true }] } },
      {},
      {},
      'FORBIDDEN_MOUNT',
    ],
    ['a library of a device that is gone', {}, { provision: { ...noProvision, hooks: ['/nonexistent.so'] } }, {}, ''],
    [
      'a mount of a device that is gone',
      {},
      { provision: { ...noProvision, mounts: [{ source: '/nonexistent/x', target: '/x' }] } },
      {},
      '',
    ],
    [
      'a volume of the image behind a link',
      { spec: { ...spec, image: { ...spec.image, volumes: ['/var/data'] } } },
      {},
      { links: ['/var'] },
      'FORBIDDEN_VOLUME',
    ],
  ])('starts nothing with %s', async (_, change, placed, options, code) => {
    const { engine, containers } = containersIn(options);
    const id = await containers.make(recordOf(), deadline);
    const started = containers.start(recordOf({ containerId: id, ...change }, placed), deadline);
    await expect(started).rejects.toMatchObject(code === '' ? { name: 'KerneletError' } : { code });
    expect(engine.container(id).running).toBe(false);
  });
});

describe('removing a container', () => {
  it('tells of it before, where the kernel ends, and answers that there was one', async () => {
    const { engine, containers, told, plant } = containersIn();
    const id = await plant();
    expect(await containers.remove(recordOf({ phase: 'terminating' }), deadline)).toBe(true);
    expect(told).toEqual([`before the removal of ${id}`]);
    expect(ids(engine)).toEqual([]);
    await plant();
    expect(await containers.remove(recordOf({ phase: 'running' }), deadline)).toBe(true);
    expect(told).toHaveLength(1);
  });

  it('answers that there was none only when the engine is the one that has our kernels', async () => {
    const { containers, told } = containersIn();
    expect(await containers.remove(recordOf(), deadline)).toBe(false);
    expect(told).toEqual(['confirmed']);
  });

  it('finds one that people have renamed by its id, and one of an earlier version by its name', async () => {
    const { engine, containers, plant, ownership } = containersIn();
    const id = await plant();
    engine.renameContainer(id, 'else');
    expect(await containers.inspect(recordOf(), deadline.signal)).toBeNull();
    expect((await containers.inspect(recordOf({ containerId: id }), deadline.signal))?.id).toBe(id);
    const earlier = await plant({}, ownership.containerNames(spec.id, 'kernelet/base')[1]);
    expect((await containers.inspect(recordOf(), deadline.signal))?.id).toBe(earlier);
  });

  // @promise foreign-untouched
  it.each([
    ['is of a newer generation', { [labelNames.generation]: '3' }],
    ['has no proof', { [labelNames.proof]: '' }],
    ['is of another kernel', { [labelNames.kernelId]: specFixture().id }],
  ])('leaves one alone that %s', async (_, labels) => {
    const { engine, containers, plant } = containersIn();
    const id = await plant(labels);
    expect(await containers.remove(recordOf({ containerId: id }), deadline)).toBe(false);
    expect(await containers.inspect(recordOf({ containerId: id }), deadline.signal)).toBeNull();
    await containers.removeOrphan(id, 2, deadline.signal);
    expect(ids(engine)).toEqual([id]);
  });

  it('removes one that stands still, also when the engine does not have it go on', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const { engine, containers } = containersIn();
      const id = await containers.make(recordOf(), deadline);
      await engine.startContainer(id, deadline.signal);
      await engine.pauseContainer(id, deadline.signal);
      using _fault = engine.fail('resumeContainer', { kind: 'hang' });
      const removed = containers.remove(recordOf({ containerId: id }), deadline);
      await vi.advanceTimersByTimeAsync(3_000);
      expect(await removed).toBe(true);
      expect(ids(engine)).toEqual([]);
    } finally {
      vi.useRealTimers();
    }
  });

  it('removes an orphan by its id, when it is ours and no newer', async () => {
    const { engine, containers, plant } = containersIn();
    const id = await plant();
    await containers.removeOrphan(id, 1, deadline.signal);
    expect(ids(engine)).toEqual([id]);
    await containers.removeOrphan(id, 2, deadline.signal);
    expect(ids(engine)).toEqual([]);
    await containers.removeOrphan(asContainerId('gone'), 2, deadline.signal);
  });
});
