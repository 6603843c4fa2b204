/** What the steps need of the node's ledgers; the implementations are in `resources/`. Each lease is freed once. */
import type { KernelId } from '../lib/ids.ts';

/** CPU and memory of the node. */
export interface SlotLeases {
  /** Takes what a kernel asks for. The cpuset is null where kernels are not pinned. Throws INSUFFICIENT_RESOURCES. */
  lease(kernel: KernelId, ask: SlotAsk): { readonly cpuset: string | null };
  /** Takes what a kernel of an earlier process holds, even beyond what is free. */
  adopt(kernel: KernelId, held: SlotAsk & { readonly cpuset: string | null }): void;
  holds(kernel: KernelId): boolean;
  release(kernel: KernelId): void;
}

/** What a kernel takes of the node. */
export interface SlotAsk {
  readonly cpus: number;
  readonly memoryBytes: number;
}

/** The pool of host ports. */
export interface PortLeases {
  /** The next free port. Throws NO_PORT_LEFT. */
  lease(kernel: KernelId): number;
  /** Takes a port that a kernel of an earlier process holds. */
  adopt(kernel: KernelId, port: number): void;
  /** The ports that a kernel holds. */
  heldBy(kernel: KernelId): readonly number[];
  release(kernel: KernelId, port: number): void;
  /** Keeps a port that something foreign holds out of the pool for a while; it must not be leased. */
  quarantine(port: number): void;
}
