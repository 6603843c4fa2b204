import { key, optional, type SectionDefinition } from '../definition.ts';
import { hostPort } from '../value-types/address.ts';
import { integer, lenientBoolean, strictBoolean } from '../value-types/scalar.ts';
import { agentId, choice, path, text, textSet, unitName } from '../value-types/text.ts';

/** `[agent]` (spec config-and-ops 3.2). */
export const agentSection = {
  name: 'agent',
  description: 'This node as a manager sees it.',
  keys: {
    backend: key(optional(choice(['docker', 'dummy'])), {
      default: null,
      description:
        'The container engine: `docker`, or `dummy`, which makes no containers and is for trials. None given, outside of a cluster: `docker`. `kubernetes` is not served.',
      aliases: [{ name: 'mode' }],
      requiredInCluster: true,
    }),
    'rpc-listen-addr': key(hostPort({ blankHost: true }), {
      default: ':6001',
      description: 'Where the manager calls this agent. A blank host is detected at start.',
      environment: ['BACKEND_AGENT_HOST_OVERRIDE', 'BACKEND_AGENT_PORT'],
    }),
    'advertised-rpc-addr': key(optional(hostPort()), {
      default: null,
      description: 'The address put into heartbeats, where it differs from the one listened on (NAT).',
    }),
    'rpc-auth-manager-public-key': key(optional(path), {
      default: null,
      description: "File of the manager's CURVE certificate (public).",
    }),
    'rpc-auth-agent-keypair': key(optional(path), {
      default: null,
      description: "File of the agent's CURVE certificate (secret). Its presence switches CURVE on.",
    }),
    id: key(optional(agentId), {
      default: null,
      description: 'Id of this agent. When there is none it is detected.',
    }),
    'ipc-base-path': key(path, {
      default: '/tmp/backend.ai/ipc',
      description: 'Folder of the sockets of this host in cluster mode; made when missing.',
    }),
    'var-base-path': key(path, {
      default: './var/lib/backend.ai',
      description: 'Folder of what must outlive the daemon in cluster mode; our state is in `kernelet` below it.',
    }),
    'mount-path': key(optional(path), {
      default: null,
      description: 'Base folder for mount requests of the manager.',
    }),
    'cohabiting-storage-proxy': key(strictBoolean, {
      default: true,
      description: 'Whether a storage proxy on this node does the mounting: requests are then acknowledged only.',
    }),
    'public-host': key(optional(text), {
      default: null,
      description: 'The host name for users in heartbeats.',
    }),
    region: key(optional(text), {
      default: null,
      description: 'Region of this node. When there is none it is detected; on premises it is `local`.',
      environment: ['BACKEND_REGION'],
    }),
    'scaling-group': key(text, {
      default: 'default',
      description: 'The group of nodes that this one belongs to.',
      aliases: [{ name: 'initial-resource-group-name' }],
    }),
    'scaling-group-type': key(choice(['compute', 'storage']), {
      default: 'compute',
      description: '`storage`: the node hosts file-transfer containers, whose web terminal is kept from the outside.',
    }),
    'pid-file': key(optional(path), {
      default: '/dev/null',
      description: 'File that gets the process id. Blank or `/dev/null`: none.',
      environment: ['BACKEND_PID_FILE'],
    }),
    'destroy-kernels-on-shutdown': key(strictBoolean, {
      default: false,
      description:
        'Whether a stop ends all kernels, for machines that are thrown away afterwards. Otherwise they go on, and the next start takes them over.',
    }),
    'skip-manager-detection': key(lenientBoolean, {
      default: false,
      description: 'Start without waiting for a manager.',
    }),
    'allow-compute-plugins': key(optional(textSet), {
      default: null,
      description:
        "The only device plugins that are used, by upstream's module (`ai.backend.accelerator.cuda_open`) or our name (`cuda`); none given: all but `mock`, which must be named here.",
    }),
    'block-compute-plugins': key(optional(textSet), {
      default: null,
      description: 'Device plugins that are not used.',
    }),
    'image-commit-path': key(path, {
      default: './tmp/backend.ai/commit',
      description: 'Folder for committed images.',
    }),
    'abuse-report-path': key(optional(path), {
      default: null,
      description: 'Folder of reports on abuse.',
    }),
    'force-terminate-abusing-containers': key(lenientBoolean, {
      default: false,
      description: 'Whether kernels that a report on abuse names are ended; heartbeats carry it too.',
    }),
    'metadata-server-bind-host': key(text, {
      default: '0.0.0.0',
      description:
        'Address of this host at which kernels are told what they are, who ask at 169.254.169.254:80. `0.0.0.0`: that of the network on which each kernel is. At a loopback address no kernel is told anything. Of IPv6 `::` alone is taken: kernels have no such address.',
    }),
    'metadata-server-port': key(integer({ min: 1, max: 65_535 }), {
      default: 40_128,
      description: 'Port of it. `kernelet.metadata-server = false` opens none.',
    }),
    'kernel-creation-concurrency': key(integer({ min: 1, max: 32 }), {
      default: 4,
      description: 'How many kernels of one request are made side by side.',
    }),
  },
} as const satisfies SectionDefinition;

/** `[watcher]` (spec config-and-ops 3.6). */
export const watcherSection = {
  name: 'watcher',
  description:
    'The watcher, `kernelet watcher`: a daemon beside the agent by which a manager starts and stops it, and mounts volumes.',
  keys: {
    'service-addr': key(hostPort(), {
      default: '0.0.0.0:6009',
      description: 'Where the watcher listens. Managers get its port, when the file has this key.',
      environment: ['BACKEND_WATCHER_SERVICE_IP', 'BACKEND_WATCHER_SERVICE_PORT'],
    }),
    'ssl-enabled': key(strictBoolean, {
      default: false,
      description:
        'Whether the watcher listens with TLS. Managers of 24.09 call it without: it is for other callers then.',
    }),
    'ssl-cert': key(optional(path), {
      default: null,
      description: "File of the watcher's certificate (PEM), with those that sign it.",
    }),
    'ssl-key': key(optional(path), {
      default: null,
      description: "File of the certificate's private key (PEM).",
      aliases: [{ name: 'ssl-privkey' }],
    }),
    'target-service': key(unitName, {
      default: 'backendai-agent.service',
      description: "The agent's unit of systemd, which the watcher starts, stops and reloads.",
    }),
    'soft-reset-available': key(strictBoolean, {
      default: false,
      description: 'Whether the watcher has the agent read its configuration again on request (`/soft-reset`).',
    }),
  },
} as const satisfies SectionDefinition;
