/**
 * From what ends the daemon to its exit status (spec config-and-ops 11.2), by which a service manager decides what to do:
 * 0 is for a stop that was asked for alone.
 */
import { toKerneletError } from '../lib/errors.ts';

/** Statuses of the daemon; 69, 70 and 75 are those of `sysexits.h`. */
export const daemonStatus = { configuration: 1, unavailable: 69, internal: 70, temporary: 75 } as const;

/** The status after anything thrown. */
export function daemonStatusOf(thrown: unknown): number {
  const { code, entry } = toKerneletError(thrown);
  switch (code) {
    case 'INVALID_CONFIG':
    case 'INVALID_ARGUMENT':
    case 'NOT_SUPPORTED':
      return daemonStatus.configuration;
    case 'ENGINE_UNAVAILABLE':
    case 'ENGINE_UNSUPPORTED':
    case 'ENGINE_FAILED':
      return daemonStatus.unavailable;
    default:
      if (entry.kind === 'upstream') return daemonStatus.unavailable;
      return entry.kind === 'internal' ? daemonStatus.internal : daemonStatus.temporary;
  }
}
