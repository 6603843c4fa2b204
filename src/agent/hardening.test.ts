import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { recordFixture, specFixture } from '../../test/support/kernel-record.ts';
import { loadSettings } from '../config/load.ts';
import type { Settings } from '../config/settings.ts';
import { type ContainerHardening, defaultHardening } from '../kernel/container/container-spec.ts';
import { prewarmedNetworkStep } from '../kernel/creation/steps/network.ts';
import type { NetworkLeases } from '../kernel/leases.ts';
import { Deadline } from '../lib/deadline.ts';
import { hardeningOf, loosenedWarnings } from './hardening.ts';

const settingsOf = async (environ: Record<string, string> = {}) =>
  (await loadSettings({ environ, homeDir: '/nowhere', uid: 0, gid: 0 })).settings;

/** Those of a node that is configured to be a member. */
async function memberSettings(): Promise<Settings> {
  const folder = await mkdtemp(join(tmpdir(), 'kernelet-hardening-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const configFile = join(folder, 'agent.toml');
  const text = '[etcd]\nnamespace = "local"\n[agent]\nbackend = "docker"\n[container]\nscratch-type = "hostdir"\n';
  await writeFile(configFile, text);
  return (await loadSettings({ flags: { configFile }, environ: {}, homeDir: '/nowhere', uid: 0, gid: 0 })).settings;
}

describe('capabilities of image scripts in a cluster', () => {
  it('are what engines give by default and two more, and what the operator leaves of it', async () => {
    const settings = await memberSettings();
    const { capabilities, imageCapabilities } = hardeningOf(settings, settings.imageCapabilities);
    expect(capabilities).toEqual(defaultHardening.capabilities);
    expect(imageCapabilities).toEqual(expect.arrayContaining(['CHOWN', 'DAC_OVERRIDE', 'IPC_LOCK', 'SYS_NICE']));
    expect(hardeningOf(settings, ['CHOWN']).imageCapabilities).toEqual(['CHOWN']);
  });
});

describe('prewarmed networks', () => {
  /** Whether a kernel asks for one. */
  async function asks(hardening: ContainerHardening): Promise<boolean> {
    let asked = false;
    const leases: NetworkLeases = {
      lease: async () => {
        asked = true;
        return null;
      },
      adopt() {},
      holds: () => false,
      networkFilesOf: () => null,
      release() {},
      discard() {},
    };
    using deadline = new Deadline({ what: 'test', timeoutMs: 5_000 });
    await prewarmedNetworkStep(leases, hardening).apply(
      recordFixture({ spec: specFixture({ network: 'bridge' }) }),
      deadline,
    );
    return asked;
  }

  it('are joined by no kernel of a member of a cluster, whose images’ scripts are root, whatever else is said', async () => {
    const settings = await settingsOf();
    const member = await memberSettings();
    expect(await asks(hardeningOf(settings, null))).toBe(true);
    expect(await asks(hardeningOf({ ...settings, imageBootstrap: 'root' }, null))).toBe(false);
    expect(await asks(hardeningOf(member, member.imageCapabilities))).toBe(false);
  });
});

describe('a jail', () => {
  it('has the stricter filter of system calls and nothing else', async () => {
    const settings = await settingsOf({ BACKEND_SANDBOX_TYPE: 'jail' });
    const { securityOptions, ...rest } = hardeningOf(settings, null);
    const { securityOptions: usual, ...others } = defaultHardening;
    expect(rest).toEqual(others);
    expect([securityOptions.join().includes('ptrace'), usual.join().includes('ptrace')]).toEqual([false, true]);
  });
});

describe('loosened hardening', () => {
  it('is none by default', async () => {
    const settings = await settingsOf();
    expect(hardeningOf(settings, null)).toEqual(defaultHardening);
    expect(loosenedWarnings(settings, false)).toEqual([]);
  });

  // @promise loosened-by-name
  it('changes what its keys name and nothing else, and is warned of by key', async () => {
    const settings = await settingsOf();
    const loosen = { ...settings.loosen, capabilities: ['SYS_PTRACE', 'KILL'], noMemoryLimit: true };
    expect(hardeningOf({ ...settings, loosen }, null)).toEqual({
      ...defaultHardening,
      capabilities: [...defaultHardening.capabilities, 'SYS_PTRACE'],
      limited: { cpus: true, memory: false, processes: true },
    });
    const container = { ...settings.container, kernelUser: { uid: 0, gid: 0 } };
    expect(loosenedWarnings({ ...settings, loosen, container }, true)).toEqual([
      'kernelet.loosen.capabilities: containers keep SYS_PTRACE, KILL',
      'kernelet.loosen.no-memory-limit: kernels may take all memory',
      'container.kernel-uid: programs in kernels run as root',
      'kernelet.image-bootstrap: scripts of images run as root, and kernels join no prewarmed network',
    ]);
  });

  it('has a warning for each key', async () => {
    const settings = await settingsOf();
    const everything = {
      capabilities: ['SYS_PTRACE'],
      seccompUnconfined: true,
      newPrivileges: true,
      noProcessLimit: true,
      noMemoryLimit: true,
      noCpuLimit: true,
      swap: true,
      clusterServices: true,
    } satisfies typeof settings.loosen;
    expect(loosenedWarnings({ ...settings, loosen: everything }, false)).toHaveLength(Object.keys(everything).length);
  });
});
