/** What the operator has loosened, in the words of a container. Pure. */
import type { LoosenSettings } from '../config/settings.ts';
import { type ContainerHardening, defaultHardening } from '../kernel/container-spec.ts';

/** The hardening of every container of this agent. */
export function hardeningOf(loosen: LoosenSettings): ContainerHardening {
  return {
    capabilities: [...new Set([...defaultHardening.capabilities, ...loosen.capabilities])],
    noNewPrivileges: !loosen.newPrivileges,
    securityOptions: loosen.seccompUnconfined ? ['seccomp=unconfined'] : [],
  };
}
