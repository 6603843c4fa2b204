/** Whether what a node needs answers (spec rpc 9.3: `health`). */
import type { Engine } from '../engine/engine.ts';
import type { KernelRegistry } from '../kernel/kernel-registry.ts';
import type { Clock } from '../lib/clock.ts';
import { withDeadline } from '../lib/deadline.ts';
import { toKerneletError } from '../lib/errors.ts';

/** One thing that was asked. */
export interface HealthCheck {
  /** `container-engine`, or a service of the cluster. */
  readonly service: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** null: it answers. */
  readonly problem: string | null;
}

/** The answers of everything that a node needs, in no order of weight. */
export interface NodeHealth {
  readonly version: string;
  readonly checks: readonly HealthCheck[];
}

/** Asks one thing; throws when it doesn't answer. */
export type Probe = (signal: AbortSignal) => Promise<unknown>;

/** How each thing that a node needs is asked, by its name. */
export type Dependencies = Readonly<Record<'container-engine', Probe> & Record<string, Probe>>;

const answerMs = 3_000;

/** Asks all of them side by side, within a bound. */
export async function checkHealth(
  version: string,
  probes: Readonly<Record<string, Probe>>,
  clock: Clock,
): Promise<NodeHealth> {
  const checks = Object.entries(probes).map(async ([service, probe]): Promise<HealthCheck> => {
    const options = { what: `the answer of ${service}`, timeoutMs: answerMs, clock };
    const problem = await withDeadline(options, ({ signal }) => probe(signal)).then(
      () => null,
      (error: unknown) => toKerneletError(error).message,
    );
    return { service, at: clock.now(), problem };
  });
  return { version, checks: await Promise.all(checks) };
}

/** Asks whether the engine answers, and is the one that has the kernels. Throws ENGINE_UNAVAILABLE, ENGINE_CHANGED. */
export async function probeEngine(engine: Engine, kernels: KernelRegistry, signal: AbortSignal): Promise<void> {
  await engine.ping(signal);
  const problem = kernels.engineProblem();
  if (problem) throw problem;
}
