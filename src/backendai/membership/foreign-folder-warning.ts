/**
 * A word about the folder of the sockets, which is below `/tmp` when nothing else is said: who has made it before, or may
 * write in it, can put sockets of their own there, to which the commands of this host would talk, and lead root's writing
 * elsewhere. It is not refused, since other programs of the cluster make the same folder, as whatever user they are.
 */
import { realpath, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Logger } from '../../lib/log.ts';

const sticky = 0o1000;
const othersWrite = 0o002;
const groupWrites = 0o020;

/** Warns when others than root and this process's user decide what is in a folder, or where it is. */
export async function warnOfForeignFolder(folder: string, log: Logger): Promise<void> {
  const places = [await realpath(folder)];
  for (let place = places[0] ?? '/'; place !== '/'; place = dirname(place)) places.push(dirname(place));
  for (const place of places) {
    const why = await foreignness(place);
    if (why === null) continue;
    const text = `agent.ipc-base-path: others can replace the sockets in it, since ${why}`;
    log.warn(`${text}; choose a folder of root, such as /run/backend.ai`, { folder });
    return;
  }
}

async function foreignness(place: string): Promise<string | null> {
  const { uid, gid, mode } = await stat(place);
  if (uid !== 0 && uid !== process.geteuid?.()) return `${place} belongs to user ${uid}`;
  if ((mode & sticky) !== 0) return null;
  if ((mode & othersWrite) !== 0) return `everybody may write in ${place}`;
  return (mode & groupWrites) !== 0 && gid !== 0 ? `the group ${gid} may write in ${place}` : null;
}
