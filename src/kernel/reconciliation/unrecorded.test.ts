import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { specFixture } from '../../../test/support/kernel-record.ts';
import {
  type KernelsFixture,
  keepingHomes,
  testDevices,
  usingFixtures,
} from '../../../test/support/kernels-fixture.ts';
import { npuPlugin } from '../../../test/support/npu-plugin.ts';
import type { ContainerDetail } from '../../engine/engine.ts';
import { asContainerId, newKernelId, parseSessionId } from '../../lib/ids.ts';
import { recordCopyName } from '../creation/steps/config-files.ts';
import { decodeRecord, encodeRecord, type KernelRecord } from '../record.ts';
import type { KernelSpec } from '../spec.ts';
import { type Traces, unrecordedRecord } from './unrecorded.ts';

const fixture = usingFixtures();
const never = new AbortController().signal;
const npu = (): ReturnType<typeof testDevices> => testDevices([npuPlugin(['n0', 'n1'])]);
const services = [
  { name: 'jupyter', protocol: 'http', containerPorts: [8080], isInference: false },
  { name: 'sshd', protocol: 'tcp', containerPorts: [2200], isInference: false },
] as const;

/** A kernel of an earlier process, of which neither the record nor the copy can be read, before the next one has looked. */
async function damaged(
  change: Partial<KernelSpec> = {},
  settings: Parameters<typeof fixture>[0] = {},
): Promise<{ first: KernelsFixture; before: KernelRecord; next: () => Promise<KernelsFixture> }> {
  const options = { ...settings, settings: { ...keepingHomes, ...settings.settings } };
  const first = await fixture({ ...options, devices: npu() });
  await first.kernels.sessionNetworks.create('session', never);
  const before = await first.kernels.registry.create(specFixture(change), never);
  const { id } = before.spec;
  await writeFile(join(first.kernels.scratch.paths(id).work, 'precious'), 'x');
  await first[Symbol.asyncDispose]();
  await writeFile(join(first.state.kernels, id, 'record.json'), '{"version":1,');
  await writeFile(join(first.kernels.scratch.paths(id).private, recordCopyName), '');
  const next = () => fixture({ ...options, devices: npu(), folder: first.folder, engine: first.dummy });
  return { first, before, next };
}

/** Whatever looks for what is left over and for differences does so, again and again. */
async function lookAround({ kernels: { registry } }: KernelsFixture): Promise<void> {
  for (let pass = 0; pass < 3; pass += 1) {
    await registry.sweep(never);
    await registry.auditDevices(never);
  }
}

