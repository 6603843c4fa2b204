/**
 * Asks the NVIDIA driver for its GPUs and how they are used, in a process of its own (`lib/module-host/`): the driver's
 * libraries may hang, crash or keep memory, which must not be the daemon's.
 */
import { koffi } from '../lib/foreign-functions.ts';
import type { NvmlDevice, NvmlProcess, NvmlReport, NvmlSlice, NvmlUse } from './nvml-report.ts';

type Library = ReturnType<typeof koffi.load>;

const nvmlNames = ['libnvidia-ml.so.1', 'libnvidia-ml.so'];
const cudaNames = ['libcuda.so.1', 'libcuda.so'];
const notSupported = 3;
const notFound = 6;
const functionNotFound = 13;
const textBytes = 128;
const multiprocessors = 16;

koffi.struct('PciInfo', {
  busIdLegacy: koffi.array('char', 16),
  domain: 'uint',
  bus: 'uint',
  device: 'uint',
  pciDeviceId: 'uint',
  pciSubSystemId: 'uint',
  busId: koffi.array('char', 32),
});
koffi.struct('MemoryInfo', { total: 'uint64_t', free: 'uint64_t', used: 'uint64_t' });
koffi.struct('Utilization', { gpu: 'uint', memory: 'uint' });
koffi.struct('SliceAttributes', {
  multiprocessorCount: 'uint',
  engines: koffi.array('uint', 5),
  gpuInstanceSliceCount: 'uint',
  computeInstanceSliceCount: 'uint',
  memorySizeMB: 'uint64_t',
});

function load(given: string, names: readonly string[]): Library {
  const failures: string[] = [];
  for (const name of given === '' ? names : [given]) {
    try {
      return koffi.load(name);
    } catch (error) {
      failures.push(error instanceof Error ? error.message : String(error));
    }
  }
  throw new Error(failures.join('; '));
}

/** The calls of one library, whose results are 0 for success. */
class Calls {
  readonly #library: Library;
  /** By declaration: each is found once, since what is bound is never let go. */
  readonly #functions = new Map<string, ReturnType<Library['func']>>();
  readonly #describe: (result: number) => string;

  constructor(library: Library, describe: (result: number) => string) {
    this.#library = library;
    this.#describe = describe;
  }

  /** Answers the result. Throws where the library has no such function. */
  raw(declaration: string, ...args: readonly unknown[]): number {
    const found = this.#functions.get(declaration) ?? this.#library.func(`int ${declaration}`);
    this.#functions.set(declaration, found);
    return Number(found(...args));
  }

  call(declaration: string, ...args: readonly unknown[]): void {
    const result = this.raw(declaration, ...args);
    if (result !== 0) throw new Error(`${declaration.split('(', 1)[0]}: ${this.#describe(result)}`);
  }

  text(declaration: string, ...args: readonly unknown[]): string {
    const buffer = Buffer.alloc(textBytes);
    this.call(declaration, ...args, buffer, textBytes);
    const end = buffer.indexOf(0);
    return buffer.toString('utf8', 0, end < 0 ? textBytes : end);
  }

  integer(declaration: string, ...args: readonly unknown[]): number {
    const out = [0];
    this.call(declaration, ...args, out);
    return out[0] ?? 0;
  }

  fields(declaration: string, ...args: readonly unknown[]): Readonly<Record<string, unknown>> {
    const out: Record<string, unknown> = {};
    this.call(declaration, ...args, out);
    return out;
  }
}

function nvmlCalls(given: string): Calls {
  const library = load(given, nvmlNames);
  const errorString = library.func('const char *nvmlErrorString(int result)');
  return new Calls(library, (result) => String(errorString(result)));
}

/** How many multiprocessors the GPU at a bus id has; 0 when nobody knows. */
function multiprocessorCounter(given: string): (busId: string) => number {
  try {
    const cuda = new Calls(load(given, cudaNames), (result) => `error ${result}`);
    cuda.call('cuInit(unsigned int flags)', 0);
    return (busId) => {
      try {
        const [device, out] = [[0], [0]];
        cuda.call('cuDeviceGetByPCIBusId(_Out_ int *device, const char *id)', device, busId);
        cuda.call('cuDeviceGetAttribute(_Out_ int *value, int attribute, int device)', out, multiprocessors, device[0]);
        return out[0] ?? 0;
      } catch {
        return 0;
      }
    };
  } catch {
    return () => 0;
  }
}

