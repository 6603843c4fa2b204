/**
 * What the rest of the program sees of the kernels of this agent, by id; `actor-registry.ts` is what does it. Ended kernels
 * are kept for a while so that they can still be inspected.
 */

import type { KerneletError } from '../lib/errors.ts';
import type { KernelId } from '../lib/ids.ts';
import type { RunnerClient } from '../runner-client/runner-client.ts';
import type { DestroyOptions } from './actor.ts';
import type { KeptKernel } from './kept-kernels.ts';
import type { KernelHooks } from './kernel-hooks.ts';
import type { KernelRecord } from './record.ts';
import type { Environ, KernelSpec } from './spec.ts';
import type { Stuck } from './stuck.ts';

/** What recovery found and did. */
export interface RecoverySummary {
  readonly adopted: number;
  /** Records whose clean-up was finished or whose creation was undone. */
  readonly ended: number;
  /** Corrupt records that were moved to the quarantine. */
  readonly quarantined: number;
}

/** The kernels of this agent. */
export interface KernelRegistry extends AsyncDisposable {
  /**
   * Creates a kernel and resolves when it is ready. An abort undoes everything. Throws KERNEL_EXISTS, STATE_UNUSABLE
   * (and nothing was started), or what the failing step threw.
   */
  create(spec: KernelSpec, signal: AbortSignal): Promise<KernelRecord>;
  /** Ends a kernel; resolves with its last record when nothing of it is left. Joins a destruction under way. */
  destroy(id: KernelId, options: DestroyOptions): Promise<KernelRecord>;
  /**
   * A new container with the same files, ports and resources, and these variables beside the tenant's own. Joins a
   * restart under way, whose variables count. Throws IMAGE_NOT_FOUND when its image is gone, and NOT_SUPPORTED when it
   * is unrecorded; the kernel runs on then.
   */
  restart(id: KernelId, signal: AbortSignal, environ?: Environ): Promise<KernelRecord>;
  /**
   * Has the kernel's processes stand still; one that is paused already is success. Throws KERNEL_NOT_RUNNING, and what the
   * engine throws: when that may have done it, its next listing says so.
   */
  pause(id: KernelId, by: 'request' | 'idle'): Promise<KernelRecord>;
  /** Has them go on, whoever paused it. Throws as `pause` does; an abort ends the waiting alone. */
  resume(id: KernelId, signal: AbortSignal): Promise<KernelRecord>;
  /** What is kept of kernels whose end nobody asked for, the latest first. */
  kept(): Promise<readonly KeptKernel[]>;
  /** The latest of an id, a name, or the unique beginning of an id. Throws KERNEL_NOT_FOUND, AMBIGUOUS_ID, INVALID_ARGUMENT. */
  keptOf(text: string): Promise<KeptKernel>;
  /** Creates the kernel again, with its id and its home. Throws as `create` does, and then the home is kept on; NOT_SUPPORTED. */
  restore(kernel: KeptKernel, signal: AbortSignal): Promise<KernelRecord>;
  /** Moves its home to a folder that is not there yet. Throws FILE_ERROR. */
  moveKept(kernel: KeptKernel, to: string, signal: AbortSignal): Promise<void>;
  /** The kernel's record, also of an ended one that is still kept. Throws KERNEL_NOT_FOUND. */
  get(id: KernelId): KernelRecord;
  /** By its id, its name, or the unique beginning of its id; living kernels come first. Throws KERNEL_NOT_FOUND, AMBIGUOUS_ID. */
  resolve(text: string): KernelRecord;
  /** Why a kernel is stuck, or what it has waited for long; null: it is not, or there is none. */
  stuckOf(id: KernelId): Stuck | null;
  /** Live kernels; with `ended` also those that are kept. */
  list(options?: { readonly ended: boolean }): readonly KernelRecord[];
  /** Limits of a running kernel that could not be set after a start of the daemon, a sentence each; none = all hold. */
  unheldLimits(id: KernelId): readonly string[];
  /** The runner's client. Throws KERNEL_NOT_FOUND, KERNEL_NOT_RUNNING, KERNEL_DIED. */
  client(id: KernelId): RunnerClient;
  /** Has these hooks called, until they are disposed. */
  register(hooks: KernelHooks): Disposable;
  /** Takes over what an earlier process left. Call once, before any other method. Throws ENGINE_UNAVAILABLE, ENGINE_CHANGED, and then has done nothing. */
  recover(signal: AbortSignal): Promise<RecoverySummary>;
  /** Follows the engine's events until the signal aborts. */
  watch(signal: AbortSignal): Promise<void>;
  /** One pass over what may have been left behind; call it every 10 s or so. */
  sweep(signal: AbortSignal): Promise<void>;
  /** Looks again for the node's devices; call it every 30 s. */
  rescanDevices(signal: AbortSignal): Promise<void>;
  /** Compares the leases of devices with the journal, the containers and each `resource.txt`, and mends them. */
  auditDevices(signal: AbortSignal): Promise<void>;
  /** Asks whether the engine is there, which `engineHealthy` then takes into account; call it every second. Never rejects. */
  pingEngine(signal: AbortSignal): Promise<void>;
  /** Whether the engine answered last, and is the one that has the kernels. */
  engineHealthy(): boolean;
  /** ENGINE_CHANGED while another engine answers than the one that has the kernels: nothing is done then. Else null. */
  engineProblem(): KerneletError | null;
  /** Why the networks of kernels could not be kept as they are to be, when that was tried last; null = they are. */
  networkProblem(): string | null;
  /** Takes the engine that answers for the one that has the kernels from now on. Throws STATE_UNUSABLE, ENGINE_UNAVAILABLE. */
  acceptEngine(signal: AbortSignal): Promise<void>;
}
