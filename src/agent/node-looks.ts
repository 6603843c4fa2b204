/** What is looked at to find out what a node is degraded by, and in which words that is told. */
import { freemem, totalmem } from 'node:os';
import { describeByteSize } from '../lib/byte-size.ts';
import { type Clock, earliestTime } from '../lib/clock.ts';
import { describeDuration } from '../lib/duration.ts';
import type { AgentStatus } from './agent.ts';
import type { AgentParts } from './agent-parts.ts';
import type { DegradationsParts, Look } from './degradation.ts';

/** Below this share of its memory a machine ends programs of its own choice soon. */
const scarceShare = 0.02;

/** Memory of the machine in bytes: what programs can still have, and all of it. */
export interface MachineMemory {
  readonly available: () => number;
  readonly total: () => number;
}

/** Whether hardly any memory of the machine is left. */
export function memoryLook({ available, total }: MachineMemory = { available: freemem, total: totalmem }): Look {
  return () => {
    const [left, all] = [available(), total()];
    if (left >= all * scarceShare) return null;
    return `${describeByteSize(left)} of ${describeByteSize(all)} of memory are left: the system may end programs of its own choice`;
  };
}

/** A clock that is set anew jumps by more; one that is corrected does not. */
const jumpMs = 2_000;
/** How long a jump is told of. */
const toldMs = 600_000;

/** Whether the clock of the machine is wrong, or was set anew a short while ago, so that times before and after do not compare. */
export function clockLook(clock: Pick<Clock, 'now' | 'monotonic'>): Look {
  let offset = clock.now() - clock.monotonic();
  let jump: { readonly at: number; readonly byMs: number } | null = null;
  return () => {
    const seen = clock.now() - clock.monotonic();
    if (Math.abs(seen - offset) > jumpMs) jump = { at: clock.monotonic(), byMs: seen - offset };
    offset = seen;
    if (clock.now() < earliestTime) return `the clock says ${new Date(clock.now()).toISOString()}`;
    if (jump === null || clock.monotonic() - jump.at > toldMs) return null;
    const way = jump.byMs > 0 ? 'forward' : 'back';
    return `the clock was set ${way} by ${describeDuration(Math.abs(jump.byMs))}, or the machine slept: times of before compare with none of after`;
  };
}

const diskWords: Readonly<Record<AgentStatus['disk'], string | null>> = {
  ok: null,
  stalled: 'a write to the state folder has taken seconds: ends of kernels wait for its disk, and no kernel is made',
  full: 'less is free on the disk than is kept for the node: no kernel is made',
};

/** What the modes of a node are seen by. */
export function nodeLooks(
  { kernels, facts }: Pick<AgentParts, 'kernels' | 'facts'>,
  engine: Look,
): DegradationsParts['looks'] {
  return {
    ...facts.looks,
    engine,
    disk: async () => diskWords[await facts.disk()],
    'file-systems': () => {
      const hung = facts.hungFileSystems().map(({ mountPoint }) => mountPoint);
      return hung.length === 0 ? null : `what lies on ${hung.join(', ')}, which does not answer, is refused`;
    },
    firewall: () => kernels.networkProblem(),
    records: () => {
      const ids = kernels.list().flatMap(({ unrecordedSince, spec }) => (unrecordedSince === null ? [] : spec.id));
      return ids.length === 0 ? null : `neither records nor their copies could be read of ${ids.join(', ')}`;
    },
  };
}
