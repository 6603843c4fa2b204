/** File systems in memory, of a size and with options, on folders of tests. Needs root. */
import { spawnSync } from 'node:child_process';
import { mkdir } from 'node:fs/promises';

/** A mounted file system. Disposing takes it away. */
export interface SmallMount extends Disposable {
  readonly folder: string;
}

function mustRun(command: string, args: readonly string[]): void {
  const done = spawnSync(command, args, { encoding: 'utf8' });
  if (done.status !== 0) throw new Error(`${command} ${args.join(' ')}: ${done.stderr || String(done.error)}`);
}

/** Mounts one on a folder, which is made. `options` as in `mount -o`: `size=16m,noexec`. */
export async function mountSmall(folder: string, options: string): Promise<SmallMount> {
  await mkdir(folder, { recursive: true });
  mustRun('mount', ['-t', 'tmpfs', '-o', options, 'kernelet-test', folder]);
  return {
    folder,
    // Lazily: the daemon under test may still be letting go of it.
    [Symbol.dispose]: () => mustRun('umount', ['-l', folder]),
  };
}
