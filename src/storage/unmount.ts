/** Lets go of what is mounted below a folder: a deletion would go on in there, and a folder that is moved would take it along. */
import { realpath } from 'node:fs/promises';
import { mountsBelow, readMountTable } from '../lib/mount-table.ts';
import { runProgram } from '../lib/run-program.ts';

const program = 'umount';
const deadlineMs = 10_000;

/** Lets every mount below a folder go as soon as nothing uses it any more. Throws when one cannot be let go. */
export async function letMountsGo(folder: string): Promise<void> {
  // As the table of mounts names it: the way there may lead over a link.
  const path = await realpath(folder).catch(() => folder);
  for (const mount of mountsBelow(path, await readMountTable())) await unmount(mount.mountPoint);
}

async function unmount(path: string): Promise<void> {
  const { exitCode, stderr } = await runProgram(program, ['--lazy', '--', path], { timeoutMs: deadlineMs });
  if (exitCode !== 0) throw new Error(`umount of ${path} ended with ${exitCode}: ${stderr}`);
}
