/**
 * What of `/proc` and `/sys` shows or does something to the machine as a whole: content that newer engines hide or make
 * read-only by themselves, and older ones leave open in part. Naming it takes the place of the engine's own lists, so that
 * these have to have all that the newest engines hide.
 */
import { access, readdir } from 'node:fs/promises';
import { join } from 'node:path';

function inProc(name: string): string {
  return `/proc/${name}`;
}

const alwaysMasked = [
  ...['acpi', 'asound', 'interrupts', 'kcore', 'keys', 'latency_stats', 'sched_debug', 'scsi'].map(inProc),
  ...['timer_list', 'timer_stats'].map(inProc),
  ...['/sys/devices/virtual/powercap', '/sys/firmware'],
];

/** Of a CPU: how often it was slowed down for its heat. */
const throttleFolder = 'thermal_throttle';

/** What can be read and not written. */
export const readOnlyPaths: readonly string[] = ['bus', 'fs', 'irq', 'sys', 'sysrq-trigger'].map(inProc);

/**
 * What is empty. How often each CPU was throttled tells what others run; where one of them says it, all are named, since one
 * that is off now can be switched on later. `cpuFolder` is where this machine lists them.
 */
export async function readMaskedPaths(cpuFolder = '/sys/devices/system/cpu'): Promise<readonly string[]> {
  const cpus = (await readdir(cpuFolder).catch(() => [])).filter((name) => /^cpu\d+$/.test(name));
  const tells = (cpu: string): Promise<boolean> =>
    access(join(cpuFolder, cpu, throttleFolder)).then(
      () => true,
      () => false,
    );
  for (const cpu of cpus) {
    if (await tells(cpu))
      return [...alwaysMasked, ...cpus.map((one) => join('/sys/devices/system/cpu', one, throttleFolder))];
  }
  return alwaysMasked;
}
