/** What a kernel's devices need of its container, in no particular engine's words (spec resources-and-stats 3). Pure. */
import { fields, list, type TypeOf, text } from '../lib/json-reader.ts';

/** Devices that the engine attaches itself. */
export type DeviceRequest = TypeOf<typeof deviceRequest>;
/** How the record of a kernel keeps it. */
export const deviceRequest = fields({ driver: text, ids: list(text), capabilities: list(text) });

/** A file or folder that comes with a device. */
export type DeviceMount = TypeOf<typeof deviceMount>;
/** How the record of a kernel keeps it. */
export const deviceMount = fields({ source: text, target: text });

/** What is needed; an absent field needs nothing. */
export interface DeviceArguments {
  /** Numbers of the cores that the container is pinned to, distinct and ascending. */
  readonly cores?: readonly string[];
  readonly memoryBytes?: number;
  readonly sharedMemoryBytes?: number;
  readonly requests?: readonly DeviceRequest[];
  /** The engine's runtime of this name. */
  readonly runtime?: string;
  /** Device files of the host, such as `/dev/npu0`. */
  readonly nodes?: readonly string[];
  /** Libraries of the host that the kernel's programs load before all others. */
  readonly hooks?: readonly string[];
  /** Files and folders of the host, which the kernel can only read. */
  readonly mounts?: readonly DeviceMount[];
  /** Networks of the engine that the container is connected to beside its own, once it has started. */
  readonly networks?: readonly string[];
  /** `KEY=VALUE` entries. */
  readonly environ?: readonly string[];
}
