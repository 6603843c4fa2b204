/** What RPC methods work with, made of the parts of a member. */
import path from 'node:path';
import type { Agent } from '../../agent/agent.ts';
import { checkHealth, type Dependencies } from '../../agent/node.ts';
import type { Settings } from '../../config/settings.ts';
import type { Clock } from '../../lib/clock.ts';
import type { KernelId, SessionId } from '../../lib/ids.ts';
import { version } from '../../lib/installation.ts';
import { JsonStore } from '../../storage/json-store.ts';
import type { StateFolder } from '../../storage/state-folder.ts';
import { BackgroundTasks, taskNote } from '../operations/background-tasks.ts';
import { BatchRuns, batchNote } from '../operations/batch-runs.ts';
import { Commits, removeUnfinished } from '../operations/commits.ts';
import { creationInfoOf } from '../operations/creation-info.ts';
import { CreationNotes, creationNote, failedCreationName } from '../operations/creation-notes.ts';
import { Creations } from '../operations/creations.ts';
import { Executions } from '../operations/executions.ts';
import { ImageTasks } from '../operations/image-tasks.ts';
import { PortReservations } from '../operations/port-reservations.ts';
import type { LocalConfig, ManagerNotifier, RpcServices } from '../rpc/rpc-method.ts';
import type { AgentEventFields } from '../wire/events/agent-event.ts';
import type { MemberParts } from './member-parts.ts';
import { nodeNames } from './node-identity.ts';

/** What is not made of the parts. */
interface RpcSurroundings {
  /** The agent that is called, with whatever watches it. */
  readonly agent: Agent;
  readonly work: PersistentWork;
  readonly dependencies: Dependencies;
  /** Moves the node to another scaling group. */
  readonly moveTo: RpcServices['moveTo'];
}

/** Makes what methods work with. */
export function rpcServices(parts: MemberParts, { agent, work, dependencies, moveTo }: RpcSurroundings): RpcServices {
  const { settings, identity, node, clock } = parts;
  const notifier = managerNotifier(parts);
  const infoOf = (kernel: KernelId) => creationInfoOf(node.kernels.get(kernel), nodeNames(parts));
  return {
    agentId: identity.agentId,
    localConfig: localConfig(settings),
    agent,
    executions: new Executions(agent),
    files: node.files,
    networks: node.sessionNetworks,
    ports: new PortReservations(node.ports, clock),
    notifier,
    infoOf,
    moveTo,
    creations: new Creations({
      agent,
      notifier,
      notes: work.creations,
      infoOf,
      clock,
      concurrency: settings.agent.kernelCreationConcurrency,
      pullTimeoutMs: parts.limits.pullTimeoutMs,
    }),
    commits: work.commits,
    images: work.images,
    batches: work.batches,
    health: () => checkHealth(version, dependencies, clock),
  };
}

function localConfig({ agent, watcher }: Settings): LocalConfig {
  const { host, port } = watcher.serviceAddress;
  return {
    abuseReportPath: agent.abuseReportPath,
    watcher: watcher.serviceAddressGiven ? { host, port, tls: watcher.tlsEnabled } : null,
  };
}

/** Where no exit code is known. */
const unknownExitCode = -1;

/** Tells managers that nothing came of a kernel, once until the name is freed. */
function tellFailedCreation(
  publisher: MemberParts['publisher'],
  kernel: KernelId,
  session: SessionId,
  once: string,
): void {
  const fields = { kernel, session, reason: 'failed-to-create', exitCode: unknownExitCode } as const;
  publisher.announce('kernel_terminated', fields, once);
}

/** Events of an agent beside those of its kernels. */
function managerNotifier({
  publisher,
  suppressed,
  identity,
  clock,
}: Pick<MemberParts, 'publisher' | 'suppressed' | 'identity' | 'clock'>): ManagerNotifier {
  const errors = new ErrorEvents((name, fields) => publisher.announce(name, fields), clock);
  return {
    notifyEnded: (kernel, session, reason) =>
      publisher.announce('kernel_terminated', { kernel, session, reason, exitCode: unknownExitCode }),
    notifyPulling: (kernel, session, image) => {
      publisher.publishPreparing(kernel, session);
      publisher.announce('kernel_pulling', { kernel, session, reason: image, info: {} });
    },
    notifyFailed: (kernel, session) => {
      if (publisher.endsUnborn(kernel)) tellFailedCreation(publisher, kernel, session, failedCreationName(kernel));
    },
    askResourceCheck: () => publisher.announce('do_agent_resource_check', { agent: identity.agentId }),
    suppressTermination: (kernel) => suppressed.add(kernel),
    reportError: (error) => errors.report(error),
  };
}

