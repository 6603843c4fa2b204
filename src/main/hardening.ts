/** What the operator has loosened, in the words of a container and in those of a warning. Pure. */
import type { Settings } from '../config/settings.ts';
import { type ContainerHardening, defaultHardening } from '../kernel/container-spec.ts';

type HardeningSettings = Pick<Settings, 'loosen' | 'mode' | 'imageBootstrap' | 'imageCapabilities'>;

/** The hardening of every container of this agent. */
export function hardeningOf({ loosen, mode, ...image }: HardeningSettings): ContainerHardening {
  return {
    capabilities: [...new Set([...defaultHardening.capabilities, ...loosen.capabilities])],
    imageBootstrap: image.imageBootstrap,
    imageCapabilities: mode === 'cluster' ? image.imageCapabilities : null,
    noNewPrivileges: !loosen.newPrivileges,
    limited: { cpus: !loosen.noCpuLimit, memory: !loosen.noMemoryLimit, processes: !loosen.noProcessLimit },
    swap: loosen.swap,
    securityOptions: loosen.seccompUnconfined ? ['seccomp=unconfined'] : [],
  };
}

/** One sentence for everything that makes kernels less confined than they are by default, with its key. */
export function loosenedWarnings(
  settings: Pick<Settings, 'loosen' | 'container' | 'mode' | 'imageBootstrap'>,
): readonly string[] {
  const { loosen, container, mode, imageBootstrap } = settings;
  const warnings: string[] = [];
  const tell = (loosened: boolean, key: string, text: string): void => {
    if (loosened) warnings.push(`${key}: ${text}`);
  };
  const { capabilities } = loosen;
  tell(capabilities.length > 0, 'kernelet.loosen.capabilities', `containers keep ${capabilities.join(', ')}`);
  tell(loosen.seccompUnconfined, 'kernelet.loosen.seccomp-unconfined', 'no filter of system calls');
  tell(loosen.newPrivileges, 'kernelet.loosen.new-privileges', 'set-id programs in kernels gain privileges');
  tell(loosen.noProcessLimit, 'kernelet.loosen.no-process-limit', 'kernels may have any number of processes');
  tell(loosen.noMemoryLimit, 'kernelet.loosen.no-memory-limit', 'kernels may take all memory');
  tell(loosen.noCpuLimit, 'kernelet.loosen.no-cpu-limit', 'kernels may use all CPUs');
  tell(loosen.swap, 'kernelet.loosen.swap', 'kernels may swap');
  tell(container.kernelUser.uid === 0, 'container.kernel-uid', 'programs in kernels run as root');
  const asksForRoot = mode === 'standalone' && imageBootstrap === 'root';
  tell(asksForRoot, 'kernelet.image-bootstrap', 'scripts of images run as root, and kernels join no prewarmed network');
  return warnings;
}
