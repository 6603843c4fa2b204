/**
 * What GPUs of the NVIDIA driver are to this node, and how the engine attaches them: by its `nvidia` runtime, else by a
 * specification of CDI (spec resources-and-stats 14 and 17.4).
 */
import { access, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { KerneletError } from '../lib/errors.ts';
import type { NumaNode } from '../resources/affinity.ts';
import type { CudaAttachment, CudaDevice, CudaFacts, EngineVersion } from './cuda-plugin.ts';
import { readOperatorShares } from './fractional-gpu.ts';
import type { NvmlDevice, NvmlReport, NvmlSlice } from './nvml-report.ts';

/** What decides which GPUs are found: the driver's report, the operator's options, the engine. */
export interface CudaDiscovery {
  /** `library`, `cuda_library`, `device_mask` and those of shares. */
  readonly options: Readonly<Record<string, string>>;
  /** Null when the engine doesn't answer. */
  readonly engine: () => Promise<{ readonly version: string; readonly runtimes: readonly string[] } | null>;
  /** Stands for `/`. */
  readonly root?: string;
}

/** Present with the driver; the latter under Windows. */
const driverFiles = ['proc/driver/nvidia/version', 'dev/dxg'];
const cdiFolders = ['etc/cdi', 'var/run/cdi'];
const firstWithCdi = 25;

/** Whether there is a driver to ask, or the configuration names one. */
export const isDriverThere = async ({ options, root = '/' }: CudaDiscovery): Promise<boolean> =>
  options['library'] !== undefined || (await isAnyThere(driverFiles.map((file) => join(root, file))));

/**
 * What there is, by the driver's report. `idOf` names a whole GPU. Throws, in one sentence, ENGINE_UNSUPPORTED when the
 * engine can't attach GPUs, and INVALID_CONFIG for an option that is wrong.
 */
export async function cudaFacts(
  { options, engine: askEngine, root = '/' }: CudaDiscovery,
  report: NvmlReport,
  idOf: (gpu: NvmlDevice) => string,
): Promise<CudaFacts> {
  const shares = readOperatorShares('cuda', options);
  const engine = await askEngine();
  const engineVersion = parseEngineVersion(engine?.version ?? '');
  const attachment = engine && engineVersion && (await attachmentOf(engine.runtimes, engineVersion, root));
  if (!attachment) {
    throw new KerneletError(
      'ENGINE_UNSUPPORTED',
      'the engine has no runtime named nvidia, and there is no specification of CDI for nvidia.com/gpu',
    );
  }
  const shown = report.devices.filter(({ index, uuid }) => !shares.mask.has(String(index)) && !shares.mask.has(uuid));
  const devices = await Promise.all(shown.map((device) => unitsOf(device, idOf(device), root)));
  return {
    enabled: true,
    engineVersion,
    attachment,
    devices: devices.flat(),
    driverVersion: report.driverVersion,
    cudaVersion: report.cudaVersion,
    lost: report.lost.length,
    shares,
    hideFromOthers: true,
  };
}

/** A GPU that is cut into slices is not given out as a whole. */
async function unitsOf(gpu: NvmlDevice, id: string, root: string): Promise<readonly CudaDevice[]> {
  const location = gpu.busId.replace(/^0000(?=[0-9a-f]{4}:)/i, '');
  const numaNode = await numaNodeOf(location, root);
  if (gpu.slices === null) {
    const { uuid, memoryBytes, multiprocessors: processingUnits, name: modelName } = gpu;
    return [{ id, uuid, location, memoryBytes, processingUnits, numaNode, modelName }];
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
