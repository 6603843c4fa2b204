/** Is there a container engine, can it be used, and is it the one that has the kernels? */
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { installEngine } from '../../engine/docker/operator-commands.ts';
import type { Engine, EngineInfo } from '../../engine/engine.ts';
import {
  engineIdentityFile,
  judgeEngine,
  otherEngineText,
  readEngineIdentity,
} from '../../kernel/reconciliation/engine-identity.ts';
import { KerneletError } from '../../lib/errors.ts';
import { type DoctorCheck, failed, ok, warning } from './check.ts';

/** The command that gets an engine, or this one to answer. */
function fixFor(error: KerneletError): string {
  if (error.code === 'ENGINE_UNSUPPORTED') return error.cure;
  return error.context['reason'] === 'EACCES' ? 'sudo kernelet doctor' : installEngine;
}

export const engineCheck = {
  name: 'engine',
  async run({ engine }) {
    if (engine instanceof KerneletError) {
      return failed(engine.message, fixFor(engine));
    }
    const { info, address, other } = engine;
    if (other !== null) return failed(other, 'bring that engine back, or: kernelet engine accept');
    const what = `${info.name} ${info.version} at ${address}, API ${info.apiVersion}, ${info.storageDriver}`;
    if (!info.securityOptions.some((option) => option.includes('seccomp'))) {
      return warning(
        `${what}: it filters no system calls (seccomp is off)`,
        'rebuild or reconfigure the engine with seccomp',
      );
    }
    return ok(what);
  },
} satisfies DoctorCheck;

/**
 * Says that it is another one; null when it is the one, or nothing is known. A mark that somebody has removed is left again by
 * the daemon within a minute. Throws what the engine throws.
 */
export async function otherEngine(
  stateDir: string,
  engine: Pick<Engine, 'address' | 'readMark'>,
  info: EngineInfo,
  signal: AbortSignal,
): Promise<string | null> {
  const known = await readEngineIdentity(engineIdentityFile(stateDir)).catch(() => null);
  if (!known) return null;
  const records = await readdir(path.join(stateDir, 'kernels')).catch(() => []);
  const mark = await engine.readMark(known.markName, signal);
  const verdict = judgeEngine({ known, info, mark, hasOurs: false, hasContainers: true, atStake: records.length > 0 });
  return verdict === 'other' ? otherEngineText(known, { address: engine.address, ...info }) : null;
}
