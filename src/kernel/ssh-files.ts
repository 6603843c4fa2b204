/** The SSH keys that a kernel's server works with, in `/home/config/ssh`; their names are the runner's to know. */

import { sshFiles } from '../protocol/runner-config.ts';
import type { ScratchPaths } from '../storage/scratch.ts';
import { placeFile } from '../storage/scratch-files.ts';
import type { Ownership } from './ownership.ts';
import type { KernelSpec } from './spec.ts';
import { sshKeyPair } from './ssh-key.ts';

/** Lays them for a kernel that has an SSH server. Throws STATE_UNUSABLE. */
export async function laySshKeys(spec: KernelSpec, paths: ScratchPaths, ownership: Ownership): Promise<void> {
  if (!spec.services.some(({ name }) => name === 'sshd')) return;
  const host = sshKeyPair(ownership.sshSeed(spec.id, 'host'), 'host');
  const login = sshKeyPair(ownership.sshSeed(spec.id, 'login'), 'work');
  const files = [
    [sshFiles.hostKey, host.dropbear, 0o600],
    [sshFiles.loginKey, login.openssh, 0o600],
    [sshFiles.loginPublicKey, login.publicLine, 0o644],
  ] as const;
  for (const [name, content, mode] of files) {
    await placeFile(paths.config, `ssh/${name}`, content, { mode, owner: spec.user, folderMode: 0o755 });
  }
}
