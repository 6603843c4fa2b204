import { describe, expect, it } from 'vitest';
import { recordFixture, specFixture } from '../../../../test/support/kernel-record.ts';
import { noProvision } from '../../../devices/device-provision.ts';
import { withDeadline } from '../../../lib/deadline.ts';
import { asContainerId, type KernelId } from '../../../lib/ids.ts';
import { type ContainerHardening, defaultHardening } from '../../container/container-spec.ts';
import type { NetworkLeases } from '../../leases.ts';
import { type KernelRecord, noPlacement } from '../../record.ts';
import type { KernelSpec } from '../../spec.ts';
import type { CreationStep } from '../step.ts';
import { networkStep, prewarmedNetworkStep } from './network.ts';

const network = { container: asContainerId('n'), receivedBytes: 0, sentBytes: 0 };

/** Prewarmed networks that note what they are asked for. */
function noted(held: readonly KernelId[] = []) {
  const asked: unknown[] = [];
  const leases = {
    lease: async (kernel: KernelId, image: string) => {
      asked.push(['lease', kernel, image]);
      return network;
    },
    discard: (kernel: KernelId) => void asked.push(['discard', kernel]),
    release: (kernel: KernelId) => void asked.push(['release', kernel]),
    adopt: (kernel: KernelId, container: string) => void asked.push(['adopt', kernel, container]),
    holds: (kernel: KernelId) => held.includes(kernel),
  } as unknown as NetworkLeases;
  return { asked, leases };
}

const within = <T>(work: (deadline: Parameters<CreationStep['apply']>[1]) => Promise<T>): Promise<T> =>
  withDeadline({ what: 'test', timeoutMs: 5_000 }, work);

describe('a prewarmed network', () => {
  async function placed(
    change: Partial<KernelSpec>,
    hardening: Partial<ContainerHardening> = {},
    networks: readonly string[] = [],
  ) {
    const { asked, leases } = noted();
    const spec = specFixture({ network: 'bridge', ...change });
    const placement = { ...noPlacement, provision: { ...noProvision, networks } };
    const step = prewarmedNetworkStep(leases, { ...defaultHardening, ...hardening });
    const learned = await within((deadline) => step.apply(recordFixture({ spec, placement }), deadline));
    return { asked, learned, spec, placement };
  }

  it('is leased for a kernel of which nothing can stay in it', async () => {
    const { asked, learned, spec, placement } = await placed({});
    expect(learned).toEqual({ placement: { ...placement, prewarmedNetwork: network } });
    expect(asked).toEqual([['lease', spec.id, spec.image.id]]);
  });

  const { image, limits } = specFixture();
  it.each<[string, Partial<KernelSpec>, Partial<ContainerHardening>, readonly string[]]>([
    ['has no network', { network: 'none' }, {}, []],
    ['is in a network that has a name', { network: { name: 'x', aliases: [], hosts: [] } }, {}, []],
    ['has a limit on its bandwidth', { limits: { ...limits, bitsPerSecond: 1 } }, {}, []],
    ['may become root', { sudo: true }, {}, []],
    ['is root', { user: { uid: 0, gid: 0 } }, {}, []],
    ['has an OCI runtime of its own', { ociRuntime: 'runsc' }, {}, []],
    ['publishes a port', { publish: [80] }, {}, []],
    ['has an image with a volume', { image: { ...image, volumes: ['/x'] } }, {}, []],
    ['is on a network of its devices', {}, {}, ['fabric']],
    ['has a script of its image run as root', {}, { imageBootstrap: 'root' }, []],
    ['may gain rights', {}, { noNewPrivileges: false }, []],
    ['has fields of the engine’s own', {}, { overrides: async () => ({}) }, []],
    ['has other security options', {}, { securityOptions: ['seccomp=unconfined'] }, []],
    ['has a capability beyond the runner’s', {}, { capabilities: ['KILL', 'NET_ADMIN'] }, []],
  ])('is not for a kernel that %s, and one that it holds is thrown away', async (_, change, hardening, networks) => {
    const { asked, learned, spec, placement } = await placed(change, hardening, networks);
    expect(learned).toEqual({ placement: { ...placement, prewarmedNetwork: null } });
    expect(asked).toEqual([['discard', spec.id]]);
  });

  it('is for one that is hardened more than by default too', async () => {
    const { asked } = await placed({}, { capabilities: ['KILL'], securityOptions: [] });
    expect(asked).toEqual([['lease', expect.anything(), expect.anything()]]);
  });
});

describe('the network of a kernel', () => {
  async function noting(work: 'apply' | 'revert' | 'adopt', change: Partial<KernelRecord>, isHeld = false) {
    const record = recordFixture(change);
    const { asked, leases } = noted(isHeld ? [record.spec.id] : []);
    const step = networkStep({ ensure: async () => void asked.push('bridge') }, leases);
    await within(async (deadline) => void (await step[work]?.(record, deadline)));
    return { asked, id: record.spec.id };
  }
  const onBridge = specFixture({ network: 'bridge' });
  const named = specFixture({ network: { name: 'overlay', aliases: [], hosts: [] } });

  it('is made sure of where it is the bridge; one that has a name is not looked for', async () => {
    expect((await noting('apply', { spec: onBridge })).asked).toEqual(['bridge']);
    expect((await noting('apply', { spec: named })).asked).toEqual([]);
    expect((await noting('apply', { spec: specFixture({ network: 'none' }) })).asked).toEqual([]);
  });

  it('goes back at the kernel’s end where it was made ahead and is held', async () => {
    const { asked, id } = await noting('revert', { spec: onBridge }, true);
    expect(asked).toEqual([['release', id]]);
    expect((await noting('revert', { spec: onBridge })).asked).toEqual([]);
  });

  it('is held again after a start of the daemon, as the record says', async () => {
    const placement = { ...noPlacement, prewarmedNetwork: network };
    const { asked, id } = await noting('adopt', { spec: onBridge, placement });
    expect(asked).toEqual([['adopt', id, 'n'], 'bridge']);
    expect((await noting('adopt', { spec: named })).asked).toEqual([]);
  });
});
