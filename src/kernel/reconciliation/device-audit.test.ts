import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { specFixture } from '../../../test/support/kernel-record.ts';
import { type KernelsFixture, testDevices, usingFixtures } from '../../../test/support/kernels-fixture.ts';
import { npuPlugin } from '../../../test/support/npu-plugin.ts';
import { PluginSearch } from '../../devices/plugin-source.ts';
import { newKernelId } from '../../lib/ids.ts';
import { silentLogger } from '../../lib/log.ts';
import type { DeviceShare } from '../../resources/device-share.ts';
import type { ScratchFolders } from '../../storage/scratch.ts';
import type { KernelActor } from '../actor.ts';
import { labelNames } from '../container/ownership.ts';
import { InvariantViolations } from '../invariant-violations.ts';
import type { DeviceLeases } from '../leases.ts';
import { auditDevices, compareAccounts, rescanDevices } from './device-audit.ts';

const fixture = usingFixtures();
const never = new AbortController().signal;
const one: readonly DeviceShare[] = [['cpu', '0', '1']];
const other: readonly DeviceShare[] = [['cpu', '1', '1']];

const resourceFile = (at: KernelsFixture, id: string): string => join(at.folder, 'scratch', id, 'config/resource.txt');

describe('the accounts of a kernel’s devices', () => {
  it('that agree are left alone', () => {
    expect(compareAccounts({ lease: one, record: one, container: one, file: one })).toEqual([]);
    expect(compareAccounts({ lease: one, record: one, container: null, file: one })).toEqual([]);
  });

  it('are repaired in favour of what the container was made with', () => {
    const invariantViolations = (accounts: Parameters<typeof compareAccounts>[0]) =>
      compareAccounts(accounts).map(({ invariantViolation, devices }) => [invariantViolation, devices]);
    expect(invariantViolations({ lease: null, record: one, container: null, file: one })).toEqual([
      ['missing-lease', one],
    ]);
    expect(invariantViolations({ lease: one, record: one, container: other, file: other })).toEqual([
      ['differing-lease', other],
      ['differing-record', other],
    ]);
    expect(invariantViolations({ lease: one, record: one, container: one, file: null })).toEqual([
      ['differing-resource-file', one],
    ]);
  });
});

