import { describe, expect, it } from 'vitest';
import { loadSettings } from '../config/load.ts';
import { defaultHardening } from '../kernel/container-spec.ts';
import { hardeningOf, loosenedWarnings } from './hardening.ts';

const settingsOf = async (environ: Record<string, string> = {}) =>
  (await loadSettings({ environ, homeDir: '/nowhere', uid: 0, gid: 0 })).settings;

describe('what images may do in a cluster', () => {
  it('is what engines give by default and two more, and what the operator leaves of it', async () => {
    const settings = { ...(await settingsOf()), mode: 'cluster' as const };
    const { capabilities, imageCapabilities } = hardeningOf(settings);
    expect(capabilities).toEqual(defaultHardening.capabilities);
    expect(imageCapabilities).toEqual(expect.arrayContaining(['CHOWN', 'DAC_OVERRIDE', 'IPC_LOCK', 'SYS_NICE']));
    expect(hardeningOf({ ...settings, imageCapabilities: ['CHOWN'] }).imageCapabilities).toEqual(['CHOWN']);
  });
});

describe('what an operator loosens', () => {
  it('is nothing by default', async () => {
    const settings = await settingsOf();
    expect(hardeningOf(settings)).toEqual(defaultHardening);
    expect(loosenedWarnings(settings)).toEqual([]);
  });

  it('changes what it names only, and is told with its key', async () => {
    const settings = await settingsOf();
    const loosen = { ...settings.loosen, capabilities: ['SYS_PTRACE', 'KILL'], noMemoryLimit: true };
    expect(hardeningOf({ ...settings, loosen })).toEqual({
      ...defaultHardening,
      capabilities: [...defaultHardening.capabilities, 'SYS_PTRACE'],
      limited: { cpus: true, memory: false, processes: true },
    });
    const container = { ...settings.container, kernelUser: { uid: 0, gid: 0 } };
    expect(loosenedWarnings({ loosen, container })).toEqual([
      'kernelet.loosen.capabilities: containers keep SYS_PTRACE, KILL',
      'kernelet.loosen.no-memory-limit: kernels may take all memory',
      'container.kernel-uid: programs in kernels run as root',
    ]);
  });

  it('has a key and a warning each', async () => {
    const settings = await settingsOf();
    const everything = {
      capabilities: ['SYS_PTRACE'],
      seccompUnconfined: true,
      newPrivileges: true,
      noProcessLimit: true,
      noMemoryLimit: true,
      noCpuLimit: true,
      swap: true,
    } satisfies typeof settings.loosen;
    expect(loosenedWarnings({ ...settings, loosen: everything })).toHaveLength(Object.keys(everything).length);
  });
});
