/** Is the clock right? Certificates of registries and the order of events depend on it. */
import { type DoctorCheck, failed, ok, warning } from './check.ts';
import { commandOutput } from './command-output.ts';

/** This program did not exist before. */
const earliest = Date.UTC(2025, 0, 1);

/** The check. */
export const clockCheck = {
  name: 'clock',
  async run({ signal }) {
    const now = new Date();
    if (now.getTime() < earliest) return failed(`the clock says ${now.toISOString()}`, 'timedatectl set-ntp true');
    const synchronized = await commandOutput('timedatectl', ['show', '-p', 'NTPSynchronized', '--value'], signal);
    if (synchronized?.trim() === 'no') {
      return warning(`${now.toISOString()}, not synchronized with a time server`, 'timedatectl set-ntp true');
    }
    const how = synchronized === null ? 'whether it is synchronized cannot be told here' : 'synchronized';
    return ok(`${now.toISOString()}, ${how}`);
  },
} satisfies DoctorCheck;
