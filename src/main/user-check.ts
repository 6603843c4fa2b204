/** Whether this user can have kernels. */
import type { EngineInfo } from '../engine/engine.ts';
import { KerneletError } from '../lib/errors.ts';

/**
 * Throws NOT_SUPPORTED for a user whose kernels would never get ready: the runner is root without the capability to
 * pass over file modes, so what it reads and writes must belong to root as the engine sees it.
 */
export function checkUser(userId: number, { securityOptions }: Pick<EngineInfo, 'securityOptions'>): void {
  if (userId === 0 || securityOptions.some((option) => option.includes('rootless'))) return;
  throw new KerneletError(
    'NOT_SUPPORTED',
    `kernelet was started by the user ${userId}, and kernels need root: use sudo, or have root start \`kernelet serve\``,
    { context: { userId } },
  );
}
