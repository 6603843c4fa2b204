import { z } from 'zod';
import { define } from './define.ts';
import {
  anyMap,
  anything,
  imageConfig,
  imageReference,
  kernelId,
  kernelPorts,
  openMap,
  port,
  sessionId,
  textMap,
} from './fields.ts';

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

const created = z.looseObject({
  id: z.string(),
  kernel_host: z.string(),
  ...kernelPorts,
  resource_spec: anyMap,
  attached_devices: z.record(z.string(), z.array(anything)),
  agent_addr: z.string(),
  scaling_group: z.string(),
});

/** `create_kernels`: all kernels of one session on this node (spec rpc 8.6). */
export const createKernels = define(
  'create_kernels',
  {
    raw_session_id: sessionId,
    raw_kernel_ids: z.array(kernelId),
    raw_configs: z.array(kernelConfig),
    raw_cluster_info: clusterInfo,
    kernel_image_refs: z.record(z.string(), imageReference),
  },
  z.array(created),
);
