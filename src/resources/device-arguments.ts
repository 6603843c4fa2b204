/** What a kernel's devices need of its container, in no particular engine's words (spec resources-and-stats 3). Pure. */

/** Devices that the engine attaches itself. */
export interface DeviceRequest {
  readonly driver: string;
  readonly ids: readonly string[];
  readonly capabilities: readonly string[];
}

/** A file or folder that comes with a device. */
export interface DeviceMount {
  readonly source: string;
  readonly target: string;
}

/** What is needed; an absent field needs nothing. */
export interface DeviceArguments {
  /** Distinct cores, ascending. */
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