/** The handles of a GPU's slices; null when it isn't cut into any. */
function sliceHandles(nvml: Calls, handle: unknown): readonly unknown[] | null {
  const mode = [0];
  const pending = [0];
  const declaration = 'nvmlDeviceGetMigMode(void *device, _Out_ unsigned int *current, _Out_ unsigned int *pending)';
  try {
    if (nvml.raw(declaration, handle, mode, pending) !== 0 || mode[0] !== 1) return null;
  } catch {
    // A driver from before there were slices.
    return null;
  }
  const most = nvml.integer('nvmlDeviceGetMaxMigDeviceCount(void *device, _Out_ unsigned int *count)', handle);
  const slices: unknown[] = [];
  for (let index = 0; index < most; index += 1) {
    const out: unknown[] = [null];
    const get = 'nvmlDeviceGetMigDeviceHandleByIndex(void *device, unsigned int index, _Out_ void **slice)';
    const result = nvml.raw(get, handle, index, out);
    if (result === notFound || result === notSupported) continue;
    if (result !== 0) throw new Error(`nvmlDeviceGetMigDeviceHandleByIndex: error ${result}`);
    slices.push(out[0]);
  }
  return slices;
}

const uuidOf = (nvml: Calls, handle: unknown): string =>
  nvml.text('nvmlDeviceGetUUID(void *device, char *text, unsigned int length)', handle);
const nameOf = (nvml: Calls, handle: unknown): string =>
  nvml.text('nvmlDeviceGetName(void *device, char *text, unsigned int length)', handle);
const memoryOf = (nvml: Calls, handle: unknown): { readonly total: number; readonly used: number } => {
  const memory = nvml.fields('nvmlDeviceGetMemoryInfo(void *device, _Out_ MemoryInfo *memory)', handle);
  return { total: Number(memory['total']), used: Number(memory['used']) };
};

function describeSlice(nvml: Calls, handle: unknown): NvmlSlice {
  const declaration = 'nvmlDeviceGetAttributes_v2(void *device, _Out_ SliceAttributes *attributes)';
  const attributes = nvml.fields(declaration, handle);
  return {
    uuid: uuidOf(nvml, handle),
    name: nameOf(nvml, handle),
    memoryBytes: Number(attributes['memorySizeMB']) * 2 ** 20,
    multiprocessors: Number(attributes['multiprocessorCount']),
  };
}

/** The GPUs that answer, by index; one that has fallen off the bus says so, and the others go on. */
function gpus(nvml: Calls): { readonly handles: ReadonlyMap<number, unknown>; readonly lost: readonly number[] } {
  const count = nvml.integer('nvmlDeviceGetCount_v2(_Out_ unsigned int *count)');
  const handles = new Map<number, unknown>();
  const lost: number[] = [];
  for (let index = 0; index < count; index += 1) {
    const out: unknown[] = [null];
    const get = 'nvmlDeviceGetHandleByIndex_v2(unsigned int index, _Out_ void **device)';
    if (nvml.raw(get, index, out) === 0) handles.set(index, out[0]);
    else lost.push(index);
  }
  return { handles, lost };
}

/** The report of the driver on all GPUs, their slices, and those that are lost. */
function describeAll({ nvml, countMultiprocessors }: Driver): NvmlReport {
  const version = nvml.integer('nvmlSystemGetCudaDriverVersion_v2(_Out_ int *version)');
  const { handles, lost } = gpus(nvml);
  const devices = [...handles].map(([index, handle]): NvmlDevice => {
    const pci = nvml.fields('nvmlDeviceGetPciInfo_v3(void *device, _Out_ PciInfo *pci)', handle);
    const busId = String(pci['busId']).split('\0', 1)[0] ?? '';
    return {
      index,
      uuid: uuidOf(nvml, handle),
      busId,
      name: nameOf(nvml, handle),
      memoryBytes: memoryOf(nvml, handle).total,
      multiprocessors: countMultiprocessors(busId),
      slices: sliceHandles(nvml, handle)?.map((slice) => describeSlice(nvml, slice)) ?? null,
    };
  });
  return {
    driverVersion: nvml.text('nvmlSystemGetDriverVersion(char *text, unsigned int length)'),
    cudaVersion: `${Math.floor(version / 1000)}.${Math.floor((version % 1000) / 10)}`,
    devices,
    lost,
  };
}

/** `nvmlProcessInfo_t` since the second version of its function, and `nvmlProcessUtilizationSample_t`. */
const processBytes = 24;
const sampleBytes = 32;
const maxProcesses = 1024;
const unknownMemory = 0xffff_ffff_ffff_ffffn;
/** The time of the last samples of a unit, by its uuid. */
const sampledAt = new Map<string, bigint>();

/** A process is in one of them or in several; those that draw only are not among those that compute. */
const processLists = ['Compute', 'MPSCompute', 'Graphics'] as const;

/** Who uses it; null where the driver can't tell. */
function processesOf(nvml: Calls, handle: unknown, uuid: string): readonly NvmlProcess[] | null {
  const memories = new Map<number, number | null>();
  for (const kind of processLists) {
    const listed = memoriesOf(nvml, handle, kind);
    if (listed === null) return null;
    for (const [pid, memory] of listed) memories.set(pid, memories.get(pid) ?? memory);
  }
  const rates = ratesByProcess(nvml, handle, uuid);
  return [...memories].map(([pid, memory]) => ({
    pid,
    memory,
    utilization: rates === null ? null : (rates.get(pid) ?? 0),
  }));
}

