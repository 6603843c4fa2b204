/** From a record to what callers see. Pure. */
import type { RunnerClient } from '../execution/runner-client.ts';
import type { KernelRecord } from '../kernel/record.ts';
import type { KernelUsage } from '../stats/account.ts';
import type { KernelView } from './agent.ts';

/** The view of a kernel; `client` is null when its runner is not connected, `lost` are devices as `slot device`. */
export function viewOf(
  record: KernelRecord,
  client: RunnerClient | null,
  usage: KernelUsage | null,
  warnings: readonly string[],
  lost: readonly string[],
): KernelView {
  const { spec } = record;
  return {
    id: spec.id,
    sessionId: spec.sessionId,
    phase: record.phase,
    image: spec.image.reference,
    runtime: spec.runtime.type,
    limits: spec.limits,
    devices: record.placement.devices.map(([slot, device, amount]) => ({
      slot,
      device,
      amount,
      lost: lost.includes(`${slot} ${device}`),
    })),
    network: typeof spec.network === 'object' ? spec.network.name : spec.network,
    mounts: spec.mounts,
    ports: record.placement.hostPorts,
    environ: Object.fromEntries(spec.environ),
    containerId: record.containerId,
    generation: record.generation,
    createdAt: record.createdAt,
    readyAt: record.readyAt,
    missingSince: record.missingSince,
    termination: record.termination,
    timings: record.timings,
    runner: client?.status() ?? null,
    runs: client?.runs() ?? [],
    usage,
    warnings,
  };
}
