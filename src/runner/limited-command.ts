/** How a program is found that a shell becomes, and how it comes to have limits: the volume's shell sets them before. */
import type { RunLimits } from '../protocol/run-limits.ts';
import { asTenant } from './as-tenant.ts';
import { findProgram, type TenantCommand } from './runtime.ts';
import type { Tenant } from './tenant.ts';
import { volumePaths } from './volume-paths.ts';

/** The path of a program as the tenant finds it; null: it does not. A name with a slash is a path already. */
export function programOf(tenant: Tenant, { argv: [name = ''], environ }: TenantCommand): string | null {
  const searchPath = environ?.['PATH'] ?? tenant.environ['PATH'] ?? '';
  return name.includes('/') ? name : asTenant(tenant, () => findProgram(name, searchPath));
}

/** The same program, which the shell must not look for: it would take one of its own. */
export function limited(program: string, args: readonly string[], limits: RunLimits): readonly string[] {
  const { cpuSeconds, memoryBytes } = limits;
  const settings = [
    ...(cpuSeconds === undefined ? [] : [`ulimit -S -t ${cpuSeconds}`, `ulimit -H -t ${cpuSeconds + 1}`]),
    ...(memoryBytes === undefined ? [] : [`ulimit -v ${Math.floor(memoryBytes / 1024)}`]),
  ];
  if (settings.length === 0) return [program, ...args];
  return [volumePaths.shell, '-c', [...settings, 'exec "$@"'].join(' && '), 'kernelet', program, ...args];
}
