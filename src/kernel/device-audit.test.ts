import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { specFixture } from '../../test/support/kernel-record.ts';
import { type KernelsFixture, usingFixtures } from '../../test/support/kernels-fixture.ts';
import { newKernelId } from '../lib/ids.ts';
import type { DeviceShare } from '../resources/device-share.ts';
import { compareAccounts } from './device-audit.ts';
import { labelNames } from './ownership.ts';

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

  it('are mended in favour of what the container was made with', () => {
    const oddities = (accounts: Parameters<typeof compareAccounts>[0]) =>
      compareAccounts(accounts).map(({ oddity, devices }) => [oddity, devices]);
    expect(oddities({ lease: null, record: one, container: null, file: one })).toEqual([['missing-lease', one]]);
    expect(oddities({ lease: one, record: one, container: other, file: other })).toEqual([
      ['differing-lease', other],
      ['differing-record', other],
    ]);
    expect(oddities({ lease: one, record: one, container: one, file: null })).toEqual([
      ['differing-resource-file', one],
    ]);
  });
});

describe('comparing the leases of devices', () => {
  it('finds nothing where nothing differs, also after a restart of the kernel and of the daemon', async () => {
    const first = await fixture();
    const spec = specFixture();
    const before = await first.kernels.registry.create(spec, never);
    expect(before.placement.devices).toEqual([
      ['cpu', 'any', '1'],
      ['mem', 'root', String(spec.limits.memoryBytes)],
    ]);
    const label = first.dummy.container(`kernel.base.${spec.id}`).spec.labels[labelNames.devices];
    expect(JSON.parse(label ?? '')).toEqual(before.placement.devices);
    const text = await readFile(resourceFile(first, spec.id), 'utf8');
    expect(text).toContain(`CID=${before.containerId}\n`);
    expect(await readFile(resourceFile(first, spec.id).replace('.txt', '_base.txt'), 'utf8')).toMatch(/^CID=\n/);
    await first.kernels.registry.restart(spec.id, never);
    await first.kernels.registry.auditDevices(never);
    expect(first.oddities.snapshot()).toEqual({});
    await first[Symbol.asyncDispose]();
    const second = await fixture({ folder: first.folder, engine: first.dummy });
    await second.kernels.registry.recover(never);
    expect(second.devices.heldBy(spec.id)).toEqual(before.placement.devices);
    await second.kernels.registry.auditDevices(never);
    expect(second.oddities.snapshot()).toEqual({});
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
    expect(at.oddities.snapshot()).toEqual({ 'missing-lease': 1, 'orphaned-lease': 1 });
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
    expect(at.oddities.snapshot()).toEqual({ 'differing-lease': 1 });
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
      expect(at.oddities.snapshot()).toEqual({ 'differing-resource-file': 1 });
    },
  );
});