// @promise resources-add-up
describe('comparing the leases of devices', () => {
  it('finds nothing where nothing differs, also after a restart of the kernel and of the daemon', async () => {
    const first = await fixture();
    const spec = specFixture();
    const before = await first.kernels.registry.create(spec, never);
    expect(before.placement.devices).toEqual([
      ['cpu', 'any', '1'],
      ['mem', 'root', String(spec.limits.memoryBytes)],
    ]);
    const label = first.containerOf(spec.id).spec.labels[labelNames.devices];
    expect(JSON.parse(label ?? '')).toEqual(before.placement.devices);
    const text = await readFile(resourceFile(first, spec.id), 'utf8');
    expect(text).toContain(`CID=${before.containerId}\n`);
    expect(await readFile(resourceFile(first, spec.id).replace('.txt', '_base.txt'), 'utf8')).toMatch(/^CID=\n/);
    await first.kernels.registry.restart(spec.id, never);
    await first.kernels.registry.auditDevices(never);
    expect(first.invariantViolations.snapshot()).toEqual({});
    await first[Symbol.asyncDispose]();
    const second = await fixture({ folder: first.folder, engine: first.dummy });
    await second.kernels.registry.recover(never);
    expect(second.devices.heldBy(spec.id)).toEqual(before.placement.devices);
    await second.kernels.registry.auditDevices(never);
    expect(second.invariantViolations.snapshot()).toEqual({});
  });

  it('enters a lease that got lost, and gives back one of a kernel that does not exist', async () => {
    const at = await fixture();
    const spec = specFixture();
    const { placement } = await at.kernels.registry.create(spec, never);
    at.devices.release(spec.id);
    const ghost = newKernelId();
    at.devices.adopt(ghost, [['cpu', 'any', '2']]);
    await at.kernels.registry.auditDevices(never);
    expect(at.devices.holders()).toEqual([spec.id]);
    expect(at.devices.heldBy(spec.id)).toEqual(placement.devices);
    expect(at.invariantViolations.snapshot()).toEqual({ 'missing-lease': 1, 'orphaned-lease': 1 });
    expect(at.devices.use('cpu').used).toBe(1);
    at.devices.release(ghost);
    expect(at.devices.ledger.absentReleases).toBe(1);
    await at.kernels.registry.destroy(spec.id, { reason: 'user-requested', force: true });
    expect(at.devices.use('cpu').used).toBe(0);
  });

  it('puts right what is entered wrongly', async () => {
    const at = await fixture();
    const spec = specFixture();
    const { placement } = await at.kernels.registry.create(spec, never);
    at.devices.correct(spec.id, [['cpu', 'any', '7']]);
    await at.kernels.registry.auditDevices(never);
    expect(at.devices.heldBy(spec.id)).toEqual(placement.devices);
    expect(at.invariantViolations.snapshot()).toEqual({ 'differing-lease': 1 });
    expect(at.events.at(-1)).toEqual({
      type: 'device-difference',
      kind: 'differing-lease',
      detail: `the ledger had other devices, and is put right: 1 cpu of any, ${spec.limits.memoryBytes} mem of root`,
      kernelId: spec.id,
      sessionId: spec.sessionId,
    });
  });

  it('puts a record right whose container was made with other devices, and the file and the lease with it', async () => {
    const first = await fixture();
    const spec = specFixture();
    const { placement } = await first.kernels.registry.create(spec, never);
    const good = await readFile(resourceFile(first, spec.id), 'utf8');
    await first[Symbol.asyncDispose]();
    const journal = join(first.folder, 'kernels', spec.id, 'record.json');
    const record = JSON.parse(await readFile(journal, 'utf8'));
    const wrong = { ...record, placement: { ...record.placement, cpuset: '3', devices: [['cpu', 'any', '7']] } };
    await writeFile(journal, JSON.stringify(wrong));
    await writeFile(resourceFile(first, spec.id), good.replace('any:1', 'any:7'));
    const at = await fixture({ folder: first.folder, engine: first.dummy });
    await at.kernels.registry.recover(never);
    for (let round = 0; round < 2; round += 1) await at.kernels.registry.auditDevices(never);
    expect(at.kernels.registry.get(spec.id)?.placement).toEqual(placement);
    expect(at.devices.heldBy(spec.id)).toEqual(placement.devices);
    expect(await readFile(resourceFile(at, spec.id), 'utf8')).toBe(good);
    await expect.poll(async () => JSON.parse(await readFile(journal, 'utf8')).placement).toEqual(record.placement);
    const counted = { 'differing-record': 1, 'differing-resource-file': 1 };
    expect(at.invariantViolations.snapshot()).toEqual({ ...counted, 'differing-lease': 1 });
  });

  it('goes by the record of a kernel whose container is not listed', async () => {
    const at = await fixture();
    const { spec, containerId } = await at.kernels.registry.create(specFixture(), never);
    if (containerId) await at.dummy.removeContainer(containerId, never);
    at.devices.correct(spec.id, [['cpu', 'any', '7']]);
    await at.kernels.registry.auditDevices(never);
    expect(at.devices.use('cpu').used).toBe(1);
    expect(at.invariantViolations.snapshot()).toEqual({ 'differing-lease': 1 });
  });

  it.each(['', 'SLOTS={}\nCPU_SHARES=9:1\n', '\0\0', null])(
    'writes a damaged resource.txt anew: %j',
    async (damage) => {
      const at = await fixture();
      const spec = specFixture();
      await at.kernels.registry.create(spec, never);
      const file = resourceFile(at, spec.id);
      const good = await readFile(file, 'utf8');
      if (damage === null) await rm(file);
      else await writeFile(file, damage);
      await at.kernels.registry.auditDevices(never);
      expect(await readFile(file, 'utf8')).toBe(good);
      expect(at.invariantViolations.snapshot()).toEqual({ 'differing-resource-file': 1 });
    },
  );

  it('goes on with the others where a resource.txt can be neither read nor written', async () => {
    const at = await fixture();
    const [broken, other] = [specFixture(), specFixture()];
    for (const spec of [broken, other]) await at.kernels.registry.create(spec, never);
    await rm(resourceFile(at, broken.id));
    await mkdir(resourceFile(at, broken.id));
    at.devices.release(other.id);
    const ghost = newKernelId();
    at.devices.adopt(ghost, [['cpu', 'any', '2']]);
    await at.kernels.registry.auditDevices(never);
    expect(at.devices.holders()).toEqual([broken.id, other.id]);
    expect(at.invariantViolations.snapshot()).toEqual({
      'differing-resource-file': 1,
      'failed-device-audit': 1,
      'missing-lease': 1,
      'orphaned-lease': 1,
    });
  });
});

