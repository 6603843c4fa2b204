/** Is there a container engine, and can it be used? */
import { KerneletError } from '../../lib/errors.ts';
import { type DoctorCheck, failed, ok, warning } from './check.ts';

const install =
  'apt-get install -y docker.io && systemctl start docker   # or set DOCKER_HOST=unix:///path/to/docker.sock';

/** The check. */
export const engineCheck = {
  name: 'engine',
  async run({ engine }) {
    if (engine instanceof KerneletError) {
      return failed(engine.message, engine.code === 'ENGINE_UNSUPPORTED' ? engine.entry.cure : install);
    }
    const { info, address } = engine;
    const what = `${info.name} ${info.version} at ${address}, API ${info.apiVersion}, ${info.storageDriver}`;
    if (!info.securityOptions.some((option) => option.includes('seccomp'))) {
      return warning(
        `${what}: it filters no system calls (seccomp is off)`,
        'rebuild or reconfigure the engine with seccomp',
      );
    }
    return ok(what);
  },
} satisfies DoctorCheck;
