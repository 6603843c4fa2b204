/** What a manager says of one kernel of a session, and what the node adds to it. */
import type { z } from 'zod';
import type { OrderedModel } from '../../../agent/agent.ts';
import type { KernelService } from '../../../kernel/spec.ts';
import type { KernelId, SessionId } from '../../../lib/ids.ts';
import type { KnownSlots } from '../../../resources/slot-name.ts';
import type { clusterInfo, kernelConfig } from '../schema/create-kernels.ts';
import type { imageReference } from '../schema/fields.ts';

/** How one kernel shall be. */
export type KernelConfig = z.output<typeof kernelConfig>;
/** The session as a whole. */
export type ClusterInfo = z.output<typeof clusterInfo>;

/** What a kernel has of the models of its session. */
export interface RequestedModels {
  /** Of the main kernel alone, which serves them. */
  readonly models: readonly OrderedModel[];
  readonly services: readonly KernelService[];
  readonly environ: Readonly<Record<string, string>>;
}

/** The order of one kernel. */
export interface KernelRequest {
  readonly id: KernelId;
  readonly session: SessionId;
  readonly config: KernelConfig;
  readonly cluster: ClusterInfo;
  /** How the kernel's image is referred to. */
  readonly reference: z.output<typeof imageReference>;
  readonly models: RequestedModels;
}

/** What the node adds. */
export interface RequestedNode {
  /** The slots that it knows. */
  readonly known: KnownSlots;
  /** Variables that go with the session's network; the session's own win. */
  readonly environ: Readonly<Record<string, string>>;
}
