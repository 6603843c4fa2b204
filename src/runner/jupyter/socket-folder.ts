/** A place for the sockets of a kernel, which its user alone may enter. */
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/** Bytes of a folder's path in which sockets can be made: their own paths have 107 at most. */
const maxFolderPath = 80;

/** Makes a folder in the first of these places that takes one; disposing removes it. Throws the system's error. */
export function makeSocketFolder(places: readonly (string | undefined)[]): Disposable & { readonly path: string } {
  let failure: unknown = new Error('there is no folder for its sockets');
  for (const place of places) {
    if (!place?.startsWith('/') || Buffer.byteLength(place) > maxFolderPath) continue;
    try {
      const path = mkdtempSync(join(place, '.kernelet-jupyter-'));
      return { path, [Symbol.dispose]: () => removeIfPossible(path) };
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}

function removeIfPossible(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true });
  } catch {
    // Whoever puts files there at this moment is the tenant, whose folder it is.
  }
}
