/** How a daemon is, in one line for `systemctl status`. Pure. */
import type { AgentPhase } from '../../agent/agent.ts';
import type { HealthCheck } from '../../agent/node-health.ts';

/** What it is made of. */
export interface DaemonLook {
  readonly phase: AgentPhase;
  readonly kernels: number;
  readonly checks: readonly HealthCheck[];
}

/** `2 kernels; container-engine, etcd answer; redis does not answer`. */
export function statusLine({ phase, kernels, checks }: DaemonLook): string {
  const names = (are: boolean): string =>
    checks
      .filter(({ problem }) => (problem === null) === are)
      .map(({ service }) => service)
      .join(', ');
  const [fine, failing] = [names(true), names(false)];
  const verb = (list: string, one: string, many: string): string => `${list} ${list.includes(',') ? many : one}`;
  return [
    ...(phase === 'ready' ? [] : [phase]),
    `${kernels} ${kernels === 1 ? 'kernel' : 'kernels'}`,
    ...(fine === '' ? [] : [verb(fine, 'answers', 'answer')]),
    ...(failing === '' ? [] : [verb(failing, 'does not answer', 'do not answer')]),
  ].join('; ');
}
