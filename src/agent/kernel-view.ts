/** A kernel as callers see it: made of its record and of what is known beside it. The API's schema has the same fields. Pure. */

import type { KeptKernel } from '../kernel/kept-kernels.ts';
import { type KernelRecord, pauseOf, type Termination } from '../kernel/record.ts';
import type { Stuck } from '../kernel/stuck.ts';
import type { KernelId } from '../lib/ids.ts';
import type { RunnerClient } from '../runner-client/runner-client.ts';
import type { KernelUsage } from '../stats/account.ts';

/** A kernel as callers see it. */
export type KernelView = ReturnType<typeof viewOf>;

/** Files of a kernel whose end nobody asked for. */
export interface KeptView {
  readonly id: KernelId;
  /** null: it had none, or only its files are left. */
  readonly name: string | null;
  /** Of the end, in milliseconds since the epoch. */
  readonly endedAt: number;
  /** When they are deleted, at the latest. */
  readonly until: number;
  /** null = not known yet. */
  readonly bytes: number | null;
  /** These three are null when nothing is known of the kernel but its files. */
  readonly image: string | null;
  readonly runtime: string | null;
  readonly termination: Termination | null;
}

/** The view of what is kept of a kernel. */
export const keptViewOf = ({ home, record }: KeptKernel): KeptView => ({
  id: home.kernel,
  name: record?.spec.name ?? null,
  endedAt: home.endedAt,
  until: home.until,
  bytes: home.bytes,
  image: record?.spec.image.reference ?? null,
  runtime: record?.spec.runtime.type ?? null,
  termination: record?.termination ?? null,
});

/**
 * The view of a kernel; `client` is null when its runner is not connected, `lost` are devices as `slot device`, `dropped`
 * counts what it reported unasked.
 */
export function viewOf(
  record: KernelRecord,
  client: RunnerClient | null,
  usage: KernelUsage | null,
  warnings: readonly string[],
  lost: readonly string[],
  dropped: number,
  stuck: Stuck | null,
) {
  const { spec } = record;
  const paused = pauseOf(record);
  return {
    id: spec.id,
    sessionId: spec.sessionId,
    /** Stands for its id; null = it has none. */
    name: spec.name,
    labels: Object.fromEntries(spec.labels),
    phase: record.phase,
    image: spec.image.reference,
    runtime: spec.runtime.type,
    limits: spec.limits,
    /** What it has of which device; amounts are decimal texts. `lost`: the node has it no more. */
    devices: record.placement.devices.map(([slot, device, amount]) => ({
      slot,
      device,
      amount,
      lost: lost.includes(`${slot} ${device}`),
    })),
    /** `none`, `bridge`, or the name of another network. */
    network: typeof spec.network === 'object' ? spec.network.name : spec.network,
    /** By its name in the engine's configuration; null = the engine's default. */
    ociRuntime: spec.ociRuntime,
    mounts: spec.mounts,
    /** Its programs run as it in the kernel; on the host too, unless the engine maps users. */
    user: spec.user,
    ports: record.placement.hostPorts,
    /** What it can start for people outside of it, each on ports of the container. */
    services: spec.services.map(({ name, protocol, containerPorts }) => ({ name, protocol, ports: containerPorts })),
    /** Names of its variables; what they say is the tenant's alone. */
    environ: spec.environ.map(([name]) => name),
    readOnlyRoot: spec.readOnlyRoot,
    containerId: record.containerId,
    generation: record.generation,
    createdAt: record.createdAt,
    /** When its time to live is over; null = never. */
    expiresAt: spec.ttlMs === null ? null : record.createdAt + spec.ttlMs,
    idleTimeoutMs: spec.idleTimeoutMs,
    onIdle: spec.onIdle,
    readyAt: record.readyAt,
    /** Since when the engine has not listed its container; null = it does. */
    missingSince: record.missingSince,
    /** Since when no more is known of it than its container tells; null = its record is whole. */
    unrecordedSince: record.unrecordedSince,
    /** Since when the runner of the running kernel has not answered; null = it does. */
    unreachableSince: record.phase === 'running' && paused === null ? (client?.unreachableSince() ?? null) : null,
    /** Since when its processes stand still, and by whom: a request, its idle time-out, others. null = they do not. */
    paused: paused && { since: paused.since, by: paused.by },
    /** Why it is stuck, since when, and what comes next; null = it is not. */
    stuck,
    termination: record.termination,
    /** How often its container was replaced, and why the last time; null = never. */
    restarts: record.restarts,
    timings: record.timings,
    runner: client?.status() ?? null,
    runs: client?.runs() ?? [],
    /** Reports that nobody asked its runner for and that were dropped, since the daemon's start. */
    droppedReports: dropped,
    /** What it has used, as of the last sample; null before the first one. */
    usage,
    /** What the caller should know: limits that were capped, labels that were ignored. */
    warnings,
  };
}