/** Bytes by process of one kind, null for one where that isn't told; null for all where the driver can't tell. */
function memoriesOf(
  nvml: Calls,
  handle: unknown,
  kind: (typeof processLists)[number],
): ReadonlyMap<number, number | null> | null {
  const list = Buffer.alloc(maxProcesses * processBytes);
  const count = [maxProcesses];
  const result = askByVersion((version) => {
    const name = `nvmlDeviceGet${kind}RunningProcesses_${version}`;
    return nvml.raw(`${name}(void *device, _Inout_ unsigned int *count, void *list)`, handle, count, list);
  });
  // Drivers and GPUs are without the other kinds.
  if (kind !== 'Compute' && (result === notSupported || result === functionNotFound)) return new Map();
  if (result !== 0) return null;
  const memories = new Map<number, number | null>();
  for (let at = 0; at < Math.min(maxProcesses, count[0] ?? 0) * processBytes; at += processBytes) {
    const memory = list.readBigUInt64LE(at + 8);
    memories.set(list.readUInt32LE(at), memory === unknownMemory ? null : Number(memory));
  }
  return memories;
}

/** The result of the newest version of a function that the driver has; `notSupported` when it has none. */
function askByVersion(ask: (version: 'v2' | 'v3') => number): number {
  for (const version of ['v3', 'v2'] as const) {
    try {
      return ask(version);
    } catch {
      // The driver is from before this version.
    }
  }
  return notSupported;
}

/** Percent by process, of those that had the GPU work since the last call; null where the driver can't tell. */
function ratesByProcess(nvml: Calls, handle: unknown, uuid: string): ReadonlyMap<number, number> | null {
  const samples = Buffer.alloc(maxProcesses * sampleBytes);
  const count = [maxProcesses];
  const declaration =
    'nvmlDeviceGetProcessUtilization(void *device, void *samples, _Inout_ unsigned int *count, unsigned long long since)';
  let latest = sampledAt.get(uuid) ?? 0n;
  try {
    const result = nvml.raw(declaration, handle, samples, count, latest);
    // There is nothing new: nobody had it work.
    if (result === notFound) return new Map();
    if (result !== 0) return null;
  } catch {
    return null;
  }
  const rates = new Map<number, number>();
  const times = new Map<number, bigint>();
  for (let at = 0; at < Math.min(maxProcesses, count[0] ?? 0) * sampleBytes; at += sampleBytes) {
    const [pid, time] = [samples.readUInt32LE(at), samples.readBigUInt64LE(at + 8)];
    if (time > latest) latest = time;
    if (time < (times.get(pid) ?? 0n)) continue;
    times.set(pid, time);
    rates.set(pid, samples.readUInt32LE(at + 16));
  }
  sampledAt.set(uuid, latest);
  return rates;
}

function useOf(nvml: Calls, handle: unknown): NvmlUse {
  const { total, used } = memoryOf(nvml, handle);
  const out: Record<string, unknown> = {};
  const declaration = 'nvmlDeviceGetUtilizationRates(void *device, _Out_ Utilization *utilization)';
  // Slices have no rates of their own.
  const known = nvml.raw(declaration, handle, out) === 0;
  const uuid = uuidOf(nvml, handle);
  return {
    uuid,
    total,
    used,
    utilization: known ? Number(out['gpu']) : null,
    processes: processesOf(nvml, handle, uuid),
  };
}

/** A GPU, or each of its slices; one that doesn't answer is left out. */
function usesOf(nvml: Calls, handle: unknown): readonly NvmlUse[] {
  return (sliceHandles(nvml, handle) ?? [handle]).flatMap((unit) => {
    try {
      return [useOf(nvml, unit)];
    } catch {
      return [];
    }
  });
}

interface Paths {
  /** The NVML library and the CUDA driver's, blank for the usual places. */
  readonly library: string;
  readonly cudaLibrary: string;
}

interface Driver {
  readonly nvml: Calls;
  readonly countMultiprocessors: (busId: string) => number;
}

/** The driver takes up to seconds to begin, and what was bound of it stays, so what has been begun is kept. */
let begun: Driver | null = null;

function driver({ library, cudaLibrary }: Paths): Driver {
  if (begun) return begun;
  const nvml = nvmlCalls(library);
  nvml.call('nvmlInit_v2()');
  begun = { nvml, countMultiprocessors: multiprocessorCounter(cudaLibrary) };
  return begun;
}

/** The GPUs. Without the CUDA driver's library the number of multiprocessors is unknown, 0. */
export const discover = (paths: Paths): NvmlReport => describeAll(driver(paths));

/** How much of each is used. */
export function measure(paths: Paths): readonly NvmlUse[] {
  const { nvml } = driver(paths);
  return [...gpus(nvml).handles.values()].flatMap((handle) => usesOf(nvml, handle));
}
