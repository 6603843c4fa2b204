/** Is the clock right? Certificates of registries and the order of events depend on it. */
import { earliestTime } from '../../lib/clock.ts';
import { type CheckResult, commandOutput, type DoctorCheck, failed, ok, warning } from './check.ts';

/** The result, given the time and what `timedatectl` says of `NTPSynchronized`; null when it says nothing. */
export function clockResult(now: Date, synchronized: string | null): CheckResult {
  if (now.getTime() < earliestTime) return failed(`the clock says ${now.toISOString()}`, 'timedatectl set-ntp true');
  if (synchronized?.trim() === 'no') {
    return warning(`${now.toISOString()}, not synchronized with a time server`, 'timedatectl set-ntp true');
  }
  const how = synchronized === null ? 'whether it is synchronized is unknown' : 'synchronized';
  return ok(`${now.toISOString()}, ${how}`);
}

export const clockCheck = {
  name: 'clock',
  async run({ signal }) {
    const options = ['show', '-p', 'NTPSynchronized', '--value'];
    return clockResult(new Date(), await commandOutput('timedatectl', options, signal));
  },
} satisfies DoctorCheck;
