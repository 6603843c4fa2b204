/**
 * The places at which programs of an image look for sockets of the host: links to the sockets that the agent listens on,
 * made before anything of the tenant runs. They lead into a folder that no tenant can write.
 */
import { lstatSync, mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { dirname } from 'node:path';

/** Makes each link; a link or socket that is there already gives way. Throws the system's error, and an Error for any other file. */
export function linkSockets(links: readonly (readonly [path: string, target: string])[]): void {
  for (const [path, target] of links) {
    mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
    const there = lstatSync(path, { throwIfNoEntry: false });
    if (there && !there.isSymbolicLink() && !there.isSocket()) throw new Error(`${path} is in the way`);
    rmSync(path, { force: true });
    symlinkSync(target, path);
  }
}
