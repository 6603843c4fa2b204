/** What of the limits that the operator wants for kernels can this engine give? */
import { diskLimitSupport, fitLimits } from '../../agent/operator-limits.ts';
import {
  hasFreeUser,
  type IsReserved,
  readReservedIds,
  whyUsersAreShared,
} from '../../kernel/container/kernel-users.ts';
import { describeByteSize } from '../../lib/byte-size.ts';
import { KerneletError } from '../../lib/errors.ts';
import { type Mount, readMountTable } from '../../lib/mount-table.ts';
import { maxOpenFiles } from '../../lib/open-files.ts';
import { type CheckResult, type DoctorCheck, type DoctorContext, ok, warning } from './check.ts';

/** The result, given the mounts of this machine and the ids that it has given away. */
export function containerLimitsResult(
  { settings, engine }: DoctorContext,
  mounts: readonly Mount[],
  isReserved: IsReserved,
): CheckResult {
  if (engine instanceof KerneletError) return warning('the engine does not answer', 'see the check of the engine');
  const { diskLimitBytes: diskBytes, openFiles } = settings.defaults;
  const { info } = engine;
  const { warnings } = fitLimits({ diskBytes, openFiles }, info, mounts);
  if (warnings.length > 0) {
    return warning(
      warnings.join('; '),
      `change the keys named, or the engine: raise LimitNOFILE of its service, move ${info.dataRoot} to xfs with pquota`,
    );
  }
  const { kernelUser, kernelUsers } = settings.container;
  const shared = kernelUsers && whyUsersAreShared(kernelUsers, info, () => hasFreeUser(kernelUsers, isReserved));
  if (shared) {
    return warning(
      `all kernels run as the user ${kernelUser.uid}, and share what Linux counts by user, since ${shared}`,
      `let the engine map no users, name free ones in kernelet.kernel-uid-range, or say container.kernel-uid = ${kernelUser.uid}`,
    );
  }
  const users = kernelUsers ? `one of ${kernelUsers.first}-${kernelUsers.last} each` : `all ${kernelUser.uid}`;
  const support = diskLimitSupport(info, mounts);
  const most = Math.min(info.openFilesLimit ?? maxOpenFiles, maxOpenFiles);
  const files = `users: ${users}; open files: ${openFiles ?? most}`;
  if (diskBytes !== null) return ok(`${files}; disk: ${describeByteSize(diskBytes)}`);
  return ok(
    `${files}; disk: no limit set, ${support.possible ? 'and one can be' : `and none can be: ${support.reason}`}`,
  );
}

export const containerLimitsCheck = {
  name: 'kernels',
  async run(context) {
    return containerLimitsResult(context, await readMountTable(), await readReservedIds());
  },
} satisfies DoctorCheck;
