/** Do kernels run under the OCI runtimes that the configuration names? The engine knows their names, a daemon has tried them. */
import { KerneletError } from '../../lib/errors.ts';
import { type DoctorCheck, failed, ok, warning } from './check.ts';

const howTo = 'see docs/how-to/oci-runtimes.md';

export const ociRuntimesCheck = {
  name: 'runtimes',
  async run({ settings, engine, daemon }) {
    const names = settings.ociRuntimes;
    if (names.length === 0) return ok("the engine's default");
    if (engine instanceof KerneletError) return warning(`${names.join(', ')}: the engine does not answer`, howTo);
    const absent = names.filter((name) => !engine.info.runtimes.includes(name));
    if (absent.length > 0) {
      const known = engine.info.runtimes.join(', ') || 'none';
      return failed(`the engine has no OCI runtime ${absent.join(', ')}; it knows ${known}`, howTo);
    }
    const tried = daemon?.ociRuntimes ?? [];
    const refused = tried.filter(({ state }) => state === 'refused');
    if (refused.length > 0) return failed(refused.map(({ detail }) => detail).join('; '), howTo);
    const usable = tried.flatMap(({ name, state }) => (state === 'usable' ? [name] : []));
    const untried = names.filter((name) => !usable.includes(name));
    if (untried.length === 0) return ok(`kernels run under ${usable.join(', ')}`);
    return warning(`nothing has tried ${untried.join(', ')} yet`, 'kernelet serve  # a daemon tries each at its start');
  },
} satisfies DoctorCheck;
