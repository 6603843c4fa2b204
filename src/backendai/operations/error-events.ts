/**
 * Errors for the cluster's log (spec rpc 5.3, cluster-state 4.5). An engine that is away makes every call fail in the
 * same way, which needs to be said once.
 */
import type { Clock } from '../../lib/clock.ts';
import type { AgentEventFields } from '../wire/events/agent-event.ts';

/** What went wrong, in the form of Python: `RuntimeError: boom`. */
export interface ReportedError {
  readonly message: string;
  readonly trace: string;
}

const repeatMs = 60_000;
const maxKinds = 100;
const maxText = 4_096;

/** Publishes errors, each kind once a minute at most. */
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
