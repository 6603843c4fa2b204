/**
 * From a request to a specification: every choice is made and every value checked here, so that nothing below reads a
 * default. Pure, but for a host name that is drawn where none is asked for.
 */
import { randomBytes } from 'node:crypto';
import type { WritableRoot } from '../config/settings.ts';
import type { PullPolicy } from '../images/resolve.ts';
import { builtInServices } from '../kernel/container/service-ports.ts';
import {
  isOnHost,
  type KernelImage,
  type KernelLimits,
  type KernelNetwork,
  type KernelService,
  type KernelSpec,
  type OnIdle,
} from '../kernel/spec.ts';
import { bitRateForms, maxBitRate, minBitRate } from '../lib/bit-rate.ts';
import { describeByteSize } from '../lib/byte-size.ts';
import { parseDecimal } from '../lib/decimal.ts';
import { homeRange, maxHomeBytes, minHomeBytes } from '../lib/disk-space.ts';
import { KerneletError } from '../lib/errors.ts';
import { type KernelId, newKernelId, parseKernelId, type SessionId } from '../lib/ids.ts';
import { type KernelModel, kernelModel } from '../protocol/kernel-models.ts';
import { declaredService } from '../protocol/kernel-services.ts';
import { maxLinks } from '../protocol/runner-config.ts';
import { checkSlotAmount } from '../resources/slot-amounts.ts';
import type { KnownSlots } from '../resources/slot-name.ts';
import type { CreateRequest, RequestedModel } from './agent.ts';
import type { OperatorLimits } from './operator-limits.ts';

/** What a request gets for what it doesn't say. */
export interface CreateDefaults {
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly processes: number;
  readonly network: KernelNetwork;
  readonly pull: PullPolicy;
  readonly idleTimeoutMs: number | null;
  readonly onIdle: OnIdle;
  readonly homeBytes: number | null;
  readonly bitsPerSecond: number | null;
  readonly user: { readonly uid: number; readonly gid: number };
  /** The OCI runtime; null = the engine's default. */
  readonly ociRuntime: string | null;
  /** Which kernels can write to the root file systems of their containers. */
  readonly writableRoot: WritableRoot;
  /** Whether homes, all of which then have a limit, are in memory. */
  readonly homeInMemory: boolean;
  /** Whether kernels can ask the agent on a socket. */
  readonly agentSocket: boolean;
  /** Paths of sockets of this host that kernels may have. */
  readonly socketProxies: readonly string[];
}

/** What one kernel can have at most on this machine. */
export interface NodeCapacity {
  readonly cpus: number;
  readonly memoryBytes: number;
  /** The slots that it knows. */
  readonly slots: KnownSlots;
}

/** The image that was found for a request. */
export interface ChosenImage {
  readonly image: KernelImage;
  readonly runtime: { readonly type: string; readonly path: string | null };
  /** The services that it offers. */
  readonly services: readonly KernelService[];
  /** What it starts when nothing else is asked of it. */
  readonly command: readonly string[];
}

/** The runner needs about 24 MiB beside the program's own. */
const minMemoryBytes = 32 * 1024 * 1024;
/** Fewer processes than this and the runner itself can't start its threads. */
const minProcesses = 24;
const maxProcesses = 4_194_304;
const maxPublishedPorts = 64;
const maxMounts = 256;
const maxEnvironBytes = 256 * 1024;
/** What a process can have, whatever shells make of it. */
const possibleName = /^[^=\0]+$/;
const variableName = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** What callers may ask for. */
type AskedLimits = Pick<KernelLimits, 'cpus' | 'memoryBytes' | 'processes'>;

const invalid = (message: string): KerneletError => new KerneletError('INVALID_ARGUMENT', message);

function checkLimits(limits: AskedLimits, capacity: NodeCapacity): void {
  const { cpus, memoryBytes, processes } = limits;
  if (!Number.isFinite(cpus) || cpus < 0.01) throw invalid(`cpus must be at least 0.01, not ${cpus}`);
  if (!(memoryBytes >= minMemoryBytes)) {
    throw invalid(`memory must be at least ${minMemoryBytes} bytes (32m), not ${describeByteSize(memoryBytes)}`);
  }
  if (Number.isFinite(memoryBytes) && !Number.isInteger(memoryBytes)) {
    throw invalid(`memory must be a whole number of bytes, not ${memoryBytes}`);
  }
  if (!Number.isSafeInteger(processes) || processes < minProcesses || processes > maxProcesses) {
    throw invalid(`processes must be from ${minProcesses} to ${maxProcesses}, not ${processes}`);
  }
  const lacking = (
    what: string,
    asked: number,
    total: number,
    text: (value: number) => string = String,
  ): KerneletError =>
    new KerneletError('INSUFFICIENT_RESOURCES', `${what}: ${text(asked)} asked for, this machine has ${text(total)}`, {
      context: { resource: what, asked, total },
    });
  if (cpus > capacity.cpus) throw lacking('cpus', cpus, capacity.cpus);
  if (memoryBytes > capacity.memoryBytes) throw lacking('memory', memoryBytes, capacity.memoryBytes, describeByteSize);
}

