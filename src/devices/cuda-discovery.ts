/**
 * Finds GPUs by the NVIDIA driver, in a child process with a deadline, and how the engine attaches them: by its `nvidia`
 * runtime, else by a specification of CDI (spec resources-and-stats 14 and 17.4).
 */
import { execFile } from 'node:child_process';
import { access, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { KerneletError } from '../lib/errors.ts';
import type { NumaNode } from '../resources/affinity.ts';
import type { CudaAttachment, CudaDevice, CudaFacts, EngineVersion } from './cuda-plugin.ts';
import { deviceProgram } from './device-program.ts';
import { type NvmlDevice, type NvmlReport, type NvmlSlice, readNvmlReport } from './nvml-report.ts';
import { readShareOptions } from './share-options.ts';

/** What is looked at. */
export interface CudaDiscovery {
  /** `library`, `cuda_library`, `device_mask` and those of shares. */
  readonly options: Readonly<Record<string, string>>;
  /** Null when the engine doesn't answer. */
  readonly engine: () => Promise<{ readonly version: string; readonly runtimes: readonly string[] } | null>;
  /** Stands for `/`. */
  readonly root?: string;
  readonly timeoutMs?: number;
}

const probeTimeoutMs = 10_000;
const mostReportBytes = 4 * 2 ** 20;
/** Present with the driver; the latter under Windows. */
const driverFiles = ['proc/driver/nvidia/version', 'dev/dxg'];
const cdiFolders = ['etc/cdi', 'var/run/cdi'];
const firstWithCdi = 25;

/** What there is; null without a driver. Throws, in one sentence, when there is one that can't be used. */
export async function discoverCuda(discovery: CudaDiscovery): Promise<CudaFacts | null> {
  const { options, root = '/', timeoutMs = probeTimeoutMs } = discovery;
  if (options['library'] === undefined && !(await isAnyThere(driverFiles.map((file) => join(root, file))))) return null;
  const shares = readShareOptions('cuda', options);
  const engine = await discovery.engine();
  const engineVersion = parseEngineVersion(engine?.version ?? '');
  const attachment = engine && engineVersion && (await attachmentOf(engine.runtimes, engineVersion, root));
  if (!attachment) {
    throw new KerneletError(
      'ENGINE_UNSUPPORTED',
      'the engine has no runtime named nvidia, and there is no specification of CDI for nvidia.com/gpu',
    );
  }
  const report = await probe(options['library'] ?? '', options['cuda_library'] ?? '', timeoutMs);
  const hidden = new Set((options['device_mask'] ?? '').split(',').map((id) => id.trim()));
  const shown = report.devices.filter(({ index, uuid }) => !hidden.has(String(index)) && !hidden.has(uuid));
  const devices = await Promise.all(shown.map((device) => unitsOf(device, root)));
  return {
    enabled: shares.mode !== null,
    engineVersion,
    attachment,
    devices: devices.flat(),
    driverVersion: report.driverVersion,
    cudaVersion: report.cudaVersion,
    shares,
    hideFromOthers: true,
  };
}

async function probe(library: string, cudaLibrary: string, timeoutMs: number): Promise<NvmlReport> {
  const output = await new Promise<string>((resolve, reject) => {
    execFile(
      process.execPath,
      [deviceProgram('nvml-probe'), library, cudaLibrary],
      { timeout: timeoutMs, killSignal: 'SIGKILL', maxBuffer: mostReportBytes, env: { PATH: process.env['PATH'] } },
      (error, stdout, stderr) => {
        if (!error) return resolve(stdout);
        const why = error.killed ? `it does not answer within ${timeoutMs} ms` : stderr.trim().slice(0, 500);
        const how = why === '' ? `its probe ended by ${error.signal ?? `status ${error.code}`}` : why;
        reject(new KerneletError('NOT_SUPPORTED', `the NVIDIA driver cannot be used: ${how}`, { cause: error }));
      },
    );
  });
  try {
    return readNvmlReport(output);
  } catch (error) {
    throw new KerneletError('NOT_SUPPORTED', 'the NVIDIA driver says what cannot be read', { cause: error });
  }
}

/** A GPU that is cut into slices is not given out as a whole. */
async function unitsOf(gpu: NvmlDevice, root: string): Promise<readonly CudaDevice[]> {
  const location = gpu.busId.replace(/^0000(?=[0-9a-f]{4}:)/i, '');
  const numaNode = await numaNodeOf(location, root);
  if (gpu.slices === null) {
    const { index, uuid, memoryBytes, multiprocessors: processingUnits, name: modelName } = gpu;
    return [{ id: String(index), uuid, location, memoryBytes, processingUnits, numaNode, modelName }];
  }
  return gpu.slices.map((slice) => ({
    id: slice.uuid,
    uuid: slice.uuid,
    location,
    memoryBytes: slice.memoryBytes,
    processingUnits: slice.multiprocessors,
    numaNode,
    modelName: slice.name,
    profile: profileOf(slice),
  }));
}

/** `10g`: the memory, as the driver names the slice, else as it has. */
function profileOf({ name, memoryBytes }: NvmlSlice): string {
  const named = /\.(\d+)gb\b/.exec(name)?.[1];
  return `${named ?? Math.max(1, Math.round(memoryBytes / 2 ** 30))}g`;
}

async function numaNodeOf(location: string, root: string): Promise<NumaNode> {
  const path = join(root, 'sys/bus/pci/devices', location.toLowerCase(), 'numa_node');
  const text = (await readFile(path, 'utf8').catch(() => '')).trim();
  return /^-?\d{1,6}$/.test(text) ? Number(text) : null;
}

async function attachmentOf(
  runtimes: readonly string[],
  version: EngineVersion,
  root: string,
): Promise<CudaAttachment | null> {
  if (runtimes.includes('nvidia')) return 'nvidia';
  return version[0] >= firstWithCdi && (await hasCdiSpecification(root)) ? 'cdi' : null;
}

async function hasCdiSpecification(root: string): Promise<boolean> {
  for (const folder of cdiFolders.map((one) => join(root, one))) {
    for (const name of await readdir(folder).catch(() => [])) {
      if (!/\.(json|ya?ml)$/.test(name)) continue;
      const text = await readFile(join(folder, name), 'utf8').catch(() => '');
      if (/["']?kind["']?\s*:\s*["']?nvidia\.com\/gpu\b/.test(text)) return true;
    }
  }
  return false;
}

function parseEngineVersion(text: string): EngineVersion | null {
  const [, major, minor, patch] = /(\d{1,6})\.(\d{1,6})\.(\d{1,6})/.exec(text) ?? [];
  return major === undefined ? null : [Number(major), Number(minor), Number(patch)];
}

async function isAnyThere(paths: readonly string[]): Promise<boolean> {
  const found = await Promise.all(
    paths.map((path) =>
      access(path).then(
        () => true,
        () => false,
      ),
    ),
  );
  return found.includes(true);
}
