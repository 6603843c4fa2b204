/**
 * What has happened to kernels, in cluster mode: the events of the standalone mode, and beside them those that managers
 * read, by way of the outbox.
 *
 * The outbox has an event first, and a kernel's end under a name that is free when the local events have it too: a
 * process that ends between the two writes tells a manager of it again, which the outbox drops.
 */

import type { EventLog } from '../../events/event-log.ts';
import type { EventSink, KernelEvent, NumberedKernelEvent } from '../../events/kernel-event.ts';
import type { KernelId, RunId, SessionId } from '../../lib/ids.ts';
import type { Logger } from '../../lib/log.ts';
import type { EncodedEvent } from '../redis/event-stream.ts';
import { type AgentEventFields, type AgentEventName, eventSource } from '../wire/events/agent-event.ts';
import { type CreationInfoOf, encodeAgentEvent, wireEvent } from './wire-event.ts';

/** Takes events that must arrive. */
export interface EventPost {
  /** With a name only once, until that is freed. */
  post(event: EncodedEvent, name?: string | null): void;
  holds(name: string): boolean;
  free(name: string): void;
  /** How many have not arrived yet. */
  readonly size: number;
}

/** Kernels whose ends are not told to managers: who asked for one knows (spec rpc 8.7). None of it throws. */
export interface SuppressedTerminations {
  has(kernel: KernelId): boolean;
  delete(kernel: KernelId): void;
}

/** How to make the book. */
export interface EventPublisherOptions {
  readonly agentId: string;
  readonly local: EventLog;
  readonly outbox: EventPost;
  readonly infoOf: CreationInfoOf;
  readonly quiet: SuppressedTerminations;
  /** Called before a kernel's end is told to managers, or is not told. Never throws. */
  readonly beforeEnd?: (event: Extract<KernelEvent, { readonly type: 'kernel-terminated' }>, told: boolean) => void;
  readonly log: Logger;
}

/** The book. The local log and the outbox stay their owner's to close. */
export class EventPublisher implements EventSink {
  readonly #options: EventPublisherOptions;
  /** Those of which `kernel_preparing` has been told, and which have told nothing of themselves yet. */
  readonly #prepared = new Set<KernelId>();

  constructor(options: EventPublisherOptions) {
    this.#options = options;
  }

  /** How many events wait to be sent to managers. */
  get waiting(): number {
    return this.#options.outbox.size;
  }

  publish(event: KernelEvent): void {
    const { quiet, beforeEnd, local, outbox } = this.#options;
    const isEnd = event.type === 'kernel-terminated';
    const wasTold = event.type === 'kernel-preparing' && this.#prepared.delete(event.kernelId);
    const isTold = !wasTold && !(isEnd && quiet.has(event.kernelId));
    if (isEnd) beforeEnd?.(event, isTold);
    const endName = `end ${event.kernelId}`;
    // An earlier kernel of this id may have left it, whose process was killed right before it was free.
    if (event.type === 'kernel-preparing') outbox.free(endName);
    if (isTold) this.#tell(event, isEnd ? endName : null);
    local.publish(event);
    if (isEnd) outbox.free(endName);
    if (isEnd && !isTold) quiet.delete(event.kernelId);
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
   * Tells managers what concerns no kernel of this node, or the whole node. What has a name `once` is told once, however
   * often it is announced, until the name is freed.
   */
  announce<Name extends AgentEventName>(name: Name, fields: AgentEventFields[Name], once: string | null = null): void {
    this.#options.outbox.post(encodeAgentEvent(name, eventSource(name, this.#options.agentId), fields), once);
  }

  /** Whether something of this name was announced, by an earlier process too. */
  hasAnnounced(once: string): boolean {
    return this.#options.outbox.holds(once);
  }

  /** Frees a name: that it was told is noted elsewhere, or is of no interest any more. */
  freeName(once: string): void {
    this.#options.outbox.free(once);
  }

  /** Tells of a kernel before it can tell of itself. */
  tellPreparing(kernel: KernelId, session: SessionId): void {
    this.#prepared.add(kernel);
    this.announce('kernel_preparing', { kernel, session, reason: '', info: {} });
  }

  /** Answers whether the kernel has told nothing since its preparing was told; then it will tell nothing any more. */
  hasComeToNothing(kernel: KernelId): boolean {
    return this.#prepared.delete(kernel);
  }

  /** A failure here must not hold up a kernel's life. */
  #tell(event: KernelEvent, name: string | null): void {
    const { agentId, infoOf, outbox, log } = this.#options;
    try {
      const encoded = wireEvent(event, agentId, infoOf);
      if (encoded) outbox.post(encoded, name);
    } catch (error) {
      log.error('an event could not be put into words for managers', {
        event: event.type,
        kernel: event.kernelId,
        error,
      });
    }
  }
}
