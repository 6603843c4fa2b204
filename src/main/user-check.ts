/** Whether this user can have kernels. */
import type { Engine } from '../engine/engine.ts';
import { KerneletError } from '../lib/errors.ts';

const infoTimeoutMs = 10_000;

/**
 * Throws NOT_SUPPORTED for a user whose kernels would never get ready: the runner is root without the capability to
 * pass over file modes, so what it reads and writes must belong to root as the engine sees it.
 */
export async function checkUser(engine: Pick<Engine, 'info'>, userId: number = process.getuid?.() ?? 0): Promise<void> {
  if (userId === 0) return;
  const { securityOptions } = await engine.info(AbortSignal.timeout(infoTimeoutMs));
  if (securityOptions.some((option) => option.includes('rootless'))) return;
  throw new KerneletError(
    'NOT_SUPPORTED',
    `kernelet was started by the user ${userId}, and kernels need root: use sudo, or have root start \`kernelet serve\``,
    { context: { userId } },
  );
}
