/** What the NVIDIA driver says by `nvml-module.ts`, and how that is read. Pure. */
import { list, nullable, number, object, text, whole } from '../lib/json-reader.ts';

/** A slice of a GPU (MIG). */
export interface NvmlSlice {
  readonly uuid: string;
  /** Such as `NVIDIA A100-SXM4-40GB MIG 1g.5gb`. */
  readonly name: string;
  readonly memoryBytes: number;
  readonly multiprocessors: number;
}

/** A GPU, in the order of the PCI bus. */
export interface NvmlDevice {
  readonly index: number;
  /** `GPU-…`. */
  readonly uuid: string;
  /** As the driver writes it: `00000000:3B:00.0`. */
  readonly busId: string;
  readonly name: string;
  readonly memoryBytes: number;
  /** 0 when unknown. */
  readonly multiprocessors: number;
  /** Null when the GPU isn't cut into slices. */
  readonly slices: readonly NvmlSlice[] | null;
}

/** What the driver reports: its versions and every GPU. */
export interface NvmlReport {
  readonly driverVersion: string;
  /** `12.4`: the newest that the driver can. */
  readonly cudaVersion: string;
  readonly devices: readonly NvmlDevice[];
  /** Indexes of GPUs that should be there and don't answer. */
  readonly lost: readonly number[];
}

/** A process that uses a GPU. */
export interface NvmlProcess {
  readonly pid: number;
  /** Bytes of the GPU's memory; null where the driver doesn't tell. */
  readonly memory: number | null;
  /** Percent of the time in which the GPU worked for it; null where the driver doesn't tell. */
  readonly utilization: number | null;
}

/** How much of a GPU or a slice is used. */
export interface NvmlUse {
  readonly uuid: string;
  /** Bytes of its memory. */
  readonly total: number;
  readonly used: number;
  /** Percent of the time in which it worked; null where the driver doesn't tell. */
  readonly utilization: number | null;
  /** Null where the driver doesn't tell. */
  readonly processes: readonly NvmlProcess[] | null;
}

const report = object<NvmlReport>((of) => ({
  driverVersion: of('driverVersion', text),
  cudaVersion: of('cudaVersion', text),
  lost: of('lost', list(whole)),
  devices: of(
    'devices',
    list(
      object((device) => ({
        index: device('index', whole),
        uuid: device('uuid', text),
        busId: device('busId', text),
        name: device('name', text),
        memoryBytes: device('memoryBytes', number),
        multiprocessors: device('multiprocessors', whole),
        slices: device(
          'slices',
          nullable(
            list(
              object((slice) => ({
                uuid: slice('uuid', text),
                name: slice('name', text),
                memoryBytes: slice('memoryBytes', number),
                multiprocessors: slice('multiprocessors', whole),
              })),
            ),
          ),
        ),
      })),
    ),
  ),
}));

/** Reads it. Throws SyntaxError, JsonFormError. */
export const readNvmlReport = (json: string): NvmlReport => report(JSON.parse(json), 'the report of the driver');

const uses = list(
  object<NvmlUse>((of) => ({
    uuid: of('uuid', text),
    total: of('total', number),
    used: of('used', number),
    utilization: of('utilization', nullable(number)),
    processes: of(
      'processes',
      nullable(
        list(
          object<NvmlProcess>((process) => ({
            pid: process('pid', whole),
            memory: process('memory', nullable(number)),
            utilization: process('utilization', nullable(number)),
          })),
        ),
      ),
    ),
  })),
);

/** Reads how much is used. Throws SyntaxError, JsonFormError. */
export const readNvmlUses = (json: string): readonly NvmlUse[] => uses(JSON.parse(json), 'what the driver measures');
