/** What the tests of checks know: the default settings and an engine without complaints. */

import type { DoctorContext } from '../../src/cli/doctor/check.ts';
import { loadSettings } from '../../src/config/load.ts';
import type { EngineInfo } from '../../src/engine/engine.ts';
import { KerneletError } from '../../src/lib/errors.ts';
import { engineInfo } from './engine-fixtures.ts';

/** The context with an engine that differs in this, or with the error that it gives. */
export async function doctorContext(
  engine: Partial<EngineInfo> | KerneletError = {},
  other: string | null = null,
): Promise<DoctorContext> {
  const { settings } = await loadSettings({ environ: {}, homeDir: '/nowhere', uid: 0, gid: 0 });
  return {
    settings,
    engine: engine instanceof KerneletError ? engine : { address: 'unix:///x', info: engineInfo(engine), other },
    daemon: null,
    userId: 0,
    signal: AbortSignal.timeout(5_000),
  };
}
