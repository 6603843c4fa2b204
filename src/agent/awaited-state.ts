/** What somebody can wait for of a kernel. Pure. */
import type { KernelPhase } from '../kernel/record.ts';

/** What can be waited for. */
export const awaitedStates = ['ended', 'paused', 'running'] as const;
/** `running`: it runs and is not paused. */
export type AwaitedState = (typeof awaitedStates)[number];

/** Whether a kernel is as somebody waits for. */
export function isReached(phase: KernelPhase, isPaused: boolean, state: AwaitedState): boolean {
  if (state === 'ended') return phase === 'terminated';
  return phase === 'running' && isPaused === (state === 'paused');
}