function checkAccelerators(accelerators: Readonly<Record<string, string>>, slots: KnownSlots): void {
  for (const [slot, text] of Object.entries(accelerators)) {
    const has = [...slots.keys()].filter((known) => known.includes('.'));
    if (!slots.has(slot) || !has.includes(slot)) {
      throw invalid(`this node has no accelerator ${slot}; it has ${has.join(', ') || 'none'}`);
    }
    checkSlotAmount(slot, parseDecimal(text, `the amount of ${slot}`), slots.get(slot) ?? 'count');
  }
}

type EnvironRequest = Pick<CreateRequest, 'environ' | 'takesAnyNames'>;

/** The variables of a request, in their order. Throws INVALID_REQUEST for names and amounts that cannot be. */
export function checkEnviron({ environ, takesAnyNames }: EnvironRequest): readonly (readonly [string, string])[] {
  const entries = Object.entries(environ);
  let total = 0;
  for (const [name, value] of entries) {
    if (takesAnyNames ? !possibleName.test(name) : !variableName.test(name)) {
      throw invalid(`environment variable ${JSON.stringify(name)} is not a name of letters, digits and "_"`);
    }
    if (value.includes('\0')) throw invalid(`environment variable ${name} has a NUL character in its value`);
    total += name.length + Buffer.byteLength(value) + 2;
  }
  if (total > maxEnvironBytes) throw invalid(`the environment has ${total} bytes, at most ${maxEnvironBytes} fit`);
  return entries;
}

function checkPublished(ports: readonly number[]): readonly number[] {
  if (ports.length > maxPublishedPorts)
    throw invalid(`${ports.length} ports are published, at most ${maxPublishedPorts} can be`);
  for (const port of ports) {
    if (!Number.isInteger(port) || port < 1 || port > 65_535) throw invalid(`port ${port} is not from 1 to 65535`);
  }
  if (new Set(ports).size !== ports.length) throw invalid('the same port is published twice');
  return ports;
}

/** The rest of the memory must still hold the runner. */
function checkSharedMemory(request: CreateRequest, defaults: CreateDefaults): void {
  const { sharedMemoryBytes: shared = 0 } = request;
  const { memoryBytes } = limitsOf(request, defaults);
  if (Number.isSafeInteger(shared) && shared >= 0 && memoryBytes - shared >= minMemoryBytes) return;
  throw invalid(`shared memory of ${shared} bytes leaves less than ${minMemoryBytes} of ${memoryBytes} bytes`);
}

function checkHome(bytes: number | undefined): void {
  if (bytes === undefined || (Number.isSafeInteger(bytes) && bytes >= minHomeBytes && bytes <= maxHomeBytes)) return;
  throw invalid(`the limit of the home must be ${homeRange}, not ${bytes}`);
}

/** Whether it has a network of its own that leads anywhere. */
function hasCable(network: KernelNetwork): boolean {
  return network !== 'none' && !isOnHost(network);
}

function checkBandwidth({ bitsPerSecond, network }: CreateRequest, defaults: CreateDefaults): void {
  if (bitsPerSecond === undefined) return;
  if (!Number.isSafeInteger(bitsPerSecond) || bitsPerSecond < minBitRate || bitsPerSecond > maxBitRate)
    throw invalid(`the bandwidth must be ${bitRateForms}, not ${bitsPerSecond} bits a second`);
  if (!hasCable(network ?? defaults.network))
    throw invalid('the bandwidth of a kernel that has no network of its own cannot be limited');
}

/** What is only configured holds for kernels that it can hold for. */
function bandwidthOf(request: CreateRequest, defaults: CreateDefaults): number | null {
  return hasCable(request.network ?? defaults.network) ? (request.bitsPerSecond ?? defaults.bitsPerSecond) : null;
}

/** Whoever reaches a socket of this host may own it: which ones is the operator's decision, by name. */
function checkSockets(asked: readonly string[], allowed: readonly string[]): void {
  if (asked.length > maxLinks) throw invalid(`${asked.length} sockets are asked for, at most ${maxLinks} can be`);
  const refused = asked.find((path) => !allowed.includes(path));
  if (refused === undefined) return;
  throw new KerneletError(
    'FORBIDDEN_MOUNT',
    `the socket ${refused} is for no kernel: kernelet.socket-proxies does not name it`,
    { context: { path: refused } },
  );
}

/** The id that a request names, or a new one. Throws INVALID_ARGUMENT. */
export function requestedId(request: CreateRequest): KernelId {
  return request.id === undefined ? newKernelId() : parseKernelId(request.id);
}