describe('a kernel to which something happens', () => {
  it('is left to the next round, also when that begins while its file is read', async () => {
    const at = await fixture();
    const { spec } = await at.kernels.registry.create(specFixture(), never);
    const record = at.kernels.registry.get(spec.id);
    at.devices.release(spec.id);
    const rests: boolean[] = [];
    const actor = {
      record,
      get steady() {
        return rests.shift() ?? true;
      },
    } as unknown as KernelActor;
    const { devices, invariantViolations } = at;
    const parts = {
      ...{ devices, invariantViolations, actors: new Map([[spec.id, actor]]), scratch: at.kernels.scratch },
      ...{ events: { publish: () => {} }, log: silentLogger },
    };
    for (const seen of [[false], [true, false]]) {
      rests.push(...seen);
      await auditDevices(parts, [], never);
      expect([rests, invariantViolations.snapshot()]).toEqual([[], {}]);
    }
    await auditDevices(parts, [], never);
    expect(invariantViolations.snapshot()).toEqual({ 'missing-lease': 1 });
    expect(devices.heldBy(spec.id)).toEqual(record.placement.devices);
  });
});

describe('of a node without kernels', () => {
  /** What is counted and published when its devices answer like this. */
  async function told(devices: Partial<DeviceLeases>) {
    const [invariantViolations, published] = [new InvariantViolations(), [] as unknown[]];
    const parts = {
      ...{ devices: devices as DeviceLeases, actors: new Map(), scratch: {} as ScratchFolders, invariantViolations },
      ...{ events: { publish: (event: unknown) => void published.push(event) }, log: silentLogger },
    };
    if (devices.rebuild) await auditDevices(parts, [], never);
    else await rescanDevices(parts, never);
    return { counted: invariantViolations.snapshot(), published };
  }

  it('a sum of leases that was wrong is counted', async () => {
    expect(await told({ rebuild: () => ['cpu 0'], holders: () => [] })).toEqual({
      counted: { 'differing-device-map': 1 },
      published: [],
    });
  });

  it('lost devices of a kernel that has just ended are counted, and published of nobody', async () => {
    const lost = [{ kernel: newKernelId(), devices: ['npu.device n0'] }];
    expect(await told({ rescan: async () => ({ lost, back: lost }) })).toEqual({
      counted: { 'lost-device': 1 },
      published: [],
    });
  });
});

describe('looking again for devices', () => {
  it('leaves a kernel what it has, and publishes once that it is lost, and that it is back', async () => {
    let plugins = testDevices([npuPlugin(['n0', 'n1'])]).plugins;
    const discover = (key: string) => async () => plugins.find((plugin) => plugin.key === key) ?? null;
    const source = (name: string) => ({ name, discover: discover(name) });
    const sources = { accelerators: [source('npu')], basic: ['cpu', 'mem'].map(source) };
    const search = new PluginSearch(sources, silentLogger);
    const at = await fixture({ devices: testDevices([npuPlugin(['n0', 'n1'])], search) });
    await at.kernels.registry.rescanDevices(never);
    const spec = specFixture({ accelerators: [['npu.device', '2']] });
    await at.kernels.registry.create(spec, never);
    const published = () => at.events.flatMap((event) => (event.type === 'device-difference' ? event.detail : []));
    plugins = testDevices([npuPlugin(['n1'])]).plugins;
    for (let look = 0; look < 2; look += 1) await at.kernels.registry.rescanDevices(never);
    await at.kernels.registry.auditDevices(never);
    expect(published()).toEqual(['the node has lost devices that it holds: npu.device n0']);
    expect(at.invariantViolations.snapshot()).toEqual({ 'lost-device': 1 });
    expect(at.devices.heldBy(spec.id)).toContainEqual(['npu.device', 'n0', '1']);
    plugins = testDevices([npuPlugin(['n0', 'n1'])]).plugins;
    await at.kernels.registry.rescanDevices(never);
    expect(published().slice(1)).toEqual(['devices that it holds are back: npu.device n0']);
    await at.kernels.registry.destroy(spec.id, { reason: 'user-requested', force: true });
    expect(at.devices.used().get('npu.device')?.toString()).toBe('0');
  });
});
