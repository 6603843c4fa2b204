/** Arguments of `create_kernels` as a manager gives them. */
import { machineName } from '../../src/backendai/wire/machine-name.ts';
import type { MsgpackValue } from '../../src/backendai/wire/msgpack/value.ts';

type Fields = Readonly<Record<string, MsgpackValue>>;

const image = {
  canonical: 'kernelet/base:latest',
  digest: 'sha256:00',
  repo_digest: null,
  registry: { name: 'kernelet', url: 'http://kernelet', username: null, password: null },
  labels: { 'ai.backend.service-ports': 'echoapp:tcp:9900, webapp:http:[9901,9902]' },
  architecture: machineName(process.arch),
  is_local: false,
};

/** The configuration of one kernel; `change` replaces keys. */
export function kernelConfigFixture(change: Fields = {}): Fields {
  return {
    image,
    auto_pull: 'digest',
    session_type: 'interactive',
    cluster_role: 'main',
    cluster_idx: 1,
    local_rank: 0,
    cluster_hostname: 'main1',
    idle_timeout: 600,
    mounts: [],
    environ: { BACKENDAI_CLUSTER_HOST: 'main1', USER_VARIABLE: 'a b=c' },
    resource_slots: { cpu: '1', mem: '268435456', 'tpu.device': '0' },
    resource_opts: { shmem: 67_108_864 },
    bootstrap_script: null,
    startup_command: null,
    internal_data: null,
    preopen_ports: [],
    allocated_host_ports: [],
    agent_addr: 'tcp://10.0.0.5:6001',
    scaling_group: 'default',
    ...change,
  };
}

/** All arguments, for kernels with these configurations by id. */
export function createKernelsArguments(
  session: string,
  kernels: Readonly<Record<string, Fields>>,
  cluster: Fields = {},
): readonly MsgpackValue[] {
  const ids = Object.keys(kernels);
  const reference = { registry: 'kernelet', project: null, name: 'base', tag: 'latest' };
  return [
    session,
    ids,
    Object.values(kernels),
    {
      mode: 'single-node',
      size: ids.length,
      replicas: { main: 1 },
      network_name: null,
      ssh_keypair: null,
      cluster_ssh_port_mapping: null,
      ...cluster,
    },
    Object.fromEntries(
      ids.map((id) => [id, { ...reference, architecture: machineName(process.arch), is_local: false }]),
    ),
  ];
}