/** Rejects what can be known to be wrong before an image is looked for. Throws INVALID_ARGUMENT, INSUFFICIENT_RESOURCES. */
export function checkRequest(request: CreateRequest, defaults: CreateDefaults, capacity: NodeCapacity): void {
  checkLimits(limitsOf(request, defaults), capacity);
  checkAccelerators(request.accelerators ?? {}, capacity.slots);
  checkEnviron(request);
  checkPublished(request.publish);
  checkSharedMemory(request, defaults);
  if (request.mounts.length > maxMounts)
    throw invalid(`${request.mounts.length} mounts are asked for, at most ${maxMounts} can be`);
  if (request.publish.length > 0 && (request.network ?? defaults.network) === 'none')
    throw invalid('ports can be published with network "bridge" only');
  checkHome(request.homeBytes);
  checkBandwidth(request, defaults);
  checkSockets(request.socketProxies ?? [], defaults.socketProxies);
  if (request.writableRoot === true && defaults.writableRoot === 'never')
    throw invalid('no kernel of this node can have a writable root file system (kernelet.writable-root = "never")');
  const idle = request.idleTimeoutMs;
  if (idle !== undefined && (!Number.isFinite(idle) || idle < 1000))
    throw invalid(`idle timeout must be at least 1s, not ${idle} ms`);
  const ttl = request.ttlMs;
  if (ttl !== undefined && (!Number.isFinite(ttl) || ttl < 1000))
    throw invalid(`the time to live must be at least 1s, not ${ttl} ms`);
}

function limitsOf(request: CreateRequest, defaults: CreateDefaults): AskedLimits {
  return {
    cpus: request.cpus ?? defaults.cpus,
    memoryBytes: request.memoryBytes ?? defaults.memoryBytes,
    processes: request.processes ?? defaults.processes,
  };
}

/** Nobody reaches a service whose port is not published. */
function offered({ services }: ChosenImage, published: readonly number[]): readonly KernelService[] {
  const all = [...builtInServices, ...services];
  return all.filter(({ containerPorts }) => containerPorts.every((port) => published.includes(port)));
}

/** The runner reads it as well, and what it does not take would end a kernel that is started by then. */
function asRunnerReads<T>(
  read: (value: unknown) => T,
  value: Readonly<Record<string, unknown>> & { readonly name: string },
  what: string,
): T {
  try {
    return read(value);
  } catch (error) {
    const name = JSON.stringify(value.name.slice(0, 80));
    throw invalid(`the ${what} ${name} cannot be: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function checkServices(services: readonly KernelService[]): readonly KernelService[] {
  for (const { name, protocol, containerPorts: ports } of services)
    asRunnerReads(declaredService, { name, protocol, ports }, 'service');
  return services;
}

function servedModel(model: RequestedModel, { image, command }: ChosenImage): KernelModel {
  if (model.command !== null) return asRunnerReads(kernelModel, { ...model, command: model.command }, 'model');
  if (command.length > 0) return asRunnerReads(kernelModel, { ...model, command }, 'model');
  throw new KerneletError(
    'IMAGE_UNUSABLE',
    `${image.reference} has no command that could serve the model ${model.name}`,
  );
}

/**
 * The specification of a checked request; `operator` are the limits that callers have no say in. Throws INVALID_ARGUMENT
 * for services and models that the runner does not take, IMAGE_UNUSABLE.
 */
export function compileSpec(
  id: KernelId,
  request: CreateRequest,
  chosen: ChosenImage,
  defaults: CreateDefaults,
  operator: OperatorLimits,
): KernelSpec {
  return {
    id,
    sessionId: request.sessionId ?? (id as string as SessionId),
    name: request.name ?? null,
    labels: Object.entries(request.labels ?? {}),
    image: chosen.image,
    runtime: chosen.runtime,
    interpreter: request.interpreter,
    limits: {
      ...limitsOf(request, defaults),
      sharedMemoryBytes: request.sharedMemoryBytes ?? null,
      homeBytes: request.homeBytes ?? defaults.homeBytes,
      bitsPerSecond: bandwidthOf(request, defaults),
      ...operator,
    },
    accelerators: Object.entries(request.accelerators ?? {}),
    environ: checkEnviron(request),
    mounts: request.mounts.map(({ source, target, readOnly }) => ({ source, target, readOnly })),
    files: request.files ?? [],
    network: request.network ?? defaults.network,
    publish: request.publish,
    fixedPorts: request.fixedPorts ?? [],
    assignedPorts: request.assignedPorts ?? [],
    services: checkServices(request.services ?? offered(chosen, request.publish)),
    servicesBlocked: request.servicesBlocked ?? false,
    models: (request.models ?? []).map((model) => servedModel(model, chosen)),
    user: defaults.user,
    sudo: request.sudo ?? false,
    idleTimeoutMs: request.idleTimeoutMs ?? defaults.idleTimeoutMs,
    onIdle: request.onIdle ?? defaults.onIdle,
    ttlMs: request.ttlMs ?? null,
    // Who may become root is promised that the container is theirs to change.
    readOnlyRoot: !(request.sudo || (request.writableRoot ?? defaults.writableRoot === 'always')),
    homeInMemory: defaults.homeInMemory,
    agentSocket: defaults.agentSocket,
    socketProxies: [...new Set(request.socketProxies)],
    // Its neighbours on the network are told by it: it says nothing of the id.
    hostname: request.hostname ?? randomBytes(6).toString('hex'),
    ociRuntime: request.ociRuntime ?? defaults.ociRuntime,
  };
}
