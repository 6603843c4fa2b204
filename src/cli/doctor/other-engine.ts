/** Whether the engine that answers is the one that has the kernels of a state folder, seen from outside of the daemon. */
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import type { Engine, EngineInfo } from '../../engine/engine.ts';
import { engineIdentityFile, judgeEngine, otherEngineText, readEngineIdentity } from '../../kernel/engine-identity.ts';

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