/**
 * Work that outlives a manager's call, noted in the state folder: background tasks, batch runs, and creations that have only begun. Disposing it cancels tasks and
 * publishes that; batch runs go on.
 */
export interface PersistentWork extends AsyncDisposable {
  readonly commits: Commits;
  readonly images: ImageTasks;
  readonly batches: BatchRuns;
  readonly creations: CreationNotes;
}

/** Reads what an earlier process has noted, and reports its tasks as failed. */
export async function openPersistentWork(
  parts: MemberParts,
  agent: Agent,
  state: Pick<StateFolder, 'path' | 'writes'>,
): Promise<PersistentWork> {
  const { publisher, redis, node, settings, identity, limits, clock, log } = parts;
  const publish = publisher.announce.bind(publisher);
  const freeName = publisher.freeName.bind(publisher);
  const tasks = new BackgroundTasks({
    records: redis.tasks,
    publish,
    hasPublished: (name) => publisher.hasPublished(name),
    freeName,
    notes: await JsonStore.open(path.join(state.path, 'tasks'), taskNote, { writes: state.writes, log }),
    clock,
    log,
  });
  const batches = new BatchRuns({
    agent,
    notes: await JsonStore.open(path.join(state.path, 'batches'), batchNote, { writes: state.writes, log }),
    publish,
    freeName,
    clock,
    log,
  });
  const creations = new CreationNotes({
    notes: await JsonStore.open(path.join(state.path, 'creations'), creationNote, { writes: state.writes, log }),
    tellFailed: (kernel, session, once) => tellFailedCreation(publisher, kernel, session, once),
    freeName,
    hasEnded: (kernel) => publisher.hasEnded(kernel),
    log,
  });
  const { imageCommitPath: root } = settings.agent;
  removeUnfinished(root).catch((error: unknown) => log.warn('unfinished files could not be removed', { root, error }));
  const { engine, kernels } = node;
  const { agentId } = identity;
  return {
    batches,
    creations,
    commits: new Commits({
      engine,
      kernels,
      tasks,
      publishCommitting: (ids) => redis.statistics.writeCommitting(ids),
      root,
      clock,
      log,
    }),
    images: new ImageTasks({ agentId, agent, engine, tasks, publish, limits, clock }),
    async [Symbol.asyncDispose]() {
      await batches[Symbol.asyncDispose]();
      await tasks[Symbol.asyncDispose]();
    },
  };
}

/** What went wrong, in the form of Python: `RuntimeError: boom`. */
export interface ReportedError {
  readonly message: string;
  readonly trace: string;
}

const repeatMs = 60_000;
const maxKinds = 100;
const maxText = 4_096;

/**
 * Publishes errors for the cluster's log (spec rpc 5.3, cluster-state 4.5), each kind once a minute at most: an
 * engine that is away makes every call fail in the same way, which needs to be said once.
 */
export class ErrorEvents {
  readonly #publish: (name: 'agent_error', fields: AgentEventFields['agent_error']) => void;
  readonly #clock: Clock;
  /** When each was published last, the oldest first. */
  readonly #published = new Map<string, number>();

  constructor(publish: (name: 'agent_error', fields: AgentEventFields['agent_error']) => void, clock: Clock) {
    this.#publish = publish;
    this.#clock = clock;
  }

  report({ message, trace }: ReportedError): void {
    const now = this.#clock.monotonic();
    for (const [kind, at] of this.#published) {
      if (now - at < repeatMs && this.#published.size < maxKinds) break;
      this.#published.delete(kind);
    }
    // Ids make every failure look like another one.
    const kind = message.replaceAll(/[0-9a-f]{8,}(-[0-9a-f]{4,})*/g, '*').slice(0, maxText);
    if (this.#published.has(kind)) return;
    this.#published.set(kind, now);
    this.#publish('agent_error', {
      message: message.slice(0, maxText),
      traceback: trace.slice(0, maxText),
      user: null,
      context: {},
      severity: 'ERROR',
    });
  }
}