// @promise damaged-records
describe('a kernel of which neither the record nor its copy can be read', () => {
  it('runs on with all that it holds, over further starts, and is said to be unrecorded', async () => {
    const wanted = {
      accelerators: [['npu.device', '1']],
      network: { name: 'session', aliases: [], hosts: [] },
      publish: [8080, 2200],
      services,
      servicesBlocked: true,
    } as const;
    const { before, next } = await damaged(wanted);
    const { id, sessionId, user } = before.spec;
    const { devices, hostPorts } = before.placement;
    expect(devices.map(([slot]) => slot)).toContain('npu.device');

    const second = await next();
    expect(await second.kernels.registry.recover(never)).toEqual({ adopted: 1, ended: 0, quarantined: 1 });
    await lookAround(second);
    const record = second.kernels.registry.get(id);
    expect(record).toMatchObject({ phase: 'running', unrecordedSince: expect.any(Number), placement: { devices } });
    expect(record.spec).toMatchObject({ sessionId, user, services, servicesBlocked: true, publish: [8080, 2200] });
    expect(record.spec).toMatchObject({
      network: { name: 'session' },
      limits: { cpus: 1, memoryBytes: 256 * 2 ** 20 },
    });
    expect(second.devices.heldBy(id)).toEqual(devices);
    expect(second.leases.heldBy(id)).toEqual(hostPorts.map(({ hostPort }) => hostPort));
    expect(second.kernels.registry.client(id)).toBe(second.clients.at(-1));
    expect(second.kernels.registry.stuckOf(id)).toMatchObject({ since: record.unrecordedSince });
    expect(second.events).toEqual([]);
    expect(second.invariantViolations.snapshot()).toEqual({ 'quarantined-record': 1, 'unrecorded-kernel': 1 });
    await second[Symbol.asyncDispose]();

    const third = await next();
    expect(await third.kernels.registry.recover(never)).toEqual({ adopted: 1, ended: 0, quarantined: 0 });
    expect(third.kernels.registry.get(id)).toEqual(record);
    expect(third.devices.heldBy(id)).toEqual(devices);
  });

  it('is no less there where its record is gone, and its folder too', async () => {
    const { first, before, next } = await damaged();
    const { id } = before.spec;
    await rm(join(first.state.kernels, id), { recursive: true });
    await rm(first.kernels.scratch.paths(id).root, { recursive: true });
    const second = await next();
    await second.kernels.registry.recover(never);
    await lookAround(second);
    expect(second.kernels.registry.get(id)).toMatchObject({ phase: 'running', containerId: before.containerId });
    expect(second.containerOf(id).running).toBe(true);
    expect(second.events).toEqual([]);
  });

  it('is removed with all that it holds, but for its files, which are kept for a while', async () => {
    const { before, next } = await damaged({ publish: [80], network: 'bridge' });
    const { id, sessionId } = before.spec;
    const second = await next();
    const { registry, scratch } = second.kernels;
    await registry.recover(never);
    await registry.destroy(id, { reason: 'user-requested', force: true });
    expect(await second.leftovers()).toEqual(['scratch/.kept']);
    expect(await readdir(second.state.quarantine)).toEqual([]);
    const [kept] = await registry.kept();
    expect(kept).toMatchObject({ home: { kernel: id }, record: null });
    const path = kept && join(scratch.kept.pathOf(kept.home), 'work', 'precious');
    expect(await readFile(path ?? '', 'utf8')).toBe('x');
    expect(second.events).toMatchObject([
      { type: 'kernel-terminated', kernelId: id, sessionId, reason: 'user-requested' },
    ]);
  });

  it('is not restarted, neither on request nor after its engine, since nobody knows with what', async () => {
    const { before, next } = await damaged({}, { settings: { onEngineRestart: 'restart' } });
    const { id } = before.spec;
    const second = await next();
    const { registry } = second.kernels;
    await registry.recover(never);
    await expect(registry.restart(id, never)).rejects.toMatchObject({ code: 'NOT_SUPPORTED' });
    expect(registry.get(id).phase).toBe('running');
    await second[Symbol.asyncDispose]();
    second.dummy.restart(137);
    const third = await next();
    expect(await third.kernels.registry.recover(never)).toMatchObject({ adopted: 0, ended: 1 });
    expect(third.events).toMatchObject([{ type: 'kernel-terminated', kernelId: id, reason: 'engine-restart' }]);
    expect(await third.kernels.registry.kept()).toMatchObject([{ home: { kernel: id } }]);
  });

  it('that has ended meanwhile is said to have ended, its files are kept', async () => {
    const { first, before, next } = await damaged();
    const { id } = before.spec;
    first.containerOf(id).exit(3);
    const second = await next();
    expect(await second.kernels.registry.recover(never)).toEqual({ adopted: 0, ended: 1, quarantined: 1 });
    expect(second.events).toMatchObject([{ type: 'kernel-terminated', reason: 'self-terminated', exitCode: 3 }]);
    expect(await second.kernels.registry.kept()).toMatchObject([{ home: { kernel: id } }]);
    expect(await second.leftovers()).toEqual(['scratch/.kept']);
  });
});

