/** What happens to kernels, as the local API shows it and, in cluster mode, the event stream. */
import type { KernelId, RunId, SessionId } from '../lib/ids.ts';
import type { EndReason } from '../protocol/run-event.ts';

interface OfKernel {
  readonly kernelId: KernelId;
  readonly sessionId: SessionId;
}

/** Differences between what is recorded of devices and what is there; all but the last three are repaired. */
export const deviceDifferences = [
  'missing-lease',
  'differing-lease',
  'differing-resource-file',
  'differing-record',
  'lost',
  'back',
] as const;
/** `lost`: the node has the device no more; `back`: it has it again. */
export type DeviceDifference = (typeof deviceDifferences)[number];

/** An event of a kernel's life. One `kernel-terminated` for every `kernel-preparing`. */
export type KernelEvent =
  | ({ readonly type: 'kernel-preparing' } & OfKernel)
  | ({ readonly type: 'kernel-pulling'; readonly image: string } & OfKernel)
  | ({ readonly type: 'kernel-creating' } & OfKernel)
  /** Its container is being replaced: on request (`user-requested`), or by what it ended. */
  | ({ readonly type: 'kernel-restarting'; readonly reason: string; readonly detail: string } & OfKernel)
  | ({ readonly type: 'kernel-started'; readonly restarted: boolean } & OfKernel)
  /** Its processes stand still: by a request, its idle time-out, or somebody who has asked the engine. */
  | ({ readonly type: 'kernel-paused'; readonly by: 'request' | 'idle' | 'others' } & OfKernel)
  | ({ readonly type: 'kernel-resumed' } & OfKernel)
  | ({
      readonly type: 'kernel-terminated';
      readonly reason: string;
      readonly exitCode: number | null;
      readonly detail: string;
    } & OfKernel)
  | ({ readonly type: 'execution-started'; readonly runId: RunId } & OfKernel)
  | ({
      readonly type: 'execution-finished';
      readonly runId: RunId;
      readonly exitCode: number;
      readonly reason: EndReason;
    } & OfKernel)
  | ({ readonly type: 'model-health'; readonly model: string; readonly healthy: boolean } & OfKernel)
  /** Its runner does not answer any more, or does again; nothing else changes by that. */
  | ({ readonly type: 'reachability'; readonly reachable: boolean } & OfKernel)
  | ({
      /** It uses all of a limit, or is held back by it. */
      readonly type: 'overuse';
      readonly kind: 'memory' | 'out-of-memory' | 'throttled' | 'processes' | 'disk';
      /** Kills, refusals, or how often it began, in all. */
      readonly count: number;
      readonly detail: string;
    } & OfKernel)
  | ({
      /** Records of its devices differ, or the node has lost one of them. */
      readonly type: 'device-difference';
      readonly kind: DeviceDifference;
      readonly detail: string;
    } & OfKernel);

/** An event with its number in the agent's order. */
export interface NumberedKernelEvent {
  /** Counts from 1 over the life of the state folder. */
  readonly sequence: number;
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly event: KernelEvent;
}

/** What tells a kernel from earlier ones of its id. */
export interface PublishedKernel {
  readonly spec: { readonly id: KernelId };
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
}

/** Where events are published: the log of the node, or an adapter that has one. `Kernel`: what describes a kernel there. */
export interface EventSink<Kernel extends PublishedKernel = PublishedKernel> {
  /** With the kernel as it is at this moment, for every event of its lifecycle that has one. */
  publish(event: KernelEvent, kernel?: Kernel): void;
  /** Whether the last thing published about this kernel's life is its end, by this process or one before it. */
  hasEnded(kernel: KernelId): boolean;
  /** Whether all who are to be told of this kernel's end, and not of that of an earlier one of its id, have been told. */
  hasToldEnd(kernel: Kernel): boolean;
  /** The record of an ended kernel is gone for good: nobody publishes its end again. */
  forget(kernel: Kernel): void;
  /** Whether the end of this run has been published, by this process or one before it, and is not forgotten yet. */
  hasFinished(kernel: KernelId, run: RunId): boolean;
}
