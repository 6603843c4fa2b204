/**
 * What a daemon is about, in one document for people who look for a fault (spec config-and-ops 11.2, 15): kernels, devices,
 * settings, and what is under way. Values that tenants or operators have given as secrets are left out. It is written to a
 * file, or given to whoever connects to a socket: where that cannot be, the daemon goes on without it.
 */

import { createServer, type Server, type Socket } from 'node:net';
import path from 'node:path';
import type { Agent } from '../agent/agent.ts';
import { checkHealth, type ServedNode } from '../agent/node.ts';
import type { LoadedSettings } from '../config/settings.ts';
import { writeFileAtomic } from '../lib/atomic-file.ts';
import type { Clock } from '../lib/clock.ts';
import { withDeadline } from '../lib/deadline.ts';
import { toKerneletError } from '../lib/errors.ts';
import { version } from '../lib/installation.ts';
import type { Logger } from '../lib/log.ts';
import type { OperationTimes } from '../lib/operation-times.ts';
import { redact, redactText, withoutOutput } from '../lib/redaction.ts';
import { CoalescedTask } from '../lib/single-flight.ts';

/** What it is taken of. */
export interface SnapshotSources {
  readonly configuration: Pick<LoadedSettings, 'values'>;
  readonly operations: OperationTimes;
  /** null: the daemon has none yet. */
  readonly node: (Pick<ServedNode, 'dependencies'> & { readonly agent: SnapshotAgent }) | null;
  readonly clock: Clock;
}

type SnapshotAgent = Pick<Agent, 'status' | 'list' | 'resources'>;

/** What hangs is the reason why somebody asks: it is left out. */
const answerTimeoutMs = 5_000;

/** The document as text. What cannot be had in time is `{ "unavailable": why }`. */
export async function stateSnapshot({ configuration, operations, node, clock }: SnapshotSources): Promise<string> {
  const within = async <T>(what: string, ask: (signal: AbortSignal) => Promise<T>) => {
    const options = { what, timeoutMs: answerTimeoutMs, clock };
    return await withDeadline(options, ({ signal }) => ask(signal)).catch((thrown: unknown) => ({
      unavailable: toKerneletError(thrown).message,
    }));
  };
  const ask = async <T>(
    what: string,
    of: (node: NonNullable<SnapshotSources['node']>, signal: AbortSignal) => Promise<T>,
  ) => (node === null ? null : await within(what, (signal) => of(node, signal)));
  const [status, registry, allocs, health] = await Promise.all([
    ask('the status', ({ agent }) => agent.status()),
    ask('the list of kernels', async ({ agent }) => {
      const kernels = await agent.list({ all: true });
      return Object.fromEntries(kernels.map((kernel) => [kernel.id, kernel]));
    }),
    ask('the devices', ({ agent }, signal) => agent.resources(signal)),
    ask('the answers of what the node needs', ({ dependencies }) => checkHealth(version, dependencies, clock)),
  ]);
  const document = {
    takenAt: new Date(clock.now()).toISOString(),
    version,
    status,
    registry,
    allocs,
    config: redact(Object.fromEntries(configuration.values)),
    connections: health,
    inflight: [...operations.all()]
      .filter(({ underWay }) => underWay > 0)
      .map(({ component, operation, underWay }) => ({ component, operation, underWay })),
    process: {
      pid: process.pid,
      uptimeS: Math.round(process.uptime()),
      memory: process.memoryUsage(),
      resources: counted(process.getActiveResourcesInfo()),
    },
  };
  const shown = (_: string, value: unknown): unknown => {
    if (typeof value === 'bigint') return String(value);
    return typeof value === 'string' ? redactText(withoutOutput(value)) : value;
  };
  return `${JSON.stringify(document, shown, 2)}\n`;
}

function counted(names: readonly string[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

/** Writes snapshots on request, one at a time, into one file of the folder, which the next replaces. */
export function snapshotsOf(folder: string, sources: () => SnapshotSources, log: Logger): CoalescedTask {
  const file = path.join(folder, 'kernelet-snapshot.json');
  return new CoalescedTask(async () => {
    try {
      await writeFileAtomic(file, await stateSnapshot(sources()));
      log.info('a snapshot of the state is written', { file });
    } catch (thrown) {
      log.error('a snapshot of the state could not be written', { file, error: toKerneletError(thrown) });
    }
  });
}

const maxConnections = 8;
/** For a snapshot, and for a peer that takes it. */
const connectionMs = 20_000;

/** Where snapshots come from, and who makes the socket. */
export interface SnapshotServing {
  readonly take: () => Promise<string>;
  /** Makes a server listen at a path, for this process's user alone. Throws STATE_LOCKED, STATE_UNUSABLE. */
  readonly listenAt: (
    server: Server,
    socketPath: string,
    log: Logger,
  ) => Promise<AsyncDisposable & { readonly remove: () => Promise<void>; readonly close: () => Promise<void> }>;
  readonly log: Logger;
}

/** Serves until disposed, for the daemon's own user alone. */
export async function serveSnapshots(
  socketPath: string,
  { take, listenAt, log }: SnapshotServing,
): Promise<AsyncDisposable> {
  const open = new Set<Socket>();
  let taking: Promise<string> | null = null;
  const answer = async (socket: Socket): Promise<void> => {
    // Those who come meanwhile get the same.
    taking ??= take().finally(() => {
      taking = null;
    });
    socket.end(await taking);
  };
  // Who has nothing to say may close its side at once, as `socat` does without a terminal, and still listens.
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    open.add(socket);
    const late = setTimeout(() => socket.destroy(), connectionMs);
    socket.on('close', () => {
      clearTimeout(late);
      open.delete(socket);
    });
    socket.on('error', () => {});
    socket.resume();
    answer(socket).catch((thrown: unknown) => {
      log.warn('a snapshot of the state could not be taken', { error: toKerneletError(thrown) });
      socket.destroy();
    });
  });
  server.maxConnections = maxConnections;
  await using cleanups = new AsyncDisposableStack();
  try {
    const place = cleanups.use(await listenAt(server, socketPath, log));
    cleanups.defer(async () => {
      await place.remove();
      const closed = place.close();
      for (const socket of open) socket.destroy();
      await closed;
    });
  } catch (thrown) {
    log.warn('snapshots of the state are not served', { error: toKerneletError(thrown) });
  }
  return cleanups.move();
}