describe('what is left of a kernel whose record cannot be read', () => {
  it('is no kernel when its container goes while it is looked at', async () => {
    const { first, next } = await damaged();
    const second = await next();
    const inspected = vi.spyOn(first.dummy, 'inspectContainer').mockResolvedValueOnce(null);
    expect(await second.kernels.registry.recover(never)).toEqual({ adopted: 0, ended: 0, quarantined: 1 });
    expect(inspected).toHaveBeenCalledOnce();
    expect([second.kernels.registry.list(), second.events]).toEqual([[], []]);
    expect(second.invariantViolations.snapshot()).toEqual({ 'quarantined-record': 1 });
  });

  it.each([
    ['another kernel', { spec: specFixture() }],
    ['another container', { generation: 2 }],
  ])('is not taken for what a copy says of %s', async (_, change) => {
    const { first, before, next } = await damaged();
    const { id } = before.spec;
    const copy = join(first.kernels.scratch.paths(id).private, recordCopyName);
    await writeFile(copy, encodeRecord({ ...before, ...change }));
    const second = await next();
    expect(await second.kernels.registry.recover(never)).toMatchObject({ adopted: 1 });
    expect(second.kernels.registry.get(id)).toMatchObject({ generation: 1, unrecordedSince: expect.any(Number) });
  });

  it('holds what it was found with while its container is not listed', async () => {
    const { before, next } = await damaged();
    const { id } = before.spec;
    const second = await next();
    const { registry } = second.kernels;
    await registry.recover(never);
    await second.dummy.removeContainer(second.containerOf(id).id, never);
    const held = second.devices.heldBy(id);
    await registry.auditDevices(never);
    expect(second.devices.heldBy(id)).toEqual(held);
    second.devices.release(id);
    await registry.auditDevices(never);
    expect(second.devices.heldBy(id)).toEqual(held);
    expect(second.invariantViolations.snapshot()).toMatchObject({ 'missing-lease': 1 });
    expect(second.invariantViolations.snapshot()).not.toHaveProperty('differing-resource-file');
  });
});

describe('what is seen of a kernel without a record', () => {
  const kernelId = newKernelId();
  const traces = (detail: Partial<ContainerDetail>, more: Partial<Traces> = {}): Traces => ({
    container: {
      containerId: asContainerId('c1'),
      kernelId,
      sessionId: parseSessionId(kernelId),
      generation: 2,
      state: 'running',
      placement: null,
    },
    detail: {
      id: asContainerId('c1'),
      name: 'kernel.x.1',
      image: 'sha256:00',
      labels: {},
      state: 'running',
      pid: 7,
      exitCode: 0,
      outOfMemory: false,
      error: '',
      startedAt: '2026-11-24T20:00:00.5Z',
      finishedAt: '',
      ports: [],
      networkAddress: null,
      networks: [],
      cgroupParent: '',
      networkFiles: { hosts: '', 'resolv.conf': '', hostname: '' },
      ...detail,
    },
    owner: null,
    bridge: 'kernelet-1',
    slots: new Map([['npu.device', 'count']]),
    accelerators: [
      ['npu.device', 'n0', '1'],
      ['npu.device', 'n1', '1'],
    ],
    ...more,
  });

  it('is a record that can be written and read', () => {
    const record = unrecordedRecord(traces({}), 9);
    expect(decodeRecord(encodeRecord(record))).toEqual(record);
    expect(record).toMatchObject({
      generation: 2,
      unrecordedSince: 9,
      createdAt: Date.parse('2026-11-24T20:00:00.5Z'),
    });
  });

  it('holds every accelerator, and the ports that the engine tells, where the labels say nothing', () => {
    const port = { containerPort: 80, hostPort: 30_000 };
    const ports = ['0.0.0.0', '::'].map((hostAddress) => ({ ...port, hostAddress }));
    const { placement } = unrecordedRecord(traces({ ports }), 9);
    expect(placement.devices).toEqual(traces({}).accelerators);
    expect(placement.hostPorts).toEqual([port]);
    expect(placement.provision.slots).toEqual([['npu.device', 'count', '2']]);
  });

  it.each([
    ['none', ['none'], 'none'],
    ['a network of another container', [], 'none'],
    ['the agent’s own', ['kernelet-1'], 'bridge'],
    ['that of a session', ['session'], { name: 'session', aliases: [], hosts: [] }],
  ])('is on %s', (_, networks, network) => {
    expect(unrecordedRecord(traces({ networks }), 9).spec.network).toEqual(network);
  });

  it('has no service of its image that the kernel was not given', () => {
    const labels = { 'ai.backend.service-ports': 'jupyter:http:8080,old:tcp:9000' };
    const ports = [{ containerPort: 8080, hostPort: 30_000, hostAddress: '' }];
    const { spec } = unrecordedRecord(traces({ labels, ports }), 9);
    expect(spec.services.map(({ name }) => name)).toEqual(['jupyter']);
  });
});
