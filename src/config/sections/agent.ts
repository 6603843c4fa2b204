import { key, type SectionDefinition } from '../definition.ts';
import { hostPort } from '../value-types/address.ts';
import { lenientBoolean, strictBoolean } from '../value-types/boolean.ts';
import { decimal, integer, port } from '../value-types/number.ts';
import { choice, path, text, textSet } from '../value-types/text.ts';
import { optional } from '../value-types/value-type.ts';

/** `[agent]` (spec config-and-ops 3.2). */
export const agentSection = {
  name: 'agent',
  description: 'This node as a manager sees it.',
  keys: {
    backend: key(optional(choice(['docker', 'kubernetes', 'dummy'])), {
      default: null,
      description: 'The kind of container engine.',
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
    'agent-sock-port': key(integer({ min: 1024, max: 65_535 }), {
      default: 6007,
      description: 'Port of the agent socket for programs in containers.',
      effect: 'none-yet',
    }),
    id: key(optional(text), {
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
    'instance-type': key(optional(text), {
      default: null,
      description: 'Type of this machine. When there is none it is detected.',
      effect: 'none-yet',
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
    'event-loop': key(choice(['asyncio', 'uvloop']), {
      default: 'asyncio',
      description: "Chooses the upstream agent's event loop.",
      effect: 'ignored',
    }),
    'skip-manager-detection': key(lenientBoolean, {
      default: false,
      description: 'Start without waiting for a manager.',
    }),
    'aiomonitor-termui-port': key(port, {
      default: 48_200,
      description: "Port of the upstream agent's debugger.",
      effect: 'ignored',
      aliases: [{ name: 'aiomonitor-port' }],
    }),
    'aiomonitor-webui-port': key(port, {
      default: 49_200,
      description: "Port of the upstream agent's debugger in the browser.",
      effect: 'ignored',
    }),
    'metadata-server-bind-host': key(text, {
      default: '0.0.0.0',
      description: 'Where the metadata server for containers listens.',
      effect: 'none-yet',
    }),
    'metadata-server-port': key(port, {
      default: 40_128,
      description: 'Port of the metadata server for containers.',
      effect: 'none-yet',
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
      description: 'Told to the manager in heartbeats.',
    }),
    'kernel-creation-concurrency': key(integer({ min: 1, max: 32 }), {
      default: 4,
      description: 'How many kernels of one request are made side by side.',
    }),
    'use-experimental-redis-event-dispatcher': key(lenientBoolean, {
      default: false,
      description: "Chooses the upstream agent's event dispatcher.",
      effect: 'ignored',
    }),
    'sync-container-lifecycles.enabled': key(lenientBoolean, {
      default: true,
      description: 'Whether containers and records are compared from time to time.',
      effect: 'none-yet',
    }),
    'sync-container-lifecycles.interval': key(decimal({ min: 0, max: 86_400 }), {
      default: 10,
      description: 'Seconds between two comparisons; less than 1 counts as 1.',
      effect: 'none-yet',
    }),
  },
} as const satisfies SectionDefinition;
