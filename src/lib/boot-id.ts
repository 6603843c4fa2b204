/** The id that the system gives each start of the machine. */
import { readFile } from 'node:fs/promises';

const systemFile = '/proc/sys/kernel/random/boot_id';

/** That of the start that the machine runs since; null where it is not known. */
export async function currentBootId(): Promise<string | null> {
  const text = await readFile(systemFile, 'utf8').catch(() => '');
  return text.trim() || null;
}
