/**
 * Publishes what happens to kernels in a cluster: into the local events, as alone, and, by way of the outbox, to managers.
 *
 * Both write in the order of one queue, the outbox first, and each is synced by itself: a process or a machine that ends meanwhile may
 * leave a termination in either. So the outbox has it under a name until the kernel's record is gone, and as long as there is a
 * record, what is missing in one of them is published again, which the other drops.
 */

import type { EventLog } from '../../events/event-log.ts';
import type { EventSink, KernelEvent, NumberedKernelEvent } from '../../events/kernel-event.ts';
import type { KernelRecord } from '../../kernel/record.ts';
import { KerneletError } from '../../lib/errors.ts';
import type { KernelId, RunId, SessionId } from '../../lib/ids.ts';
import type { Logger } from '../../lib/log.ts';
import type { EndReason } from '../../protocol/run-event.ts';
import type { SuppressedTerminations } from '../operations/suppressed-terminations.ts';
import type { EncodedEvent } from '../redis/event-stream.ts';
import { type AgentEventFields, type AgentEventName, eventArguments, eventSource } from '../wire/events/agent-event.ts';
import type { CreationInfo } from '../wire/events/info-maps.ts';
import { encodeMsgpack } from '../wire/msgpack/encode.ts';
import { managerWord } from './termination-words.ts';

/** Takes events that must arrive. */
export interface EventPost {
  /** With a name only once, until that is freed. */
  post(event: EncodedEvent, name?: string | null): void;
  holds(name: string): boolean;
  free(name: string): void;
  /** How many have not arrived yet. */
  readonly size: number;
}

/** The end of a kernel. */
export type KernelTermination = Extract<KernelEvent, { readonly type: 'kernel-terminated' }>;

/** How to make the publisher. */
export interface EventPublisherOptions {
  readonly agentId: string;
  readonly local: EventLog;
  readonly outbox: EventPost;
  /** What managers read of a kernel that has started. */
  readonly infoOf: (kernel: KernelRecord) => CreationInfo;
  /** Kernels whose terminations managers do not want to read. */
  readonly suppressed: Pick<SuppressedTerminations, 'has' | 'delete'>;
  readonly log: Logger;
}

/** The publisher. The local log and the outbox stay their owner's to close. */
export class EventPublisher implements EventSink<KernelRecord> {
  readonly #options: EventPublisherOptions;
  /** Kernels of which `kernel_preparing` is published, and no event of their own yet. */
  readonly #prepared = new Set<KernelId>();
  #beforeTermination: (event: KernelTermination, isPublished: boolean) => void = () => {};

  constructor(options: EventPublisherOptions) {
    this.#options = options;
  }

  /** How many events wait to be sent to managers. */
  get waiting(): number {
    return this.#options.outbox.size;
  }

  /** From here on, `listener` is called before a kernel's termination is published, or is suppressed. It must not throw. */
  onTermination(listener: (event: KernelTermination, isPublished: boolean) => void): void {
    this.#beforeTermination = listener;
  }

  publish(event: KernelEvent, kernel?: KernelRecord): void {
    const { suppressed, local } = this.#options;
    const isEnd = event.type === 'kernel-terminated';
    const wasPublished = event.type === 'kernel-preparing' && this.#prepared.delete(event.kernelId);
    const isPublished = !wasPublished && !(isEnd && suppressed.has(event.kernelId));
    if (isEnd) this.#beforeTermination(event, isPublished);
    if (isPublished) this.#post(event, kernel, isEnd && kernel ? endName(kernel) : null);
    if (!(isEnd && kernel && local.hasToldEnd(kernel))) local.publish(event);
    if (isEnd && !kernel) suppressed.delete(event.kernelId);
  }

  hasToldEnd(kernel: KernelRecord): boolean {
    const { suppressed, local, outbox } = this.#options;
    return local.hasToldEnd(kernel) && (suppressed.has(kernel.spec.id) || outbox.holds(endName(kernel)));
  }

  forget(kernel: KernelRecord): void {
    this.#options.outbox.free(endName(kernel));
    this.#options.suppressed.delete(kernel.spec.id);
  }

  hasEnded(kernel: KernelId): boolean {
    return this.#options.local.hasEnded(kernel);
  }

  hasFinished(kernel: KernelId, run: RunId): boolean {
    return this.#options.local.hasFinished(kernel, run);
  }

  read(
    options: { readonly after: number; readonly follow: boolean },
    signal: AbortSignal,
  ): AsyncIterable<NumberedKernelEvent> {
    return this.#options.local.read(options, signal);
  }

