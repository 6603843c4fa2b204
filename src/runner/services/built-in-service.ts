/** A service that the runner brings itself and that runs from the kernel's start (spec kernel-runner 11.4). */
import type { ServiceOutcome } from '../../protocol/kernel-services.ts';

/** One of them. Neither method rejects. */
export interface BuiltInService {
  start(): Promise<ServiceOutcome>;
  stop(): Promise<void>;
}
