/** What the runner brings itself: the SSH server and the terminal (spec kernel-runner 11.4). */
import type { KernelService } from './spec.ts';

/** Every kernel that a manager orders has them; others when their ports are published. */
export const builtInServices: readonly KernelService[] = [
  { name: 'sshd', protocol: 'tcp', containerPorts: [2200], isInference: false },
  { name: 'ttyd', protocol: 'http', containerPorts: [7681], isInference: false },
];
