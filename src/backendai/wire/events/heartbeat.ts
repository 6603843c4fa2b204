/** What a heartbeat says of a node (spec cluster-state 5.1). The order of the keys is upstream's. */
import { deflateSync } from 'node:zlib';
import { encodeMsgpack } from '../msgpack/encode.ts';
import type { MsgpackValue } from '../msgpack/value.ts';

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
}

/** The map on the wire. The key travels as bytes: a text would break the manager. */
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
  };
}

/** Names and ids of images, packed and compressed; also an empty list is. */
export function compressImages(images: readonly (readonly [name: string, id: string])[]): Uint8Array {
  return deflateSync(encodeMsgpack(images));
}
