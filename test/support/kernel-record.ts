/** A kernel's record for tests, whole and valid. */

import { type KernelRecord, noPlacement } from '../../src/kernel/record.ts';
import type { KernelSpec } from '../../src/kernel/spec.ts';
import { asContainerId, newKernelId, parseSessionId } from '../../src/lib/ids.ts';

/** A specification with small limits; `change` replaces fields. */
export function specFixture(change: Partial<KernelSpec> = {}): KernelSpec {
  const id = change.id ?? newKernelId();
  return {
    id,
    sessionId: parseSessionId(id),
    name: null,
    labels: [],
    image: { reference: 'kernelet/base:latest', id: 'sha256:00', volumes: [], distro: null, coreCountVariables: [] },
    runtime: { type: 'shell', path: null },
    interpreter: 'lazy',
    limits: {
      cpus: 1,
      memoryBytes: 256 * 2 ** 20,
      processes: 64,
      sharedMemoryBytes: null,
      diskBytes: null,
      openFiles: null,
      homeBytes: null,
      bitsPerSecond: null,
    },
    accelerators: [],
    environ: [['GREETING', 'hello']],
    mounts: [],
    files: [],
    network: 'none',
    publish: [],
    fixedPorts: [],
    assignedPorts: [],
    services: [],
    servicesBlocked: false,
    models: [],
    user: { uid: 1000, gid: 1000 },
    sudo: false,
    homeInMemory: false,
    agentSocket: false,
    socketProxies: [],
    idleTimeoutMs: null,
    onIdle: 'end',
    ttlMs: null,
    readOnlyRoot: false,
    hostname: 'main1',
    ociRuntime: null,
    ...change,
  };
}

/** A record of a running kernel; `change` replaces fields. */
export function recordFixture(change: Partial<KernelRecord> = {}): KernelRecord {
  return {
    version: 1,
    spec: change.spec ?? specFixture(),
    phase: 'running',
    generation: 1,
    placement: noPlacement,
    containerId: asContainerId('c1'),
    apps: [],
    restoredFrom: null,
    createdAt: 1_000,
    readyAt: 2_000,
    missingSince: null,
    unrecordedSince: null,
    paused: null,
    termination: null,
    restarts: null,
    timings: [],
    ...change,
  };
}
