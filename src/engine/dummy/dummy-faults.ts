/**
 * Failures that a test plants in the dummy engine, by method: before the effect, after it, or never answering. They are
 * the ways in which a real engine fails a caller.
 */
import { addAbortListener } from 'node:events';
import { type Clock, sleep } from '../../lib/clock.ts';
import { KerneletError } from '../../lib/errors.ts';
import type { Engine } from '../engine.ts';

/** Methods of the engine that return a promise and can be made to fail. */
export type DummyMethod = {
  [Name in keyof Engine]: Engine[Name] extends (...parameters: never[]) => Promise<unknown> ? Name : never;
}[keyof Engine];

/** One call as the dummy engine saw it, for assertions. `subject` is the id, name or reference the call was about. */
export interface DummyCall {
  readonly method: DummyMethod;
  readonly subject: string;
}

/**
 * How a call goes wrong. `error`: refused, nothing done. `hang`: no effect and no answer until the caller aborts.
 * `delay`: late, then as usual. `error-after-success` and `hang-after-success`: done, but the caller does not learn it.
 */
export type DummyFault =
  | { readonly kind: 'error'; readonly error?: KerneletError }
  | { readonly kind: 'hang' }
  | { readonly kind: 'delay'; readonly delayMs: number }
  | { readonly kind: 'error-after-success'; readonly error?: KerneletError }
  | { readonly kind: 'hang-after-success' };

interface Plan {
  readonly method: DummyMethod;
  readonly fault: DummyFault;
  readonly matches: (call: DummyCall) => boolean;
  left: number;
}

/** Bound on the record of calls; the older half goes. */
const maxCalls = 20_000;

/** Rejects with the signal's reason when it aborts, and never before. */
export function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) return reject(signal.reason);
    addAbortListener(signal, () => reject(signal.reason));
  });
}

/** The planted failures of one dummy engine, and the record of its calls. */
export class DummyFaults {
  readonly calls: DummyCall[] = [];
  readonly #plans: Plan[] = [];
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Plants a failure for the next `times` matching calls (default 1). Disposing the result takes it out. */
  plant(
    method: DummyMethod,
    fault: DummyFault,
    options: { times?: number; matches?: (call: DummyCall) => boolean } = {},
  ): Disposable {
    const plan: Plan = { method, fault, matches: options.matches ?? (() => true), left: options.times ?? 1 };
    this.#plans.push(plan);
    return { [Symbol.dispose]: () => this.#remove(plan) };
  }

  /** Runs `effect` as the planted failure says, or plainly. */
  async run<T>(method: DummyMethod, subject: string, signal: AbortSignal, effect: () => T | Promise<T>): Promise<T> {
    signal.throwIfAborted();
    const call = { method, subject };
    this.calls.push(call);
    if (this.calls.length > maxCalls) this.calls.splice(0, maxCalls / 2);
    const fault = this.#take(call);
    switch (fault?.kind) {
      case undefined:
        return await effect();
      case 'error':
        throw fault.error ?? plantedError(call);
      case 'hang':
        return await untilAborted(signal);
      case 'delay':
        await sleep(this.#clock, fault.delayMs, signal);
        return await effect();
      case 'error-after-success':
        await effect();
        throw fault.error ?? plantedError(call);
      case 'hang-after-success':
        await effect();
        return await untilAborted(signal);
    }
  }

  #take(call: DummyCall): DummyFault | undefined {
    const plan = this.#plans.find((candidate) => candidate.method === call.method && candidate.matches(call));
    if (!plan) return undefined;
    plan.left -= 1;
    if (plan.left <= 0) this.#remove(plan);
    return plan.fault;
  }

  #remove(plan: Plan): void {
    const index = this.#plans.indexOf(plan);
    if (index >= 0) this.#plans.splice(index, 1);
  }
}

function plantedError(call: DummyCall): KerneletError {
  return new KerneletError('ENGINE_FAILED', `the engine failed ${call.method} of ${call.subject}: planted failure`, {
    context: { status: 500 },
  });
}
