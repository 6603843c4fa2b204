/**
 * A program of its own that asks the NVIDIA driver for its GPUs and prints them as JSON: the driver's libraries may hang,
 * crash or keep memory, which must not be the daemon's. The only module that imports koffi.
 *
 * Arguments: the NVML library and the CUDA driver's, each blank for the usual places. Without the latter the number of
 * multiprocessors is unknown, 0.
 */
import koffi from 'koffi';
import type { NvmlDevice, NvmlReport, NvmlSlice } from './nvml-report.ts';

type Library = ReturnType<typeof koffi.load>;

const nvmlNames = ['libnvidia-ml.so.1', 'libnvidia-ml.so'];
const cudaNames = ['libcuda.so.1', 'libcuda.so'];
const notSupported = 3;
const notFound = 6;
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
  readonly #describe: (result: number) => string;

  constructor(library: Library, describe: (result: number) => string) {
    this.#library = library;
    this.#describe = describe;
  }

  /** Answers the result. Throws where the library has no such function. */
  raw(declaration: string, ...args: readonly unknown[]): number {
    return Number(this.#library.func(`int ${declaration}`)(...args));
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

  pointer(declaration: string, ...args: readonly unknown[]): unknown {
    const out: unknown[] = [null];
    this.call(declaration, ...args, out);
    return out[0];
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

function slicesOf(nvml: Calls, handle: unknown): readonly NvmlSlice[] | null {
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
  const slices: NvmlSlice[] = [];
  for (let index = 0; index < most; index += 1) {
    const out: unknown[] = [null];
    const get = 'nvmlDeviceGetMigDeviceHandleByIndex(void *device, unsigned int index, _Out_ void **slice)';
    const result = nvml.raw(get, handle, index, out);
    if (result === notFound || result === notSupported) continue;
    if (result !== 0) throw new Error(`nvmlDeviceGetMigDeviceHandleByIndex: error ${result}`);
    const slice = out[0];
    const attributes = nvml.fields(
      'nvmlDeviceGetAttributes_v2(void *device, _Out_ SliceAttributes *attributes)',
      slice,
    );
    slices.push({
      uuid: nvml.text('nvmlDeviceGetUUID(void *device, char *text, unsigned int length)', slice),
      name: nvml.text('nvmlDeviceGetName(void *device, char *text, unsigned int length)', slice),
      memoryBytes: Number(attributes['memorySizeMB']) * 2 ** 20,
      multiprocessors: Number(attributes['multiprocessorCount']),
    });
  }
  return slices;
}

function probe(nvmlPath: string, cudaPath: string): NvmlReport {
  const nvml = nvmlCalls(nvmlPath);
  nvml.call('nvmlInit_v2()');
  try {
    const count = nvml.integer('nvmlDeviceGetCount_v2(_Out_ unsigned int *count)');
    const version = nvml.integer('nvmlSystemGetCudaDriverVersion_v2(_Out_ int *version)');
    const countMultiprocessors = multiprocessorCounter(cudaPath);
    const devices = Array.from({ length: count }, (_, index): NvmlDevice => {
      const handle = nvml.pointer('nvmlDeviceGetHandleByIndex_v2(unsigned int index, _Out_ void **device)', index);
      const pci = nvml.fields('nvmlDeviceGetPciInfo_v3(void *device, _Out_ PciInfo *pci)', handle);
      const memory = nvml.fields('nvmlDeviceGetMemoryInfo(void *device, _Out_ MemoryInfo *memory)', handle);
      const busId = String(pci['busId']).split('\0', 1)[0] ?? '';
      return {
        index,
        uuid: nvml.text('nvmlDeviceGetUUID(void *device, char *text, unsigned int length)', handle),
        busId,
        name: nvml.text('nvmlDeviceGetName(void *device, char *text, unsigned int length)', handle),
        memoryBytes: Number(memory['total']),
        multiprocessors: countMultiprocessors(busId),
        slices: slicesOf(nvml, handle),
      };
    });
    return {
      driverVersion: nvml.text('nvmlSystemGetDriverVersion(char *text, unsigned int length)'),
      cudaVersion: `${Math.floor(version / 1000)}.${Math.floor((version % 1000) / 10)}`,
      devices,
    };
  } finally {
    nvml.raw('nvmlShutdown()');
  }
}

try {
  const [nvmlPath = '', cudaPath = ''] = process.argv.slice(2);
  process.stdout.write(JSON.stringify(probe(nvmlPath, cudaPath)));
} catch (error) {
  process.stderr.write(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}
