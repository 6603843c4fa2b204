/** Does a daemon of these settings run, and does the node lack nothing that it would say? */
import { type DoctorCheck, ok, warning } from './check.ts';

export const daemonCheck = {
  name: 'daemon',
  async run({ daemon }) {
    if (daemon === null) return ok('none answers');
    const { degraded, kernels } = daemon;
    if (degraded.length === 0)
      return ok(`runs with ${kernels} ${kernels === 1 ? 'kernel' : 'kernels'}, and lacks nothing`);
    const modes = degraded.map(
      ({ mode, detail, since }) => `${mode} since ${new Date(since).toISOString()}: ${detail}`,
    );
    return warning(`it is degraded: ${modes.join('; ')}`, 'journalctl -u kernelet');
  },
} satisfies DoctorCheck;
