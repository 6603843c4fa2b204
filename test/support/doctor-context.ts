/** What the tests of checks know: the default settings and an engine without complaints. */

import type { DoctorContext } from '../../src/cli/doctor/check.ts';
import { loadSettings } from '../../src/config/load.ts';
import type { EngineInfo } from '../../src/engine/engine.ts';
import { KerneletError } from '../../src/lib/errors.ts';

const info: EngineInfo = {
  name: 'engine',
  identity: '',
  version: '20.10',
  apiVersion: '1.41',
  architecture: 'x86_64',
  storageDriver: 'overlay2',
  cgroupVersion: 2,
  cgroupDriver: 'systemd',
  cgroupParent: 'system.slice',
  cpus: 1,
  memoryBytes: 1,
  dataRoot: '/var/lib/docker',
  runtimes: [],
  securityOptions: ['name=seccomp,profile=default'],
  openFilesLimit: 20_000,
};

/** The context with an engine that differs in this, or with the error that it gives. */
export async function doctorContext(
  engine: Partial<EngineInfo> | KerneletError = {},
  other: string | null = null,
): Promise<DoctorContext> {
  const { settings } = await loadSettings({ environ: {}, homeDir: '/nowhere', uid: 0, gid: 0 });
  return {
    settings,
    engine: engine instanceof KerneletError ? engine : { address: 'unix:///x', info: { ...info, ...engine }, other },
    userId: 0,
    signal: AbortSignal.timeout(5_000),
  };
}
