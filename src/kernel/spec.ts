/**
 * What a kernel is to be: the compiled form of a create request. Every choice is made (image resolved, defaults filled,
 * limits checked); nothing below reads a default. It is stored in the journal as it is: each form is written down as the
 * reader of its JSON, and the type follows from that. Fields that are `newer` are absent in what older releases wrote.
 */
import { type KernelId, parseKernelId, parseSessionId, type SessionId } from '../lib/ids.ts';
import {
  fields,
  list,
  newer,
  nullable,
  number,
  oneOf,
  pair,
  type Reader,
  type TypeOf,
  text,
  truth,
  whole,
} from '../lib/json-reader.ts';
import type { KernelModel } from '../protocol/kernel-models.ts';

const kernelId: Reader<KernelId> = (value, place) => parseKernelId(text(value, place));
const sessionId: Reader<SessionId> = (value, place) => parseSessionId(text(value, place));

const limits = fields({
  cpus: number,
  memoryBytes: whole,
  processes: whole,
  sharedMemoryBytes: nullable(whole),
  diskBytes: nullable(whole),
  /** Files that a process may have open; null = as many as the engine gives. */
  openFiles: newer(nullable(whole), null),
  /** What the home may take; null = it has no limit. */
  homeBytes: newer(nullable(whole), null),
  /** Bits a second that the network carries in each direction; null = as many as there are. */
  bitsPerSecond: newer(nullable(whole), null),
});
/** Limits of a kernel, which its container is made with. */
export type KernelLimits = TypeOf<typeof limits>;

const mount = fields({ source: text, target: text, readOnly: truth });
/** A host path bound into a kernel. */
export type KernelMount = TypeOf<typeof mount>;

const file = fields({
  folder: oneOf(['home', 'config']),
  /** Below the folder, in plain words. */
  path: text,
  /** Permission bits, such as 0o644. */
  mode: whole,
  /** The kernel's user, or root. */
  owner: oneOf(['tenant', 'root']),
  text,
});
/** A file that a kernel begins with. What it says may be secret. */
export type KernelFile = TypeOf<typeof file>;

/** The stored form of a pair of ports. */
export const portPair = fields({ containerPort: whole, hostPort: whole });
/** A port of a container and one of the host. */
export type PortPair = TypeOf<typeof portPair>;

const image = fields({
  /** Its name, as it was asked for. */
  reference: text,
  /** As the engine had it when the kernel was asked for. */
  id: text,
  /** Paths at which it declares volumes. */
  volumes: newer(list(text), []),
  /** Such as `ubuntu22.04`; null where its labels don't say. */
  distro: newer(nullable(text), null),
  /** Variables that it wants the number of CPU cores in. */
  coreCountVariables: newer(list(text), []),
});
/** The image of a kernel. */
export type KernelImage = TypeOf<typeof image>;

const namedNetwork = fields({
  name: text,
  /** Names under which others on the network find the kernel. */
  aliases: list(text),
  /** Addresses by name, for a network that knows no names. */
  hosts: newer(list(pair), []),
});
/**
 * A network of the engine that is not the agent's own: that of a session, or one that an operator has made. It is there
 * before the kernel and stays after it.
 */
export type NamedNetwork = TypeOf<typeof namedNetwork>;

/** Where a kernel is connected: nowhere, to the agent's own bridge, or to a network that has a name. */
export type KernelNetwork = 'none' | 'bridge' | NamedNetwork;

const plainNetwork = oneOf(['none', 'bridge']);
const network: Reader<KernelNetwork> = (value, place) =>
  typeof value === 'object' ? namedNetwork(value, place) : plainNetwork(value, place);

/** Whether a kernel has no network of its own: what it listens on are ports of the host. */
export function isOnHost(of: KernelNetwork): boolean {
  return typeof of === 'object' && of.name === 'host';
}

const service = fields({
  name: text,
  protocol: text,
  /** Each is among the published ports. */
  containerPorts: list(whole),
  /** Whether it answers a model's requests. */
  isInference: truth,
});
/** A service of a kernel that people are connected to from outside. */
export type KernelService = TypeOf<typeof service>;

/** The stored form of what the protocol of the runner defines. */
const model: Reader<KernelModel> = fields({
  name: text,
  path: text,
  port: whole,
  command: list(text),
  preStart: text,
  healthCheck: nullable(fields({ path: text, maxRetries: whole, maxWaitMs: whole, expectedStatus: whole })),
});

/** What can be done about a kernel that was idle for its time. */
export const onIdleChoices = ['end', 'pause'] as const;
/** What is done about a kernel that was idle for its time. */
export type OnIdle = (typeof onIdleChoices)[number];
const onIdle: Reader<OnIdle> = oneOf(onIdleChoices);

/** Variables in order, each name once. */
export type Environ = readonly (readonly [string, string])[];

/** The stored form of a specification. */
export const kernelSpec = fields({
  id: kernelId,
  sessionId,
  /** Stands for its id; unique among the kernels that live. */
  name: newer(nullable(text), null),
  /** Of whoever asked for it, to find it again; the engine is not told. */
  labels: newer(list(pair), []),
  image,
  runtime: fields({ type: text, path: nullable(text) }),
  interpreter: oneOf(['eager', 'lazy']),
  limits,
  /** Slots of accelerators with decimal amounts, in the order of the request. */
  accelerators: newer(list(pair), []),
  /** Variables of the tenant's programs. */
  environ: list(pair),
  mounts: list(mount),
  files: newer(list(file), []),
  network,
  /** Container ports to publish, each on a host port of the pool. */
  publish: list(whole),
  /** Host ports by container port that are not the pool's to choose. */
  fixedPorts: newer(list(portPair), []),
  /** Host ports that the kernel has beside those, for programs of its own. */
  assignedPorts: newer(list(whole), []),
  /** Empty on a node that is alone. */
  services: newer(list(service), []),
  /** Served from the start, each on a port of a service. */
  models: newer(list(model), []),
  /** Whether services are listed and never started. */
  servicesBlocked: newer(truth, false),
  user: fields({ uid: whole, gid: whole }),
  /** Whether the user may become root of the container. */
  sudo: newer(truth, false),
  /** The kernel is removed, or paused, after this long without a run; null = never. */
  idleTimeoutMs: nullable(number),
  onIdle: newer(onIdle, 'end'),
  /** It is removed when this long has passed since it was created; null = never. */
  ttlMs: newer(nullable(number), null),
  /** Whether nothing can be written but to mounts and folders in memory. */
  readOnlyRoot: newer(truth, false),
  /** Whether its home, which then has a limit, is in memory. */
  homeInMemory: newer(truth, false),
  /** Whether its programs can ask the agent, on a socket. */
  agentSocket: newer(truth, false),
  /** Paths of sockets of the host that it has at the same places. */
  socketProxies: newer(list(text), []),
  hostname: text,
  /** By its name in the engine's configuration; null = the engine's default. */
  ociRuntime: newer(nullable(text), null),
});
/** A kernel's specification, in which every default is filled in. */
export type KernelSpec = TypeOf<typeof kernelSpec>;

/** Whether the agent listens for it on the host. */
export const hasSockets = ({ agentSocket, socketProxies }: KernelSpec): boolean =>
  agentSocket || socketProxies.length > 0;
