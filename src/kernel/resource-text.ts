/**
 * The texts that a kernel may read about itself in `/home/config` (spec kernel-lifecycle 5.3 and 5.7). Pure. Sizes are
 * written exactly, as plain byte counts where a shorter form would round (B16).
 */
import type { KernelRecord } from './record.ts';

const suffixes = ['', 'k', 'm', 'g', 't', 'p'] as const;

/** A size in the shortest exact form: `2g`, `1536m`, or the plain count. */
export function exactSize(bytes: number): string {
  let [value, power] = [bytes, 0];
  while (value > 0 && value % 1024 === 0 && power < suffixes.length - 1) {
    value /= 1024;
    power += 1;
  }
  return `${value}${suffixes[power]}`;
}

/** The core ids of a list form: `0-2,5` → 0, 1, 2, 5. */
function coresOf(cpuset: string): readonly number[] {
  return cpuset.split(',').flatMap((part) => {
    const [first, last] = part.split('-').map(Number);
    if (first === undefined || !Number.isInteger(first)) return [];
    return Array.from({ length: (last ?? first) - first + 1 }, (_, index) => first + index);
  });
}

/** `resource.txt`. */
export function resourceText(record: KernelRecord): string {
  const { spec, placement, containerId } = record;
  const slots = { cpu: String(spec.limits.cpus), mem: String(spec.limits.memoryBytes) };
  const mounts = spec.mounts.map((mount) => `${mount.source}:${mount.target}:${mount.readOnly ? 'ro' : 'rw'}`);
  const cores = placement.cpuset === null ? [] : coresOf(placement.cpuset);
  const lines = [
    `CID=${containerId ?? ''}`,
    'SCRATCH_SIZE=0m',
    `MOUNTS=${mounts.join(',')}`,
    `SLOTS={"cpu": "${slots.cpu}", "mem": "${slots.mem}"}`,
    ...(cores.length > 0 ? [`CPU_SHARES=${cores.map((core) => `${core}:1`).join(',')}`] : []),
    `MEM_SHARES=root:${exactSize(spec.limits.memoryBytes)}`,
  ];
  return lines.map((line) => `${line}\n`).join('');
}

/** `environ.txt`; variables that it cannot carry are left out (B21): they reach the runner in `runner.json`. */
export function environText(environ: readonly (readonly [string, string])[]): string {
  return environ
    .filter(([name, value]) => /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) && !/[\r\n\0]/.test(value))
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');
}
