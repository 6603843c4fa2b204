/** Can CPU, memory and processes be limited? */
import { readFile } from 'node:fs/promises';
import { KerneletError } from '../../lib/errors.ts';
import { type DoctorCheck, failed, ok, warning } from './check.ts';

const wanted = ['cpu', 'memory', 'pids'];
const kernelParameters = 'cgroup_enable=memory swapaccount=1';

/** The controllers that the system has, whichever version of cgroups it runs. */
export function enabledControllers(unified: string, table: string): ReadonlySet<string> {
  const legacy = table
    .split('\n')
    .map((line) => line.split(/\s+/))
    .filter(([name, , , enabled]) => name !== undefined && enabled === '1')
    .map(([name]) => name ?? '');
  return new Set([...unified.split(/\s+/), ...legacy].filter((name) => name !== ''));
}

/** The check. */
export const cgroupsCheck = {
  name: 'cgroups',
  async run({ engine }) {
    const read = (path: string): Promise<string> => readFile(path, 'utf8').catch(() => '');
    const enabled = enabledControllers(await read('/sys/fs/cgroup/cgroup.controllers'), await read('/proc/cgroups'));
    const missing = wanted.filter((name) => !enabled.has(name));
    if (missing.length > 0) {
      return failed(
        `no ${missing.join(', ')} controller: kernels can't be limited`,
        `add "${kernelParameters}" to GRUB_CMDLINE_LINUX in /etc/default/grub, then: update-grub && reboot`,
      );
    }
    if (engine instanceof KerneletError) return ok(`${wanted.join(', ')} can be limited`);
    const { cgroupVersion, cgroupDriver } = engine.info;
    const kind = `version ${cgroupVersion}, driver ${cgroupDriver}`;
    if (cgroupVersion === 1 && (await read('/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes')) === '') {
      return warning(`${kind}: swap is not counted, so a kernel may use more than its memory`, kernelParameters);
    }
    return ok(kind);
  },
} satisfies DoctorCheck;
