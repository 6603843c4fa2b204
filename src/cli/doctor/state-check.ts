/** Can the state folder be used? Programs are run from it, so it must not be mounted noexec. */
import { access, constants, stat } from 'node:fs/promises';
import { isNoexec, isReadOnly, type Mount, mountOf, readMountTable } from '../../lib/mount-table.ts';
import { type CheckResult, type DoctorCheck, existingFolder, failed, ok, warning } from './check.ts';

const remote = new Set(['nfs', 'nfs4', 'cifs', 'fuse.sshfs', '9p', 'ceph']);
const elsewhere = 'choose another folder: --state-dir or KERNELET_STATE_DIR';

/** The result for a state folder, given the mounts of this machine. */
export async function stateResult(stateDir: string, mounts: readonly Mount[]): Promise<CheckResult> {
  const folder = await existingFolder(stateDir);
  const mount = mountOf(folder, mounts);
  if (mount && isNoexec(mount)) return failed(`${stateDir} lies on ${mount.mountPoint}, mounted noexec`, elsewhere);
  if (mount && isReadOnly(mount))
    return failed(`${stateDir} lies on ${mount.mountPoint}, mounted read-only`, elsewhere);
  const writable = await access(folder, constants.W_OK | constants.X_OK).then(
    () => true,
    () => false,
  );
  if (!writable) return failed(`${folder} may not be written by you`, elsewhere);
  if (mount && remote.has(mount.fileSystem)) {
    return warning(`${stateDir} lies on ${mount.fileSystem}: an outage stops the daemon`, elsewhere);
  }
  const mode = (await stat(folder)).mode & 0o777;
  if (folder === stateDir && mode & 0o077) return warning(`others may look into ${stateDir}`, `chmod 700 ${stateDir}`);
  return ok(folder === stateDir ? stateDir : `${stateDir}, to be made in ${folder}`);
}

export const stateCheck = {
  name: 'state',
  async run({ settings: { stateDir } }) {
    return await stateResult(stateDir, await readMountTable());
  },
} satisfies DoctorCheck;
