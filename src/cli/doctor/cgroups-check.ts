/** Can CPU, memory and processes be limited? */
import { readFile } from 'node:fs/promises';
import { KerneletError } from '../../lib/errors.ts';
import { type CheckResult, type DoctorCheck, type DoctorContext, failed, ok, warning } from './check.ts';

const wanted = ['cpu', 'memory', 'pids'];
const fix =
  'add "cgroup_enable=memory swapaccount=1" to GRUB_CMDLINE_LINUX in /etc/default/grub, then: update-grub && reboot';

/** What the system says of its cgroups; empty texts when a file is missing. */
export interface CgroupFiles {
  /** `/sys/fs/cgroup/cgroup.controllers` */
  readonly unified: string;
  /** `/proc/cgroups` */
  readonly table: string;
  /** `memory.memsw.limit_in_bytes` of version 1, there when swap is counted. */
  readonly swapLimit: string;
}

/** The controllers that the system has, whichever version of cgroups it runs. */
function enabledControllers({ unified, table }: CgroupFiles): ReadonlySet<string> {
  const legacy = table
    .split('\n')
    .map((line) => line.split(/\s+/))
    .filter(([name, , , enabled]) => name !== undefined && enabled === '1')
    .map(([name]) => name ?? '');
  return new Set([...unified.split(/\s+/), ...legacy].filter((name) => name !== ''));
}

/** The result, given the files. */
export function cgroupsResult({ engine }: Pick<DoctorContext, 'engine'>, files: CgroupFiles): CheckResult {
  const enabled = enabledControllers(files);
  const missing = wanted.filter((name) => !enabled.has(name));
  if (missing.length > 0) {
    return failed(`no ${missing.join(', ')} controller: kernels can't be limited`, fix);
  }
  if (engine instanceof KerneletError) return ok(`${wanted.join(', ')} can be limited`);
  const { cgroupVersion, cgroupDriver } = engine.info;
  const kind = `version ${cgroupVersion}, driver ${cgroupDriver}`;
  if (cgroupVersion === 1 && files.swapLimit === '') {
    return warning(`${kind}: swap is not counted, so a kernel may use more than its memory`, fix);
  }
  return ok(kind);
}

export const cgroupsCheck = {
  name: 'cgroups',
  async run(context) {
    const read = (path: string): Promise<string> => readFile(path, 'utf8').catch(() => '');
    return cgroupsResult(context, {
      unified: await read('/sys/fs/cgroup/cgroup.controllers'),
      table: await read('/proc/cgroups'),
      swapLimit: await read('/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes'),
    });
  },
} satisfies DoctorCheck;