  /**
   * Publishes to managers what concerns no kernel of this node, or the whole node. What has a name `once` is published
   * once, however often it is announced, until the name is freed.
   */
  announce<Name extends AgentEventName>(name: Name, fields: AgentEventFields[Name], once: string | null = null): void {
    this.#options.outbox.post(encodeAgentEvent(name, eventSource(name, this.#options.agentId), fields), once);
  }

  /** Whether something of this name was published, by an earlier process too. */
  hasPublished(once: string): boolean {
    return this.#options.outbox.holds(once);
  }

  /** Frees a name: that it was published is noted elsewhere, or is of no interest any more. */
  freeName(once: string): void {
    this.#options.outbox.free(once);
  }

  /** Publishes the first event of a kernel before there is a kernel. */
  publishPreparing(kernel: KernelId, session: SessionId): void {
    this.#prepared.add(kernel);
    this.announce('kernel_preparing', { kernel, session, reason: '', info: {} });
  }

  /** Whether a kernel has published nothing itself since `publishPreparing`; from here on it counts as ended. */
  endsUnborn(kernel: KernelId): boolean {
    return this.#prepared.delete(kernel);
  }

  /** A failure here must not hold up a kernel's life. */
  #post(event: KernelEvent, kernel: KernelRecord | undefined, name: string | null): void {
    const { agentId, infoOf, outbox, log } = this.#options;
    const info = (): CreationInfo => {
      if (kernel) return infoOf(kernel);
      throw new KerneletError('INTERNAL', `the event ${event.type} came without its kernel`);
    };
    try {
      const encoded = wireEvent(event, agentId, info);
      if (encoded) outbox.post(encoded, name);
    } catch (error) {
      log.error('an event could not be encoded for managers', { event: event.type, kernel: event.kernelId, error });
    }
  }
}

/** Of no other kernel, of whatever id. */
const endName = ({ spec, createdAt }: KernelRecord): string => `end ${spec.id} ${createdAt}`;

/** What is said where no exit code is known, as upstream says it of everything. */
const unknownExitCode = -1;
const nothingYet: Readonly<Record<string, never>> = {};

/** An event with its arguments encoded; `source` is the agent's id. */
function encodeAgentEvent<Name extends AgentEventName>(
  name: Name,
  source: string,
  fields: AgentEventFields[Name],
): EncodedEvent {
  return { name, source, args: encodeMsgpack(eventArguments(name, fields)) };
}

/** The event of the stream; null for what managers have no event for. `info` is called for a kernel that has started. */
function wireEvent(event: KernelEvent, source: string, info: () => CreationInfo): EncodedEvent | null {
  const { kernelId: kernel, sessionId: session } = event;
  const creation = { kernel, session, reason: '', info: nothingYet };
  switch (event.type) {
    case 'kernel-preparing':
      return encodeAgentEvent('kernel_preparing', source, creation);
    case 'kernel-pulling':
      return encodeAgentEvent('kernel_pulling', source, { ...creation, reason: event.image });
    case 'kernel-creating':
      return encodeAgentEvent('kernel_creating', source, creation);
    case 'kernel-started':
      return encodeAgentEvent('kernel_started', source, { ...creation, info: info() });
    case 'kernel-terminated': {
      const exitCode = event.exitCode ?? unknownExitCode;
      const reason = managerWord(event.reason);
      return encodeAgentEvent('kernel_terminated', source, { kernel, session, reason, exitCode });
    }
    case 'execution-started':
      return encodeAgentEvent('execution_started', source, { session });
    case 'execution-finished':
      return encodeAgentEvent(endOfExecution(event.reason), source, { session });
    case 'model-health': {
      const name = 'model_service_status_updated';
      const status = event.healthy ? 'healthy' : 'unhealthy';
      return encodeAgentEvent(name, eventSource(name, source), { kernel, session, model: event.model, status });
    }
    // Managers know of none of these; that a kernel is started again is told by its `kernel_started`.
    case 'kernel-restarting':
    case 'kernel-paused':
    case 'kernel-resumed':
    case 'reachability':
    case 'overuse':
    case 'device-difference':
      return null;
  }
}

/** Each of them lets the manager's idle timer run again. */
function endOfExecution(reason: EndReason): 'execution_timeout' | 'execution_cancelled' | 'execution_finished' {
  if (reason === 'time-limit') return 'execution_timeout';
  return reason === 'cancelled' ? 'execution_cancelled' : 'execution_finished';
}
