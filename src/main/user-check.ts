/** Whether this user can have kernels of this engine. */
import { readFileSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { LoosenSettings } from '../config/settings.ts';
import type { Engine, EngineInfo } from '../engine/engine.ts';
import { KerneletError } from '../lib/errors.ts';
import { socketPathOf } from './engine-backends.ts';

const infoTimeoutMs = 10_000;

/** This process, as the system knows it. */
export interface OwnUser {
  readonly id: number;
  /** Whether its root is a user of the machine: it is in a user namespace. */
  readonly isMapped: boolean;
}

/** Of the limits that kernels are promised, those that the operator does without. */
type WaivedLimits = Pick<LoosenSettings, 'noCpuLimit' | 'noMemoryLimit' | 'noProcessLimit'>;

function ownUser(): OwnUser {
  const map = readFileSync('/proc/self/uid_map', 'utf8');
  return { id: process.getuid?.() ?? 0, isMapped: !/^\s*0\s+0\s/.test(map) };
}

/**
 * Throws NOT_SUPPORTED for a user whose kernels would never get ready: the runner is root without the capability to
 * pass over file modes, so what it reads and writes must belong to root as the engine sees it. An engine without root is
 * served in its own namespaces, where users, folders and the packet filter are the engine's. Also for one that passes over
 * limits which kernels are promised. An engine that is plainly root's is not asked, since each command would wait for it.
 */
export async function checkUser(
  engine: Pick<Engine, 'address' | 'info'>,
  waived: WaivedLimits,
  self: OwnUser = ownUser(),
): Promise<void> {
  if (self.id === 0 && !self.isMapped && (await isRoots(engine.address))) return;
  const info = await engine.info(AbortSignal.timeout(infoTimeoutMs));
  if (!info.isRootless) {
    if (self.id === 0) return;
    throw refusal(
      `kernelet was started by the user ${self.id}, and kernels need root: use sudo, or have root start \`kernelet serve\``,
      { userId: self.id },
    );
  }
  if (self.id !== 0 || !self.isMapped) {
    const enter = 'nsenter --user --preserve-credentials --net --mount --target "$(cat $XDG_RUNTIME_DIR/docker.pid)"';
    throw refusal(
      `the engine at ${engine.address} runs without root, and kernels can be had in its own namespaces alone: as its user, ${enter} kernelet serve --state-dir DIR --socket PATH`,
      { userId: self.id },
    );
  }
  checkLimits(info, waived);
}

function checkLimits({ enforced }: EngineInfo, waived: WaivedLimits): void {
  const missing = [
    ...(enforced.cpus || waived.noCpuLimit ? [] : [['CPUs', 'no-cpu-limit'] as const]),
    ...(enforced.memory || waived.noMemoryLimit ? [] : [['memory', 'no-memory-limit'] as const]),
    ...(enforced.processes || waived.noProcessLimit ? [] : [['processes', 'no-process-limit'] as const]),
  ];
  if (missing.length === 0) return;
  const [what, keys] = [missing.map(([name]) => name).join(', '), missing.map(([, key]) => key).join(', ')];
  throw refusal(
    `the engine runs without root and cannot limit ${what} of kernels: delegate these controllers of cgroup version 2 to its user, or accept it by kernelet.loosen: ${keys}`,
    { missing: what },
  );
}

/** Whether root of this machine has made the socket; one that is not there is somebody else's to complain of. */
async function isRoots(address: string): Promise<boolean> {
  const facts = await stat(socketPathOf({ address })).catch(() => null);
  return facts === null || facts.uid === 0;
}

const refusal = (text: string, context: Readonly<Record<string, string | number>>): KerneletError =>
  new KerneletError('NOT_SUPPORTED', text, { context });
