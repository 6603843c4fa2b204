import { describe, expect, it } from 'vitest';
import { specFixture } from '../../../../test/support/kernel-record.ts';
import { testDevices, usingFixtures } from '../../../../test/support/kernels-fixture.ts';
import { npuPlugin } from '../../../../test/support/npu-plugin.ts';

const fixture = usingFixtures();
const never = new AbortController().signal;

describe('what devices bring along', () => {
  it('is in the kernel’s container, which is on their networks too, also after a restart', async () => {
    const at = await fixture({
      devices: testDevices([
        npuPlugin(['0'], {
          nodes: ['/dev/null'],
          hooks: ['/bin/sh'],
          mounts: [{ source: '/usr/share', target: '/npu' }],
          networks: ['storage'],
        }),
      ]),
    });
    await at.dummy.createNetwork({ name: 'storage', labels: {} }, never);
    const spec = specFixture({ accelerators: [['npu.device', '1']], environ: [['LD_PRELOAD', '/x.so']] });
    const created = await at.kernels.registry.create(spec, never);
    const restarted = await at.kernels.registry.restart(spec.id, never);
    expect(restarted.placement).toEqual(created.placement);
    const { spec: container } = at.containerOf(spec.id);
    expect(container.mounts).toContainEqual({ source: '/usr/share', target: '/npu', readOnly: true });
    const [hook] = created.placement.provision.hooks;
    expect(container.mounts).toContainEqual({
      source: hook,
      target: `/opt/kernel/${hook?.split('/').at(-1)}`,
      readOnly: true,
    });
    expect([container.devices, container.environ]).toEqual([{ nodes: ['/dev/null'] }, []]);
    expect((await at.dummy.inspectNetwork('storage', never))?.attached).toContain(restarted.containerId);
    await at.kernels.registry.destroy(spec.id, { reason: 'user-requested', force: true });
  });

  it.each([
    [{ nodes: ['/dev/shm'] }, '/dev/shm is no device'],
    [{ mounts: [{ source: '/etc', target: '/npu' }] }, '/etc, a mount of a device'],
    [{ mounts: [{ source: '/usr/share', target: '/home/work' }] }, 'nothing at /home/work'],
    [{ hooks: ['/nonexistent.so'] }, '/nonexistent.so of a device'],
    [{ networks: ['nowhere'] }, 'network nowhere not found'],
  ])('costs the kernel its creation where it must not be, and nothing stays: %j', async (brings, problem) => {
    const at = await fixture({ devices: testDevices([npuPlugin(['0'], brings)]) });
    const spec = specFixture({ accelerators: [['npu.device', '1']] });
    await expect(at.kernels.registry.create(spec, never)).rejects.toThrow(problem);
    expect(at.devices.holders()).toEqual([]);
    expect(await at.leftovers()).toEqual([]);
  });
});
