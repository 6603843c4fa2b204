/** People who ask the daemon for something: none may wait longer than he may, whatever befalls the node. */
import type { DefaultAgent } from '../../src/agent/default-agent.ts';
import { toKerneletError } from '../../src/lib/errors.ts';
import type { Simulation } from './simulation.ts';
import type { Owner } from './world/timeline.ts';

/** Somebody who has asked the daemon for something. */
interface Call {
  readonly what: string;
  readonly owner: Owner;
  readonly since: number;
  until: number;
}

/** How a call ended: with a result, or with an error's code. */
export type Outcome<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly code: string };

/** What somebody was told, and how the kernel that it was about is by then, as the agent says. */
export interface Answer {
  readonly what: string;
  readonly subject: string;
  /** Null: it was done. */
  readonly code: string | null;
  /** Null: no such kernel lives. */
  readonly phase: string | null;
}

/** All who wait in one world. */
export class Callers {
  readonly #simulation: Simulation;
  readonly #waiting = new Set<Call>();
  /** The longest that was waited for each kind of thing, in milliseconds. */
  readonly longest = new Map<string, number>();
  readonly answers: Answer[] = [];

  constructor(simulation: Simulation) {
    this.#simulation = simulation;
  }

  /** Whether anybody waits still whose daemon lives. */
  get isAnybodyWaiting(): boolean {
    return [...this.#waiting].some(({ owner }) => !owner.hasEnded);
  }

  /**
   * Asks the daemon that runs now, in one of its turns. `withinMs`: how long the caller may wait. `then` is told what came of
   * it, unless the daemon was killed.
   */
  ask<T>(
    { what, subject, withinMs }: { readonly what: string; readonly subject: string; readonly withinMs: number },
    request: (agent: DefaultAgent) => Promise<T>,
    then: (outcome: Outcome<T>) => void = () => {},
  ): void {
    const { daemon, machine } = this.#simulation;
    const agent = daemon?.agent;
    if (!daemon || !agent || daemon.owner.hasEnded) {
      this.#simulation.tell(`${what} ${subject}: nobody listens`);
      return;
    }
    this.#simulation.tell(`${what} ${subject}`);
    const { now } = machine.timeline;
    const call: Call = { what: `${what} ${subject}`, owner: daemon.owner, since: now, until: now + withinMs };
    this.#waiting.add(call);
    const end = (outcome: Outcome<T>, text: string): void => {
      this.#waiting.delete(call);
      const took = machine.timeline.now - now;
      const kernel = this.#simulation.kernels.find(({ name }) => name === subject);
      const phase = kernel ? this.#simulation.phaseOf(kernel) : null;
      this.answers.push({ what, subject, code: outcome.ok ? null : outcome.code, phase });
      this.longest.set(what, Math.max(took, this.longest.get(what) ?? 0));
      this.#simulation.tell(`${what} ${subject}: ${text} after ${Math.round(took)} ms`);
      then(outcome);
    };
    machine.timeline.schedule(0, daemon.owner, () => {
      request(agent).then(
        (value) => end({ ok: true, value }, 'done'),
        (error: unknown) => {
          const { code, message } = toKerneletError(error);
          end({ ok: false, code }, `${code} (${message.split('\n')[0]})`);
        },
      );
    });
  }

  /** Whoever has asked for something of this kernel may wait so much longer, in milliseconds: it stands still for that long. */
  allowMore(kernel: string, forMs: number): void {
    for (const call of this.#waiting) if (call.what.split(/[ ,]/).includes(kernel)) call.until += forMs;
  }

  /** Notes who has waited too long. */
  check(): void {
    const { now } = this.#simulation;
    for (const call of this.#waiting) {
      if (call.owner.hasEnded) this.#waiting.delete(call);
      else if (now > call.until) {
        const seconds = Math.round((now - call.since) / 1000);
        this.#simulation.fail(`whoever asked for ${call.what} waits after ${seconds} s still`);
      }
    }
  }
}
