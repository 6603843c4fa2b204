/**
 * The maps that events carry, in plain values: what a heartbeat says of a node (spec cluster-state 5.1), and what
 * `kernel_started` and the results of `create_kernels` say of a kernel (5.3, rpc 8.6). The order of the keys is
 * upstream's.
 */

import { deflateSync } from 'node:zlib';
import { encodeMsgpack } from '../msgpack/encode.ts';
import type { MsgpackValue } from '../msgpack/value.ts';

/** A service of a kernel and where it is reached; definitions of the image add keys. */
export interface ServicePortInfo {
  readonly name: string;
  readonly protocol: string;
  readonly container_ports: readonly number[];
  readonly host_ports: readonly number[];
  readonly is_inference: boolean;
  readonly [more: string]: MsgpackValue;
}

/** A mount as managers read it. */
export interface MountInfo {
  readonly type: string;
  readonly source: string | null;
  readonly target: string;
  readonly permission: string;
  readonly opts: null;
  readonly [more: string]: MsgpackValue;
}

/** Resources of a kernel: amounts are decimal text in plain digits. */
export interface ResourceSpecInfo {
  readonly container_id: string;
  readonly slots: Readonly<Record<string, string>>;
  /** Device → slot → device id → amount. */
  readonly allocations: Readonly<Record<string, Readonly<Record<string, Readonly<Record<string, string>>>>>>;
  readonly scratch_disk_size: number;
  readonly mounts: readonly MountInfo[];
  readonly [more: string]: MsgpackValue;
}

/** A device that a kernel has. */
export interface AttachedDeviceInfo {
  readonly device_id: string;
  readonly model_name: string;
  readonly data: Readonly<Record<string, MsgpackValue>>;
  readonly [more: string]: MsgpackValue;
}

/** The map on the wire. */
export type CreationInfo = Readonly<Record<string, MsgpackValue>>;

/** What the map is made of. */
export interface CreationFacts {
  readonly kernel: string;
  readonly kernelHost: string;
  readonly replInPort: number;
  readonly replOutPort: number;
  readonly servicePorts: readonly ServicePortInfo[];
  readonly containerId: string;
  readonly resourceSpec: ResourceSpecInfo;
  readonly scalingGroup: string;
  /** As the manager gave it. */
  readonly agentAddress: string;
  readonly attachedDevices: Readonly<Record<string, readonly AttachedDeviceInfo[]>>;
  /** Ports of old clients; 0 since nobody uses them. */
  readonly stdinPort?: number;
  readonly stdoutPort?: number;
}

/** The map on the wire. */
export function creationInfo(facts: CreationFacts): CreationInfo {
  return {
    id: facts.kernel,
    kernel_host: facts.kernelHost,
    repl_in_port: facts.replInPort,
    repl_out_port: facts.replOutPort,
    stdin_port: facts.stdinPort ?? 0,
    stdout_port: facts.stdoutPort ?? 0,
    service_ports: facts.servicePorts,
    container_id: facts.containerId,
    resource_spec: facts.resourceSpec,
    scaling_group: facts.scalingGroup,
    agent_addr: facts.agentAddress,
    attached_devices: facts.attachedDevices,
  };
}

/** The unit of a slot. */
export type SlotUnit = 'count' | 'bytes' | 'unique';

/** The map on the wire. */
export type HeartbeatInfo = Readonly<Record<string, MsgpackValue>>;

/** What the map is made of. */
export interface HeartbeatFacts {
  /** Host of the advertised address. */
  readonly ip: string;
  /** At most 64 characters. */
  readonly region: string;
  readonly scalingGroup: string;
  /** `tcp://10.0.0.5:6001`. */
  readonly address: string;
  /** The agent's CURVE key in Z85; null when calls come in plain text. */
  readonly publicKey: string | null;
  readonly publicHost: string;
  /** Unit and amount (plain decimal digits) of each slot, `0` where there is nothing. */
  readonly slots: Readonly<Record<string, readonly [SlotUnit, string]>>;
  readonly version: string;
  readonly computePlugins: Readonly<Record<string, Readonly<Record<string, string | number | boolean | null>>>>;
  /** What `compressImages` made; the same bytes until the list changes. */
  readonly images: Uint8Array;
  readonly architecture: string;
  readonly autoTerminateAbusing: boolean;
  /** What the node lacks for now, a sentence by name. */
  readonly degraded: Readonly<Record<string, string>>;
}

/**
 * The map on the wire. The key travels as bytes: a text would break the manager. `degraded` is our own, for who reads the stream, and
 * left out where there is nothing to say: managers leave keys alone that they do not know (spec cluster-state 5.1).
 */
export function heartbeatInfo(facts: HeartbeatFacts): HeartbeatInfo {
  return {
    ip: facts.ip,
    region: facts.region,
    scaling_group: facts.scalingGroup,
    addr: facts.address,
    public_key: facts.publicKey === null ? null : Buffer.from(facts.publicKey, 'latin1'),
    public_host: facts.publicHost,
    resource_slots: facts.slots,
    version: facts.version,
    compute_plugins: facts.computePlugins,
    images: facts.images,
    'images.opts': { compression: 'zlib' },
    architecture: facts.architecture,
    auto_terminate_abusing_kernel: facts.autoTerminateAbusing,
    ...(Object.keys(facts.degraded).length === 0 ? {} : { degraded: facts.degraded }),
  };
}

/** Names and ids of images, packed and compressed; also an empty list is. */
export function compressImages(images: readonly (readonly [name: string, id: string])[]): Uint8Array {
  return deflateSync(encodeMsgpack(images));
}
