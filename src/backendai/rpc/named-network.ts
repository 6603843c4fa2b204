/** The network that a manager names for a session: 24.09 by a name, later ones by a map (spec rpc 8.6, 9.3). Pure. */
import { KerneletError } from '../../lib/errors.ts';
import type { ClusterInfo } from './create-kernels/request.ts';

/** The name; `host` is the host's own, null the usual one. Throws NOT_SUPPORTED for networks of plugins. */
export function namedNetwork({ network_name: name, network_config: config }: ClusterInfo): string | null {
  if (name) return name;
  if (config === undefined || Object.keys(config).length === 0) return null;
  const { mode, network_name: named } = config;
  if (mode === 'host') return mode;
  if (mode === 'bridge' && (named === undefined || named === null || typeof named === 'string')) return named || null;
  throw new KerneletError(
    'NOT_SUPPORTED',
    `this version knows no networks of the mode ${JSON.stringify(String(mode).slice(0, 80))}`,
  );
}
