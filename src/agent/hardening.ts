/** What the operator has loosened, in the words of a container and in those of a warning. Pure. */
import type { Settings } from '../config/settings.ts';
import { type ContainerHardening, defaultHardening, jailOptions } from '../kernel/container/container-spec.ts';

/** The hardening of every container of this agent. `imageCapabilities`: see `ContainerHardening`. */
export function hardeningOf(
  { loosen, imageBootstrap, container }: Pick<Settings, 'loosen' | 'imageBootstrap' | 'container'>,
  imageCapabilities: readonly string[] | null,
): ContainerHardening {
  return {
    capabilities: [...new Set([...defaultHardening.capabilities, ...loosen.capabilities])],
    imageBootstrap,
    imageCapabilities,
    noNewPrivileges: !loosen.newPrivileges,
    limited: { cpus: !loosen.noCpuLimit, memory: !loosen.noMemoryLimit, processes: !loosen.noProcessLimit },
    swap: loosen.swap,
    securityOptions: loosen.seccompUnconfined ? ['seccomp=unconfined'] : filterOf(container.isJail),
  };
}

const filterOf = (isJail: boolean): ContainerHardening['securityOptions'] =>
  isJail ? jailOptions() : defaultHardening.securityOptions;

/** Whether the operator lets somebody be root in kernels: an image's script, the tenant, or what has set-id there. Pure. */
export function mayHaveRoot({
  loosen,
  imageBootstrap,
  container,
}: Pick<Settings, 'loosen' | 'imageBootstrap' | 'container'>): boolean {
  const isAsked = imageBootstrap === 'root' || container.kernelUser.uid === 0;
  return isAsked || loosen.newPrivileges || loosen.capabilities.length > 0;
}

/**
 * One sentence for everything that makes kernels less confined than they are by default, with its key. `areRootScriptsAsked`:
 * whether scripts of images are root because the operator says so, and not because every node of a cluster does it.
 */
export function loosenedWarnings(
  settings: Pick<Settings, 'loosen' | 'container'>,
  areRootScriptsAsked: boolean,
): readonly string[] {
  const { loosen, container } = settings;
  const warnings: string[] = [];
  const warn = (loosened: boolean, key: string, text: string): void => {
    if (loosened) warnings.push(`${key}: ${text}`);
  };
  const { capabilities } = loosen;
  warn(capabilities.length > 0, 'kernelet.loosen.capabilities', `containers keep ${capabilities.join(', ')}`);
  warn(loosen.seccompUnconfined, 'kernelet.loosen.seccomp-unconfined', 'no filter of system calls');
  warn(loosen.newPrivileges, 'kernelet.loosen.new-privileges', 'set-id programs in kernels gain privileges');
  warn(loosen.noProcessLimit, 'kernelet.loosen.no-process-limit', 'kernels may have any number of processes');
  warn(loosen.noMemoryLimit, 'kernelet.loosen.no-memory-limit', 'kernels may take all memory');
  warn(loosen.noCpuLimit, 'kernelet.loosen.no-cpu-limit', 'kernels may use all CPUs');
  warn(loosen.swap, 'kernelet.loosen.swap', 'kernels may swap');
  warn(
    loosen.clusterServices,
    'kernelet.loosen.cluster-services',
    'kernels reach the services of their cluster, and with them every node of it',
  );
  warn(container.kernelUser.uid === 0, 'container.kernel-uid', 'programs in kernels run as root');
  warn(
    areRootScriptsAsked,
    'kernelet.image-bootstrap',
    'scripts of images run as root, and kernels join no prewarmed network',
  );
  return warnings;
}
