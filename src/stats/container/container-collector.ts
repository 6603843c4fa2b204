/** What a collector of a container's figures is: which files they lie in, and how they are read. One file each in this folder. */
import type { CgroupFolder } from '../cgroup.ts';
import type { ContainerSample } from '../container-sample.ts';
import type { KeptFile } from '../open-file-cache.ts';

/** Where the files of one container lie. What is opened here is closed with the container. */
export interface ContainerPlace {
  /** Its `/proc` folder. */
  readonly processFolder: string;
  /** Where a controller's files are; null where the host has none. */
  folder(controller: string): CgroupFolder | null;
  /** Its folder of the v2 tree; null where there is no such tree. */
  unified(): string | null;
  /** A file that must be there. */
  file(path: string): Pick<KeptFile, 'read'>;
  /** A file that not every host has. */
  optional(path: string): { read(): string | null };
  /** What the node has, for containers without a limit. */
  readonly nodeMemoryBytes: number;
}

/** Reads the figures now. Throws UnexpectedText or the system's error. */
export type ReadFigures = () => Partial<ContainerSample>;

/** Figures that are read together, since they lie in the same files. */
export interface ContainerCollector {
  readonly name: string;
  /** Whether a host without it has something wrong, which is reported. */
  readonly needed?: true;
  /** null where the host has nothing of it. */
  open(place: ContainerPlace): ReadFigures | null;
}
