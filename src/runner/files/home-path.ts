/** Which paths callers may name: those below the kernel's home, relative to it or absolute. Pure. */
import { posix } from 'node:path';
import { KerneletError } from '../../lib/errors.ts';

/**
 * The absolute, normal form of a caller's path. `home/work/x` without its slash is taken for `/home/work/x`, as some
 * callers send it. Symbolic links are not looked at here. Throws FORBIDDEN_PATH for a path outside the home.
 */
export function homePath(path: string, home: string): string {
  const bare = home.slice(1);
  const absolute = path === bare || path.startsWith(`${bare}/`) ? `/${path}` : posix.resolve(home, path);
  const normal = posix.normalize(absolute).replace(/(.)\/+$/, '$1');
  if (!isBelow(normal, home)) {
    throw new KerneletError('FORBIDDEN_PATH', `${JSON.stringify(path.slice(0, 200))} lies outside of ${home}`);
  }
  return normal;
}

/** Whether a normal path is a folder or lies in it. */
export function isBelow(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`);
}
