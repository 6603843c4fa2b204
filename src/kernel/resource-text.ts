/**
 * The texts that a kernel may read about itself in `/home/config` (spec kernel-lifecycle 5.3 and 5.7). Pure. Sizes are
 * written exactly, as plain byte counts where a shorter form would round (B16).
 */
import { Decimal } from '../lib/decimal.ts';
import { parseCpuset } from '../resources/cpuset.ts';
import { writeResourceTxt } from '../resources/resource-txt.ts';
import type { KernelRecord } from './record.ts';

const one = new Decimal(1);

/** `resource.txt`. Mounts that its line cannot carry are left out: their paths would be read as other mounts or lines. */
export function resourceText(record: KernelRecord): string {
  const { spec, placement, containerId } = record;
  const memory = new Decimal(spec.limits.memoryBytes);
  const cores = placement.cpuset === null ? [] : parseCpuset(placement.cpuset);
  const ofCores = new Map(cores.map((core) => [String(core), one]));
  return writeResourceTxt(
    {
      containerId: containerId ?? '',
      slots: new Map([
        ['cpu', new Decimal(spec.limits.cpus)],
        ['mem', memory],
      ]),
      allocations: new Map([
        ...(cores.length > 0 ? [['cpu', new Map([['cpu', ofCores]])] as const] : []),
        ['mem', new Map([['mem', new Map([['root', memory]])]])],
      ]),
      scratchBytes: new Decimal(0),
      mounts: spec.mounts
        .filter(({ source, target }) => !/[,:\r\n]/.test(source + target))
        .map(({ source, target, readOnly }) => ({ type: 'bind', source, target, permission: readOnly ? 'ro' : 'rw' })),
    },
    { known: new Map([['mem', 'bytes']]), exactBytes: true },
  );
}

/** `environ.txt`; variables that it cannot carry are left out (B21): they reach the runner in `runner.json`. */
export function environText(environ: readonly (readonly [string, string])[]): string {
  return environ
    .filter(([name, value]) => /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) && !/[\r\n\0]/.test(value))
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');
}
