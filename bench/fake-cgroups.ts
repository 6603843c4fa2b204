/** Containers that are only their files: cgroups and `/proc` folders of v2, in a folder, read with real system calls. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { asContainerId, parseKernelId, parseSessionId } from '../src/lib/ids.ts';
import { installationRoot } from '../src/lib/installation.ts';
import { parseCgroupMounts } from '../src/stats/cgroup.ts';
import type { ReaderHost } from '../src/stats/container-reader.ts';
import type { StatsTarget } from '../src/stats/kernel-statistics-store.ts';
import { OpenFileCache } from '../src/stats/open-file-cache.ts';

const recorded = readFileSync(path.join(installationRoot(), 'test/fixtures/cgroups/v2-cgroupfs.txt'), 'utf8');
const recordedId = '56d686656cfeaf194fce05e4bc4e237f05ff4d55ce4c1612a8e680a22f2cbeb0';
const parts = recorded.split(/^== (.*)\n/m).slice(1);

/** A host with such containers. */
export class FakeCgroups {
  readonly #folder: string;
  readonly host: ReaderHost;

  constructor(folder: string) {
    this.#folder = folder;
    this.host = {
      files: new OpenFileCache({ maxOpen: 10_000 }),
      mounts: parseCgroupMounts(`30 23 0:26 / ${folder}/sys/fs/cgroup rw - cgroup2 cgroup2 rw\n`),
      nodeMemoryBytes: 16e9,
      processRoot: path.join(folder, 'proc'),
    };
  }

  /** The pid of a container. */
  readonly pidOf = async (containerId: string): Promise<number> => Number.parseInt(containerId, 16);

  add(index: number): StatsTarget {
    const pid = String(1_000_000 + index);
    const containerId = Number(pid).toString(16).padStart(64, '0');
    this.write(containerId, pid);
    const kernelId = parseKernelId(`00000000-0000-4000-8000-${pid.padStart(12, '0')}`);
    const sessionId = parseSessionId(kernelId);
    return { kernelId, sessionId, containerId: asContainerId(containerId), scratchLimitBytes: null };
  }

  /** Writes the files of a container with this process. */
  write(containerId: string, pid: string): void {
    for (let part = 0; part < parts.length; part += 2) {
      const place = (parts[part] ?? '').replace(recordedId, containerId).replace('/4242/', `/${pid}/`);
      if (place.startsWith('/proc/self')) continue;
      const file = path.join(this.#folder, place);
      mkdirSync(path.dirname(file), { recursive: true });
      writeFileSync(file, (parts[part + 1] ?? '').replaceAll(recordedId, containerId));
    }
  }
}
