/** Is there a container engine, and can it be used? */
import { KerneletError } from '../../lib/errors.ts';
import { type DoctorCheck, failed, ok, warning } from './check.ts';

const install =
  'apt-get install -y docker.io && systemctl start docker   # or set DOCKER_HOST=unix:///path/to/docker.sock';

/** The command that gets an engine, or this one to answer. */
function fixFor(error: KerneletError): string {
  if (error.code === 'ENGINE_UNSUPPORTED') return error.entry.cure;
  return error.context['reason'] === 'EACCES' ? 'sudo kernelet doctor' : install;
}

export const engineCheck = {
  name: 'engine',
  async run({ engine }) {
    if (engine instanceof KerneletError) {
      return failed(engine.message, fixFor(engine));
    }
    const { info, address, other } = engine;
    if (other !== null) return failed(other, 'bring that engine back, or: kernelet engine accept');
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
