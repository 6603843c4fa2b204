/** What a manager says of one kernel of a session, and what the node adds to it. */
import { z } from 'zod';
import type { RequestedModel } from '../../../agent/agent.ts';
import type { KernelService } from '../../../kernel/spec.ts';
import { KerneletError } from '../../../lib/errors.ts';
import type { KernelId, SessionId } from '../../../lib/ids.ts';
import type { KnownSlots } from '../../../resources/slot-name.ts';
import { anyMap, imageConfig, type imageReference, openMap, port, textMap } from '../fields.ts';

const mount = z.looseObject({
  name: z.string(),
  vfid: z.string(),
  vfsubpath: z.string(),
  host_path: z.string(),
  kernel_path: z.string(),
  mount_perm: z.enum(['ro', 'rw', 'wd']),
  usage_mode: z.string().nullish(),
});

const internalData = openMap({
  dotfiles: z.array(z.looseObject({ path: z.string(), perm: z.string(), data: z.string() })).optional(),
  ssh_keypair: z.looseObject({ public_key: z.string(), private_key: z.string() }).nullable().optional(),
  model_definition_path: z.string().nullable().optional(),
  runtime_variant: z.string().optional(),
  sudo_session_enabled: z.boolean().optional(),
  block_service_ports: z.boolean().optional(),
  prevent_vfolder_mounts: z.boolean().optional(),
  domain_socket_proxies: z.array(z.string()).optional(),
  docker_credentials: anyMap.nullable().optional(),
});

const amount = z.union([z.string(), z.number(), z.bigint()]);

/** How one kernel shall be; managers of other releases add keys. */
export const kernelConfig = z.looseObject({
  image: imageConfig,
  auto_pull: z.string().optional(),
  session_type: z.enum(['interactive', 'batch', 'inference', 'system']),
  cluster_role: z.string(),
  cluster_idx: z.int(),
  local_rank: z.int(),
  cluster_hostname: z.string(),
  idle_timeout: z.number().nullable().optional(),
  mounts: z.array(mount),
  environ: textMap,
  /** Null means none. */
  resource_slots: z.record(z.string(), amount.nullable()),
  resource_opts: openMap({ shmem: amount.optional() }).nullable(),
  bootstrap_script: z.string().nullable(),
  startup_command: z.string().nullable(),
  internal_data: internalData.nullable(),
  preopen_ports: z.array(port).nullable(),
  allocated_host_ports: z.array(port).nullable(),
  agent_addr: z.string(),
  scaling_group: z.string(),
});

/** The session's kernels as one whole; later managers give `network_config` where 24.09 gives `network_name`. */
export const clusterInfo = z.looseObject({
  mode: z.enum(['single-node', 'multi-node']),
  size: z.int(),
  replicas: z.record(z.string(), z.int()),
  network_name: z.string().nullable().optional(),
  network_config: anyMap.optional(),
  ssh_keypair: z.looseObject({ private_key: z.string(), public_key: z.string() }).nullable(),
  cluster_ssh_port_mapping: z.record(z.string(), z.tuple([z.string(), port])).nullish(),
});

/** How one kernel shall be. */
export type KernelConfig = z.output<typeof kernelConfig>;
/** The session as a whole. */
export type ClusterInfo = z.output<typeof clusterInfo>;

/** What a kernel has of the models of its session. */
export interface RequestedModels {
  /** Of the main kernel alone, which serves them. */
  readonly models: readonly RequestedModel[];
  readonly services: readonly KernelService[];
  readonly environ: Readonly<Record<string, string>>;
}

/** What is requested for one kernel. */
export interface KernelRequest {
  readonly id: KernelId;
  readonly session: SessionId;
  readonly config: KernelConfig;
  readonly cluster: ClusterInfo;
  /** How the kernel's image is referred to. */
  readonly reference: z.output<typeof imageReference>;
  readonly models: RequestedModels;
}

/** What of a request depends on the node. */
export interface RequestedNode {
  /** The slots that it knows. */
  readonly known: KnownSlots;
  /** Variables that go with the session's network; the session's own win. */
  readonly environ: Readonly<Record<string, string>>;
  /** Of the machine, in a manager's words. */
  readonly architecture: string;
}

/** The name; `host` is the host's own, null the usual one. Throws NOT_SUPPORTED for networks of plugins. */
export function namedNetwork({ network_name: name, network_config: config }: ClusterInfo): string | null {
  if (name) return name;
  if (config === undefined || Object.keys(config).length === 0) return null;
  const { mode, network_name: named } = config;
  if (mode === 'host') return mode;
  if (mode === 'bridge' && (named === undefined || named === null || typeof named === 'string')) return named || null;
  throw new KerneletError(
    'NOT_SUPPORTED',
    `this version knows no networks of the mode ${JSON.stringify(String(mode).slice(0, 80))}`,
  );
}
