/**
 * The figures of one container, read from its cgroup's files: no engine, no subprocess, no walk
 * (spec resources-and-stats 13.3). A container that vanishes is normal; what can't be read is missing, with the reason.
 */
import { isSystemError } from '../lib/system-error.ts';
import { type CgroupMount, cgroupFolder, parseMembership, unifiedFolder } from './cgroup.ts';
import {
  type ContainerCollector,
  type ContainerPlace,
  containerCpu,
  containerDisk,
  containerMemory,
  containerNetwork,
  containerPressure,
  containerProcesses,
  type ReadFigures,
} from './container-collectors.ts';
import { type ContainerSample, emptySample, type MissingMetric, missingMetricOf } from './container-sample.ts';
import type { OpenFileCache } from './open-file-cache.ts';

/** All collectors, in the order in which they read. */
const collectors: readonly ContainerCollector[] = [
  containerCpu,
  containerMemory,
  containerProcesses,
  containerDisk,
  containerNetwork,
  containerPressure,
];

const gone = ['ENOENT', 'ESRCH', 'ENODEV'] as const;

/** What a reader needs of the host. */
export interface ReaderHost {
  readonly files: OpenFileCache;
  /** The hierarchies of this host. */
  readonly mounts: readonly CgroupMount[];
  readonly nodeMemoryBytes: number;
  /** `/proc`, but in tests. */
  readonly processRoot: string;
}

/** A container whose figures are read again and again. Dispose it when the container is no longer of interest. */
export class ContainerReader implements Disposable {
  readonly #host: ReaderHost;
  readonly #membershipPath: string;
  readonly #membership: string;
  readonly #opened: Disposable[] = [];
  readonly #collectors: readonly { readonly name: string; readonly read: ReadFigures }[];
  /** Of collectors whose files this host doesn't show. */
  readonly #alwaysMissing: readonly MissingMetric[];
  #wasRead = false;

  private constructor(host: ReaderHost, processFolder: string, membership: string) {
    this.#host = host;
    this.#membershipPath = `${processFolder}/cgroup`;
    this.#membership = membership;
    const place = this.#place(processFolder);
    const opened = collectors.map((collector) => ({ ...collector, read: collector.open(place) }));
    this.#collectors = opened.flatMap(({ name, read }) => (read === null ? [] : [{ name, read }]));
    this.#alwaysMissing = opened
      .filter(({ needed, read }) => needed && read === null)
      .map(({ name }) => ({ source: name, reason: 'the cgroup of the container is not to be seen from here' }));
  }

  /**
   * By the pid of the container's first process. null when the container has vanished: the process is not there, or
   * its pid is another's by now, whose cgroups don't bear the container's id. Throws what the system says otherwise.
   */
  static open(host: ReaderHost, pid: number, containerId: string): ContainerReader | null {
    const processFolder = `${host.processRoot}/${pid}`;
    try {
      const membership = readOnce(host.files, `${processFolder}/cgroup`);
      return membership.includes(containerId) ? new ContainerReader(host, processFolder, membership) : null;
    } catch (thrown) {
      if (isSystemError(thrown, ...gone)) return null;
      throw thrown;
    }
  }

  /** The figures now; null when the container has vanished. */
  read(): ContainerSample | null {
    const missing: MissingMetric[] = [...this.#alwaysMissing];
    const sample: ContainerSample = { ...emptySample, missing };
    for (const { name, read } of this.#collectors) {
      try {
        Object.assign(sample, read());
      } catch (thrown) {
        const isGone = isSystemError(thrown, ...gone);
        if (isGone && !this.#lives()) return null;
        missing.push(missingMetricOf(name, thrown));
      }
    }
    // A file that not every host has may be absent at first because the container was going.
    if (!this.#wasRead && !this.#lives()) return null;
    this.#wasRead = true;
    return sample;
  }

  /** The pids of its processes, as the host counts them; null when the container has vanished. */
  pids(): readonly number[] | null {
    const membership = parseMembership(this.#membership);
    const folder = cgroupFolder('memory', membership, this.#host.mounts);
    if (folder === null) return [];
    try {
      const text = readOnce(this.#host.files, `${folder.path}/cgroup.procs`);
      return text
        .split('\n')
        .filter((line) => /^[1-9]\d*$/.test(line))
        .map(Number);
    } catch (thrown) {
      if (isSystemError(thrown, ...gone)) return null;
      throw thrown;
    }
  }

  [Symbol.dispose](): void {
    for (const file of this.#opened) file[Symbol.dispose]();
  }

  /** Whether the process is still there and in the same cgroups. */
  #lives(): boolean {
    try {
      return readOnce(this.#host.files, this.#membershipPath) === this.#membership;
    } catch {
      return false;
    }
  }

  #place(processFolder: string): ContainerPlace {
    const { files, mounts, nodeMemoryBytes } = this.#host;
    const membership = parseMembership(this.#membership);
    const kept = <T extends Disposable>(file: T): T => {
      this.#opened.push(file);
      return file;
    };
    return {
      processFolder,
      nodeMemoryBytes,
      folder: (controller) => cgroupFolder(controller, membership, mounts),
      unified: () => unifiedFolder(membership, mounts),
      file: (path) => kept(files.file(path)),
      optional: (path) => kept(files.optional(path)),
    };
  }
}

function readOnce(files: OpenFileCache, path: string): string {
  using file = files.file(path);
  return file.read();
}
