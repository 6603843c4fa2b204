/** Where the engine is: reads `DOCKER_HOST`. */
import { isAbsolute } from 'node:path';
import { KerneletError } from '../../lib/errors.ts';

/** Where Docker listens when nothing else is said. */
export const defaultDockerHost = 'unix:///var/run/docker.sock';

/**
 * The path of the socket that `dockerHost` names; the usual one when it is absent or empty. Throws ENGINE_UNSUPPORTED
 * for anything but `unix://` and an absolute path: kernels share folders and sockets with this machine, so an engine
 * elsewhere cannot serve.
 */
export function parseDockerHost(dockerHost: string | undefined): string {
  const host = dockerHost || defaultDockerHost;
  const path = host.startsWith('unix://') ? host.slice('unix://'.length) : '';
  if (isAbsolute(path) && !path.includes('\0')) return path;
  throw new KerneletError(
    'ENGINE_UNSUPPORTED',
    `DOCKER_HOST is ${JSON.stringify(host.slice(0, 200))}, but kernelet needs a local engine on a UNIX socket: set it to unix:///path/to/docker.sock`,
    { context: { dockerHost: host.slice(0, 200) } },
  );
}
